"""``digest subscribers``: who gets mail, one by one and as lists."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from digest import files
from digest.actions import erasing, subscriber_lists, subscribers
from digest.actions.subscriber_lists import ImportReport
from digest.actions.subscribers import SubscriberLine
from digest.cli._context import AsJson, opened, options_of
from digest.cli._output import print_line, print_table, progress, show
from digest.model import SubscriberStatus
from digest.subscribers.lists import ListFormat, csv_line

Address = Annotated[str, typer.Argument(help="A mail address.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Who gets mail.")
    group.command(name="list")(list_subscribers)
    group.command()(add)
    group.command()(remove)
    group.command()(erase)
    group.command(name="import")(import_list)
    group.command(name="export")(export_list)
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


def erase(
    context: typer.Context,
    address: Address,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Erase all that names an address; it stays suppressed, by a hash. Cannot be undone."""
    with opened(context) as app:
        subscriber_id = subscribers.identify(app, address)
        if not yes:
            typer.confirm(f"Erase {address} and all that is theirs?", abort=True)
        erasing.erase(app, subscriber_id, via=subscribers.OWNER)
    print_line("erased")


def import_list(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A CSV file.")],
    profile: Annotated[
        list[str] | None,
        typer.Option(help="Profile for the rows that name none; may be repeated."),
    ] = None,
    format_: Annotated[
        ListFormat | None,
        typer.Option("--format", help="Insist on this format; else it is seen from the header."),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=MEANING: what a column says; ignore, refusal, consent, confirmation, "
            "status or address. May be repeated."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen; change nothing.")
    ] = False,
    rejected: Annotated[
        Path | None, typer.Option(help="Write the lines that were not taken into this file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add the subscribers of a CSV file. Whoever left, bounced or complained stays out.

    Exports of Ghost, Mailchimp, Brevo, Substack, Buttondown and others are understood by what
    their columns mean; one that may carry a refusal and is not understood stops the import.
    Exit code 1 where lines were not taken; each is named, and all others are in.
    """
    with opened(context) as app, progress("importing", hidden=options_of(context).quiet) as done:
        report = subscriber_lists.import_list(
            app,
            file.read_bytes(),
            name=file.name,
            profile_names=profile or (),
            reading=subscriber_lists.reading_of(column or (), format_),
            dry_run=dry_run,
            on_progress=done,
        )
    if rejected and report.bad:
        lines = (csv_line((bad.line, bad.reason, *bad.cells)) for bad in report.bad)
        files.write(rejected, "".join(lines).encode())
    show(report, as_json=as_json, human=_print_import)
    if report.bad:
        raise typer.Exit(1)


def export_list(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="Where to write; standard output if absent.")
    ] = None,
    format_: Annotated[
        ListFormat, typer.Option("--format", help="Whose columns.")
    ] = ListFormat.DIGEST,
    status: Annotated[SubscriberStatus | None, typer.Option(help="Only of this status.")] = None,
) -> None:
    """Write all subscribers as CSV; listmonk's format holds the confirmed ones by default."""
    with opened(context) as app:
        lines = subscriber_lists.export_list(app, format_, status=status)
        if file is None:
            sys.stdout.writelines(lines)
            return
        with files.writing(file) as written:
            written.writelines(line.encode() for line in lines)


def _print_import(report: ImportReport) -> None:
    would = "would be " if report.is_dry_run else ""
    print_line(
        f"{report.rows} rows ({report.encoding}): {report.added} {would}added, "
        f"{report.known} known, {report.held} left before, {report.duplicates} doubled, "
        f"{len(report.bad)} not taken; {report.subscribed} subscriptions"
    )
    wishes = ", ".join(report.wish_columns) or "no column"
    print_line(
        f"in the file: {report.confirmed} want mail, {report.unconfirmed} have not confirmed, "
        f"{report.unsubscribed} must not get mail; decided by: {wishes}"
    )
    if report.without_profile:
        print_line(f"{report.without_profile} have no profile: name one with --profile")
    if report.unused_columns:
        print_line(f"columns not used: {', '.join(report.unused_columns)}")
    for bad in report.bad:
        print_line(f"! line {bad.line}: {bad.reason}")


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
