"""Word how popular a paper is: "61 upvotes and 264 GitHub stars"; scores nothing."""

from __future__ import annotations

from datetime import datetime, timedelta

from digest.model import Paper
from digest.ranking.trending import Gain, Heat, weight_of

_NOUNS = {
    "hf_upvotes": ("upvote", "upvotes"),
    "hf_comments": ("comment", "comments"),
    "github_stars": ("GitHub star", "GitHub stars"),
    "hn_points": ("point on Hacker News", "points on Hacker News"),
    "hn_comments": ("comment on Hacker News", "comments on Hacker News"),
    "citations": ("citation", "citations"),
    "local_votes": ("like by a reader here", "likes by readers here"),
}
_MOST_KINDS = 2


def popularity(heat: Heat) -> str:
    """Return the counts that say most, the strongest first; empty where nothing is known.

    "61 upvotes and 264 GitHub stars".
    """
    told = [gain for gain in heat.gains if round(gain.value) >= 1]
    told.sort(key=lambda gain: (-_strength(heat, gain), -gain.value, gain.kind))
    return " and ".join(_counted(gain.kind, gain.value) for gain in told[:_MOST_KINDS])


def took_off(paper: Paper, heat: Heat, now: datetime) -> str:
    """Say that an older paper took off, and since when; empty where nothing grew.

    "took off after it came out on April 2: 40 more upvotes since April 9".
    """
    grown = [gain for gain in heat.gains if round(gain.gain) >= 1]
    if not grown:
        return ""
    best = max(grown, key=lambda gain: (_strength(heat, gain), gain.gain, gain.kind))
    day = paper.announced_on or paper.first_seen_at.date()
    more = _counted(best.kind, best.gain, more=best.since_at is not None)
    since = f" {since_words(best.since_at, now)}" if best.since_at else ""
    return f"took off after it came out on {day:%B} {day.day}: {more}{since}"


def since_words(since_at: datetime, now: datetime) -> str:
    """Return since when, as a person says it; by the days of UTC.

    >>> from datetime import UTC
    >>> since_words(datetime(2026, 4, 9, tzinfo=UTC), datetime(2026, 4, 10, 9, tzinfo=UTC))
    'since yesterday'
    """
    day = since_at.date()
    if day == now.date():
        return "since this morning" if since_at.hour < 12 <= now.hour else "in the last hours"
    if day == now.date() - timedelta(days=1):
        return "since yesterday"
    return f"since {day:%B} {day.day}"


def _strength(heat: Heat, gain: Gain) -> float:
    return weight_of(gain.kind) * heat.by_kind.get(gain.kind, 0.0)


def _counted(kind: str, value: float, *, more: bool = False) -> str:
    count = round(value)
    one, many = _NOUNS.get(kind, (kind, kind))
    return f"{count} {'more ' if more else ''}{one if count == 1 else many}"
