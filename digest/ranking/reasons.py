"""Word the reason of a pick from the real parts of its score. Scores nothing.

"matches kernel fusion and 3 papers you liked; 57 votes since yesterday".
"""

from __future__ import annotations

from datetime import datetime

from digest.model import Paper
from digest.ranking.choose import EXPLORATION
from digest.ranking.interests import Sheet

LIKE_SHOWS = 0.2
"""A liked paper is named as near from this cosine on."""

LIKENESS_SHOWS = -0.105
"""Nearness is told of from this log(1 - strength) on: a strength of 0.1."""


def reason(
    sheet: Sheet,
    row: int | None,
    position: int,
    *,
    section: str,
    now: datetime,
    carried: bool,
    near: int = 0,
) -> str:
    """Return one sentence of true parts; never empty. ``row`` is None without interests."""
    parts = []
    if section == EXPLORATION:
        parts.append("from outside your interests")
    elif row is not None and (text := _interest(sheet, row, position, near)):
        parts.append(text)
    if gain := sheet.window.gain(position):
        paper = sheet.window.papers[position]
        parts.append(_took_off(paper, gain) if sheet.window.late[position] else gain)
    if carried:
        paper = sheet.window.papers[position]
        days = max((now.date() - paper.first_seen_at.date()).days, 1)
        parts.append(f"found {days} {'day' if days == 1 else 'days'} ago, not shown to you yet")
    return "; ".join(parts) or "new today"


def _took_off(paper: Paper, gain: str) -> str:
    """Say that an older paper took off: "took off since it came out on April 3: 120 votes ..."."""
    day = paper.announced_on or paper.first_seen_at.date()
    return f"took off since it came out on {day:%B} {day.day}: {gain}"


def _interest(sheet: Sheet, row: int, position: int, near: int) -> str:
    told = []
    if matches := sheet.authors(row, position)[:2]:
        names = _listed([m.printed for m in matches])
        sure = all(m.is_certain for m in matches)
        told.append(f"by {names}, whom you follow" if sure else f"by {names}, perhaps followed")
    matched = sheet.matched(row, position)[:3]
    if near:
        matched.append(f"{near} {'paper' if near == 1 else 'papers'} you liked")
    if matched:
        told.append(f"matches {_listed(matched)}")
    if places := sheet.institutions(row, position):
        told.append(f"from {_listed(list(places[:2]))}")
    if not told and sheet.likeness[row, position] <= LIKENESS_SHOWS:
        told.append(f"near in meaning to {sheet.tastes[row].interest.name}")
    if not told and (category := sheet.category(row, position)):
        told.append(f"in {category}")
    return ", ".join(told)


def _listed(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
