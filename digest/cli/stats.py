"""``digest stats``: how the installation has been doing, in the terminal or as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from digest.actions import stats as actions
from digest.actions.stats import Panel, Series, Stats
from digest.cli._context import AsJson, opened
from digest.cli._output import print_line, print_table, show
from digest.cli._pictures import write_picture
from digest.rendering import charts

LEVELS = "▁▂▃▄▅▆▇█"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(stats)


def stats(
    context: typer.Context,
    days: Annotated[int, typer.Option(min=2, max=3660, help="How many days back.")] = 30,
    out: Annotated[
        Path | None, typer.Option(help="Draw into this file: .svg, or .png with the extra charts.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show papers, picks, feedback, mail and readers, day by day."""
    with opened(context) as app:
        found = actions.collect(app, days=days)
        name = app.config.settings.digest.name
    if out is not None:
        title = f"{name}, {found.days[0]} to {found.days[-1]}"
        write_picture(charts.page(title, found.days, found.panels), out)
        print_line(f"written: {out}")
        return
    show(found, as_json=as_json, human=_print)


def _print(found: Stats) -> None:
    print_line(f"{found.days[0]} to {found.days[-1]}")
    for panel in found.panels:
        print_line()
        if any(value for line in panel.series for value in line.values):
            _panel(panel)
        else:
            print_line(f"{panel.title}: none")
    print_line()
    print_line("readers: " + ", ".join(f"{n} {status}" for status, n in found.readers.items()))


def _panel(panel: Panel) -> None:
    is_share = panel.kind == "shares"
    is_level = panel.name == "growth"
    print_table(
        (panel.title, "", "last", "mean" if is_share or is_level else "total"),
        [
            (
                line.name,
                spark(line.values, top=1.0 if is_share else None),
                _number(line.last),
                _number(_mean(line) if is_share or is_level else line.total),
            )
            for line in panel.series
        ],
        right="last total mean",
    )


def spark(values: tuple[float | None, ...], *, top: float | None = None) -> str:
    """Return a bar a day, as high as its value; a blank where there is none."""
    highest = top or max((value or 0 for value in values), default=0) or 1
    return "".join(
        " " if value is None else LEVELS[min(7, int(8 * value / highest))] if value else "·"
        for value in values
    )


def _mean(line: Series) -> float | None:
    known = [value for value in line.values if value is not None]
    return sum(known) / len(known) if known else None


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"
