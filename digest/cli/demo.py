"""``digest demo``: the whole program in a minute, without an account or a network."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from digest.cli._context import AsJson
from digest.cli._output import print_json, print_line
from digest.cli.run import poll_line
from digest.demo.play import DemoReport, play
from digest.model import PollReport
from digest.pipeline.planning import PlanReport
from digest.pipeline.sending import SendReport
from digest.text.counting import counted


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the store, the mails and the files.")] = (
        Path("digest-demo")
    ),
    open_mail: Annotated[bool, typer.Option("--open", help="Show one mail in a browser.")] = False,
    as_json: AsJson = False,
) -> None:
    """Play two sample days on this machine: poll, rank, compose, deliver. Nothing leaves it."""
    if not as_json:
        print_line("Playing two sample days: sources over HTTP, mail over SMTP, all on 127.0.0.1.")
    report = play(out, on_stage=None if as_json else _tell)
    failed = any(run.problems for run in report.runs)
    if as_json:
        print_json(report)
    else:
        _print_end(report)
    if open_mail and report.mails and (page := report.mails[-1].html):
        webbrowser.open(page.as_uri())
    if failed or not report.mails:
        raise typer.Exit(1)


def _tell(stage: str, found: object) -> None:
    if stage == "poll" and isinstance(found, tuple):
        print_line()
        for poll in found:
            if isinstance(poll, PollReport):
                print_line(f"  poll    {poll_line(poll)}")
    elif isinstance(found, PlanReport):
        print_line(
            f"  rank    {counted(found.mailed, 'edition')}, {counted(found.picks, 'paper')} picked"
        )
    elif isinstance(found, SendReport):
        print_line(f"  deliver {counted(found.counts['sent'], 'mail')} accepted by the next hop")


def _print_end(report: DemoReport) -> None:
    for run in report.runs:
        for problem in run.problems:
            print_line(f"! {problem}")
    print_line()
    print_line("The mails, as .eml, .html and .txt:")
    for mail in report.mails:
        print_line(f"  {mail.html or mail.eml}")
        print_line(f"      to {mail.recipient}: {mail.subject}")
    print_line()
    print_line("Next:")
    print_line("  digest demo --open       shows one of them")
    print_line("  digest init              writes a configuration of your own")
    print_line("  digest run               polls the real sources and mails what is due")
