"""Read the forms in which readers say what they want: interests, an upload, times, sections.

What cannot be read is a ValueError with a sentence for the reader; nothing is stored here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, time
from functools import lru_cache
from typing import Any, get_args
from zoneinfo import available_timezones

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from digest.model import Frequency, Interest, OnEmpty, Profile, Schedule
from digest.subscribers.cadence import WEEKDAYS
from digest.subscribers.interests import (
    MOST_INTERESTS,
    TypedInterest,
    distinct,
    read_interest,
    read_items,
    typed_interest,
)
from digest.subscribers.slots import LONGEST_PAUSE

MOST_PAPERS = 50
DEFAULT_TITLE = "Trending papers"
LENGTHS = (5, 10, 15, 20, 30, 50)
WEIGHTS = (("0.1", "My interests, hardly the trend"), ("0.3", "My interests, then the trend"),
           ("0.6", "The trend, then my interests"))  # fmt: skip
_FIELDS = (("name", 120), ("terms", 4000), ("categories", 1000), ("authors", 4000),
           ("papers", 40_000), ("text", 4000))  # fmt: skip
_ABSTRACTS = get_args(Profile.__annotations__["abstracts"]) or ("none", "short", "full")


@dataclass(frozen=True, kw_only=True)
class Posted:
    """A posted form: its texts, and the files that came with it."""

    form: FormData
    files: Mapping[str, tuple[str, bytes]] = field(default_factory=dict)
    is_whole: bool = True
    """All of it came in, and could be read."""

    def text(self, name: str, longest: int = 300) -> str:
        """Return a field's text, trimmed and cut; empty where it is missing or a file."""
        value = self.form.get(name, "")
        return value.strip()[:longest] if isinstance(value, str) else ""

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of a field that may occur more than once."""
        return tuple(value for value in self.form.getlist(name) if isinstance(value, str))

    def has(self, name: str) -> bool:
        """Tell whether a box was ticked or a button pressed."""
        return name in self.form

    def file(self, name: str) -> tuple[str, bytes]:
        """Return a file's name and content; both empty where none was chosen."""
        return self.files.get(name, ("", b""))


async def posted(request: Request) -> Posted:
    """Read a posted form of either encoding; an empty one where it cannot be read."""
    try:
        form = await request.form(max_files=2, max_fields=300)
    except (HTTPException, ClientDisconnect, ValueError):
        return Posted(form=FormData(), is_whole=False)
    files = {
        name: (value.filename[:100], await value.read())
        for name, value in form.items()
        if isinstance(value, UploadFile) and value.filename
    }
    await form.close()
    return Posted(form=form, files=files)


def typed_interests(form: Posted, *, with_removed: bool = False) -> list[TypedInterest]:
    """Return the interests as they were typed, without those whose box says to remove them."""
    found = []
    for n in range(MOST_INTERESTS + 1):
        typed = _typed(form, n)
        is_removed = form.has(f"remove-{n}") and not with_removed
        if (typed.name or not typed.is_empty) and not is_removed:
            found.append(typed)
    return found


def _typed(form: Posted, n: int) -> TypedInterest:
    return TypedInterest(**{name: form.text(f"{name}-{n}", most) for name, most in _FIELDS})


def changed_interests(form: Posted, profile: Profile) -> tuple[Interest, ...]:
    """Return a profile's interests as the form wants them.

    What the form does not show of an interest (quotas, disliked papers, a library that is kept)
    stays with the interest that stood in its place.
    """
    wanted = []
    for n in range(MOST_INTERESTS + 1):
        typed = _typed(form, n)
        before = profile.interests[n] if n < len(profile.interests) else None
        if before is not None and form.has(f"forget-{n}"):
            before = replace(before, library="")
        has_more = before is not None and bool(before.library or before.institutions)
        if form.has(f"remove-{n}") or (typed.is_empty and not has_more):
            continue
        wanted.append(_merged(before, read_interest(typed)))
    return distinct(wanted)


def _merged(before: Interest | None, after: Interest) -> Interest:
    if before is None:
        return after
    weights = {(term.text, term.mode): term for term in before.terms}
    return replace(
        before,
        name=after.name,
        terms=tuple(weights.get((term.text, term.mode), term) for term in after.terms),
        categories=after.categories,
        authors=after.authors,
        liked=after.liked,
        text=after.text,
    )


def typed_of(profile: Profile) -> list[TypedInterest]:
    """Return the form's fields for each interest of a profile."""
    return [typed_interest(interest) for interest in profile.interests]


def read_schedule(form: Posted, before: Schedule, *, today: date | None = None) -> Schedule:
    """Return when editions are wanted; a pause is read only where the form has one: with a day."""
    frequency = form.text("frequency") or before.frequency.value
    if frequency not in set(Frequency):
        raise ValueError("Choose how often: daily or weekly.")
    weekdays = _weekdays(form, before)
    zone = form.text("time_zone") or before.time_zone
    if zone not in available_timezones():
        raise ValueError("The time zone is not known: choose one such as Europe/Berlin.")
    return replace(
        before,
        frequency=Frequency(frequency),
        weekdays=weekdays,
        time_zone=zone,
        send_time=_send_time(form.text("send_time")) if form.has("send_time") else before.send_time,
        paused_until=_pause(form.text("paused_until"), today)
        if today is not None and form.has("paused_until")
        else before.paused_until,
    )


def read_length(form: Posted, before: int) -> int:
    """Return how many papers an edition may pick."""
    text = form.text("max_papers") or str(before)
    if text not in {str(number) for number in range(1, MOST_PAPERS + 1)}:
        raise ValueError(f"The number of papers is from 1 to {MOST_PAPERS}.")
    return int(text)


def read_sections(form: Posted, before: Profile) -> dict[str, Any]:
    """Return what else an edition holds: fields of a Profile."""
    weight = form.text("trending_weight")
    abstracts = form.text("abstracts")
    kept_weight = f"{before.trending_weight:g}"
    return {
        "mutes": read_items(form.text("mutes", 4000)),
        "sources": form.all("source")[:100],
        "all_titles": form.has("all_titles"),
        "updates": form.has("updates"),
        "community": form.has("community") if form.has("community_shown") else before.community,
        "exploration": (before.exploration or 0.1) if form.has("exploration") else 0.0,
        "on_empty": OnEmpty.NOTE if form.has("note_when_empty") else OnEmpty.SKIP,
        "abstracts": abstracts if abstracts in _ABSTRACTS else before.abstracts,
        "trending_weight": float(weight)
        if weight in {value for value, _ in WEIGHTS} | {kept_weight}
        else before.trending_weight,
    }


def title_of(interests: tuple[Interest, ...]) -> str:
    """Return what a digest of these interests is called."""
    names = [interest.name for interest in interests]
    if not names:
        return DEFAULT_TITLE
    title = ", ".join(names[:2]) + (f" and {len(names) - 2} more" if names[2:] else "")
    return title[:1].upper() + title[1:]


@lru_cache(maxsize=1)
def zones() -> tuple[str, ...]:
    """Return the time zones that people live in, by name."""
    hidden = ("Etc/", "SystemV/", "posix", "right", "US/", "GMT", "localtime", "Factory")
    found = {zone for zone in available_timezones() if "/" in zone and not zone.startswith(hidden)}
    return ("UTC", *sorted(found))


def as_query(texts: Mapping[str, str]) -> TypedInterest:
    """Return the interest that an address carries: ``?terms=...&categories=...&authors=...``."""
    return TypedInterest(
        terms=texts.get("terms", "")[:2000],
        categories=texts.get("categories", "")[:400],
        authors=texts.get("authors", "")[:1000],
        papers=texts.get("papers", "")[:2000],
    )


def _weekdays(form: Posted, before: Schedule) -> tuple[int, ...]:
    if not form.has("weekday") and not form.has("weekdays_shown"):
        return before.weekdays
    chosen = set(form.all("weekday"))
    weekdays = tuple(number for number in range(len(WEEKDAYS)) if str(number) in chosen)
    if not weekdays:
        raise ValueError("Choose at least one weekday, or unsubscribe.")
    return weekdays


def _send_time(text: str) -> time:
    try:
        return time.fromisoformat(text).replace(second=0, microsecond=0, tzinfo=None)
    except ValueError as exc:
        raise ValueError("The hour is not readable: write one such as 07:30.") from exc


def _pause(text: str, today: date) -> date | None:
    try:
        until = date.fromisoformat(text) if text else None
    except ValueError as exc:
        raise ValueError("The date is not readable: write one such as 2026-08-31.") from exc
    if until is not None and until - today > LONGEST_PAUSE:
        raise ValueError("A pause ends within ten years: choose an earlier date, or unsubscribe.")
    return until
