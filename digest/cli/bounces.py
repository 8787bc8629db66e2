"""``digest bounces``: take in what came back, or list what did."""

from __future__ import annotations

from typing import Annotated

import typer

from digest.actions import bounces
from digest.actions.settling import BounceReport
from digest.cli._context import AsJson, opened, options_of
from digest.cli._output import print_line, print_table, progress, show
from digest.store.bounces import BounceRow
from digest.text.counting import counted


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("bounces")(take_in)


def take_in(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="Most mails read in this pass.")] = 2_000,
    latest: Annotated[
        int, typer.Option(min=0, help="List so many of those taken in before; read nothing.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Read the mailbox of refusals and complaints once; suppress who is gone or complains.

    Nothing is deleted: what was understood is marked as read, what cannot be read and reports
    about nobody known here are flagged, other mail stays as it is.
    """
    with opened(context) as app:
        if latest:
            show(bounces.latest(app, limit=latest), as_json=as_json, human=_print_rows)
            return
        hidden = as_json or options_of(context).quiet
        with progress("mails", hidden=hidden) as advance:
            report = bounces.take_in(app, limit=limit, on_progress=advance)
    show(report, as_json=as_json, human=_print_report)


def _print_report(report: BounceReport) -> None:
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(report.kinds.items()))
    print_line(f"{counted(report.seen, 'mail')} read: {kinds or 'nothing about our mail'}")
    print_line(
        f"{report.suppressed} addresses suppressed, {report.scored} soft bounces counted, "
        f"{report.left} unsubscribed by mail"
    )
    if report.unmatched:
        print_line(f"{report.unmatched} about nobody known here: flagged in the mailbox")
    if report.unconfirmed:
        print_line(
            f"{report.unconfirmed} could have been written by anybody: flagged, and counted when a "
            "second one comes; set domain or trusted_server of [mail.bounces]"
        )
    if report.unreadable:
        print_line(
            f"{report.unreadable} cannot be read: put aside, flagged in the mailbox; "
            "see `digest bounces --latest 50`"
        )


def _print_rows(rows: list[BounceRow]) -> None:
    print_table(
        ("received", "kind", "status", "effect", "delivery", "reason"),
        [
            (f"{r.received_at:%F %R}", r.kind, r.status, r.effect, r.delivery_id, r.reason[:80])
            for r in rows
        ],
        right="delivery",
    )
