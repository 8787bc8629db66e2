"""``digest send`` and ``digest preview``: one profile's edition now, for real or to look at."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from digest import files
from digest.actions import sending
from digest.actions.sending import Preview, SendResult
from digest.cli._context import AsJson, opened
from digest.cli._days import OnDate
from digest.cli._output import print_json, print_line, show
from digest.model import Message
from digest.text.counting import counted

ProfileName = Annotated[str, typer.Argument(metavar="PROFILE", help="Name of a profile.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(send)
    app.command()(preview)


def send(
    context: typer.Context,
    profile: ProfileName,
    to: Annotated[
        str, typer.Option(help="Mail a copy to this address only; nothing is recorded.")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be sent; change nothing.")
    ] = False,
    on: OnDate = None,
    as_json: AsJson = False,
) -> None:
    """Make and mail a profile's edition now, to its addresses or to one.

    Papers that an address was shown before are not sent to it again.
    """
    with opened(context) as app:
        result = sending.send(app, profile, to=to, dry_run=dry_run, on=on)

    def human(found: SendResult) -> None:
        for line in found.lines:
            print_line(line)

    show(result, as_json=as_json, human=human)
    if not result.ok:
        raise typer.Exit(1)


def preview(
    context: typer.Context,
    profile: ProfileName,
    out: Annotated[
        Path | None, typer.Option(help="Write edition.html, .txt and .eml into this folder.")
    ] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Show the HTML in a browser.")] = False,
    on: OnDate = None,
    as_json: AsJson = False,
) -> None:
    """Show the very bytes that would be sent, their size, and what the lint says of them."""
    with opened(context) as app:
        found = sending.preview(app, profile, on=on)
        limit = app.config.settings.mail.body_limit_kb
    written = write_message(found.message, out) if out else None
    if as_json:
        print_json(found.summary)
    else:
        if not out:
            print_line(found.message.text)
        _print_summary(found, limit)
    if written:
        print_line(f"written: {written}")
    if open_page:
        page = written or write_message(found.message, Path.cwd() / "digest-preview")
        webbrowser.open((page / "edition.html").absolute().as_uri())
    if found.forbidden:
        raise typer.Exit(1)


def _print_summary(found: Preview, limit_kb: int) -> None:
    summary = found.summary
    print_line(
        f"subject: {found.message.subject}\n"
        f"{counted(summary.picks, 'paper')}; {summary.html_kb:.1f} KB of HTML "
        f"(limit {limit_kb} KB), {summary.message_kb:.1f} KB in all"
    )
    for finding in summary.findings:
        print_line(f"! {finding}")


def write_message(message: Message, folder: Path) -> Path:
    """Write a message as three files: its HTML, its text, and the whole mail."""
    files.write(folder / "edition.html", message.html.encode())
    files.write(folder / "edition.txt", message.text.encode())
    files.write(folder / "edition.eml", message.content)
    return folder
