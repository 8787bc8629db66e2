"""Word the reason of a pick from the real parts of its score. Scores nothing.

"matches kernel fusion and 3 papers you liked; 57 votes since yesterday".
"""

from __future__ import annotations

from datetime import datetime

from digest.model import Paper
from digest.ranking.choose import EXPLORATION
from digest.ranking.interests import Evidence
from digest.ranking.trending import Heat, gain_sentence

LIKE_SHOWS = 0.2
"""A liked paper is named as near from this cosine on."""


def reason(
    position: int,
    evidence: Evidence | None,
    heat: Heat,
    *,
    paper: Paper,
    section: str,
    now: datetime,
    carried: bool = False,
) -> str:
    """Return one sentence of true parts; never empty."""
    parts = []
    if section == EXPLORATION:
        parts.append("from outside your interests")
    elif evidence is not None and (text := _interest(position, evidence)):
        parts.append(text)
    if gain := gain_sentence(heat):
        parts.append(gain)
    if carried:
        days = max((now.date() - paper.first_seen_at.date()).days, 1)
        parts.append(f"found {days} {'day' if days == 1 else 'days'} ago, not shown to you yet")
    return "; ".join(parts) or "new today"


def _interest(position: int, evidence: Evidence) -> str:
    told = []
    if matches := evidence.authors.get(position):
        names = _listed([m.printed for m in matches[:2]])
        sure = all(m.is_certain for m in matches[:2])
        told.append(f"by {names}, whom you follow" if sure else f"by {names}, perhaps followed")
    matched = list(evidence.terms.get(position, ())[:3])
    near = near_likes(position, evidence)
    if near:
        matched.append(f"{near} {'paper' if near == 1 else 'papers'} you liked")
    if matched:
        told.append(f"matches {_listed(matched)}")
    if places := evidence.institutions.get(position):
        told.append(f"from {_listed(list(places[:2]))}")
    if not matched and evidence.parts["text"][position] >= 0.1:
        told.append(f"close to what you wrote of {evidence.interest.name}")
    if not told and (category := evidence.categories.get(position)):
        told.append(f"in {category}")
    return ", ".join(told)


def near_likes(position: int, evidence: Evidence) -> int:
    """Return how many liked papers are near this one."""
    if not evidence.liked:
        return 0
    return int((evidence.likeness[:, position] >= LIKE_SHOWS).sum())


def _listed(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
