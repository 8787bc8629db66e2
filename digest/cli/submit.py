"""``digest submit``: name papers that no source brings."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from digest.actions import submitting
from digest.actions.submitting import Submitted
from digest.cli._context import AsJson, opened
from digest.cli._output import print_line, print_table, show
from digest.store.submissions import Submission, SubmissionState


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(submit)


def submit(
    context: typer.Context,
    references: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[URL_OR_ID]...",
            help="arXiv ids, DOIs, PMIDs or addresses; - reads them from standard input, one a "
            "line; none lists what was submitted.",
        ),
    ] = None,
    source: Annotated[str, typer.Option(help="Which inbox, if there are several.")] = "",
    later: Annotated[
        bool, typer.Option("--later", help="Leave the look-up to the next poll.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add papers by address or id; exit 1 if one is not found."""
    with opened(context) as app:
        if not references:
            show(submitting.submitted(app, source=source), as_json=as_json, human=_print_list)
            return
        done = submitting.submit(app, _spread(references), source=source, look_up=not later)
    show(done, as_json=as_json, human=_print)
    fine = {SubmissionState.FOUND, SubmissionState.WAITING if later else SubmissionState.FOUND}
    if not all(one.state in fine for one in done):
        raise typer.Exit(1)


def _spread(references: Sequence[str]) -> list[str]:
    found: list[str] = []
    for reference in references:
        found += [line.strip() for line in sys.stdin] if reference == "-" else [reference]
    return [reference for reference in found if reference]


def _print(done: Sequence[Submitted]) -> None:
    for one in done:
        print_line(f"{one.reference}: {one.state}: {one.problem or f'{one.key}  {one.title}'}")


def _print_list(found: Sequence[Submission]) -> None:
    print_table(
        ("submitted", "", "key", "title"),
        ((f"{one.at:%Y-%m-%d %H:%M}", one.state, one.paper_key or one.key, one.title or one.problem)
         for one in found),
    )  # fmt: skip
    print_line(f"{len(found)} submissions")
