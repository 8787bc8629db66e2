"""Days as options of commands, checked: ``--date 2026-04-14``."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from digest.text.days import FIRST_DAY, LAST_DAY, day_of


def a_day(text: str) -> date:
    """Return the day that an option names; raises BadParameter."""
    found = day_of(text)
    if found is None:
        raise typer.BadParameter(
            f"expected a day such as 2026-04-14, from {FIRST_DAY} to {LAST_DAY}, not {text!r}"
        )
    return found


OnDate = Annotated[
    date | None,
    typer.Option(
        "--date", parser=a_day, metavar="DAY", help="The edition of this day, not of now."
    ),
]
