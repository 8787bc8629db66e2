"""``digest doctor``: what is well, what is not, and what to do."""

from __future__ import annotations

from typing import Annotated

import typer

from digest.actions.doctor import Finding, Level, examine
from digest.cli._context import AsJson, opened
from digest.cli._output import print_line, show


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor(
    context: typer.Context,
    online: Annotated[
        bool,
        typer.Option("--online/--offline", help="Ask for the domain's records and the pages."),
    ] = True,
    dns: Annotated[str, typer.Option("--dns", help="Name server to ask: host or host:port.")] = "",
    as_json: AsJson = False,
) -> None:
    """Check configuration, store, clock, disk, outbox, sources, relays, domain and pages.

    Mails nothing.

    Exit code 0: nothing is wrong (there may be warnings); 1: something is; 2: the configuration.
    """
    with opened(context) as app:
        findings = examine(app, online=online, name_server=dns)
    show(findings, as_json=as_json, human=_print)
    if any(finding.level is Level.WRONG for finding in findings):
        raise typer.Exit(1)


def _print(findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        print_line(f"{finding.level:<8} {finding.subject}: {finding.message}")
        if finding.advice:
            print_line(f"         -> {finding.advice}")
