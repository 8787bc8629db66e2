"""``digest subscribers``: who gets mail."""

from __future__ import annotations

from typing import Annotated

import typer

from digest.actions import subscribers
from digest.actions.subscribers import SubscriberLine
from digest.cli._context import AsJson, opened
from digest.cli._output import print_line, print_table, show

Address = Annotated[str, typer.Argument(help="A mail address.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Who gets mail.")
    group.command(name="list")(list_subscribers)
    group.command()(add)
    group.command()(remove)
    app.add_typer(group, name="subscribers")


def list_subscribers(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="Only this address.")] = "",
    as_json: AsJson = False,
) -> None:
    """List subscriptions: address, profile, status, next slot."""
    with opened(context) as app:
        found = subscribers.listing(app, address=address)
    show(found, as_json=as_json, human=_table)


def add(
    context: typer.Context,
    address: Address,
    profile: Annotated[list[str], typer.Option(help="Name of a profile; may be repeated.")],
    as_json: AsJson = False,
) -> None:
    """Subscribe an address to profiles from the files, without asking it to confirm."""
    with opened(context) as app:
        found = subscribers.add(app, address, profile)
    show(found, as_json=as_json, human=_table)


def remove(context: typer.Context, address: Address) -> None:
    """Unsubscribe an address from everything, at once."""
    with opened(context) as app:
        ended = subscribers.remove(app, address)
    print_line(f"{ended} subscriptions ended")


def _table(lines: list[SubscriberLine]) -> None:
    rows = [
        (
            line.address,
            line.profile,
            line.subscription if line.status == "confirmed" else line.status,
            f"{line.next_slot_at:%Y-%m-%d %H:%M} UTC" if line.next_slot_at else "-",
        )
        for line in lines
    ]
    print_table(("address", "profile", "status", "next edition"), rows)
