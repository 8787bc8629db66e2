"""``digest doctor``: what is well, what is not, and what to do."""

from __future__ import annotations

import typer

from digest.actions.doctor import Finding, Level, examine
from digest.cli._context import AsJson, opened
from digest.cli._output import print_line, show


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor(context: typer.Context, as_json: AsJson = False) -> None:
    """Check configuration, store, clock, sources, relays, sender and links; mails nothing.

    Exit code 0: nothing is wrong (there may be warnings); 1: something is; 2: the configuration.
    """
    with opened(context) as app:
        findings = examine(app)
    show(findings, as_json=as_json, human=_print)
    if any(finding.level is Level.WRONG for finding in findings):
        raise typer.Exit(1)


def _print(findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        print_line(f"{finding.level:<8} {finding.subject}: {finding.message}")
        if finding.advice:
            print_line(f"         -> {finding.advice}")
