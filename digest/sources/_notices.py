"""What the owner is told of a source that answers well: its days are not whole, or it is silent.

Pure: once when it begins, after as long as it may cure itself, and once when it is over. Failing
polls are another matter (``_state``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from digest.model import Completeness
from digest.sources._completeness import UNFINISHED
from digest.sources._rhythm import Silence

INCOMPLETE, SILENT = "incomplete", "silent"
PATIENCE = timedelta(hours=6)
"""A day that is late or half there mostly gets whole by itself within the morning."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something to be known of a source, since when, and whether the owner was told."""

    text: str
    since: datetime
    told: bool = False


@dataclass(frozen=True, kw_only=True)
class Changed:
    """The notices after a good poll, and what is to be done about them."""

    notices: Mapping[str, Notice] = field(default_factory=dict)
    """By kind."""
    begun: Mapping[str, str] = field(default_factory=dict)
    """Kind and sentence of those that the owner is to be told of now."""
    over: tuple[str, ...] = ()
    """Kinds of those that the owner was told of and that are over."""


def after_good_poll(
    before: Mapping[str, Notice],
    *,
    completeness: Completeness | None,
    why: str,
    silence: Silence | None,
    now: datetime,
) -> Changed:
    """Return what there is to be known after a poll that succeeded.

    ``why`` says what is not whole. Without ``completeness`` nothing came that could be judged, and
    what was said of it before stands.
    """
    texts = {}
    if completeness is None and INCOMPLETE in before:
        texts[INCOMPLETE] = before[INCOMPLETE].text
    elif completeness in UNFINISHED:
        texts[INCOMPLETE] = why or f"the answer is {completeness}"
    if silence is not None:
        texts[SILENT] = str(silence)
    notices, begun = {}, {}
    for kind, text in texts.items():
        known = before.get(kind)
        since, told = (known.since, known.told) if known else (now, False)
        waits = completeness is not Completeness.TRUNCATED and now - since < PATIENCE
        if not told and not (kind == INCOMPLETE and waits):
            told = True
            begun[kind] = text
        notices[kind] = Notice(text=text, since=since, told=told)
    over = tuple(kind for kind, old in before.items() if old.told and kind not in notices)
    return Changed(notices=notices, begun=begun, over=over)


def to_document(notices: Mapping[str, Notice]) -> dict[str, Any]:
    """Return notices as a JSON value."""
    return {
        kind: {"text": one.text, "since": one.since.isoformat(), "told": one.told}
        for kind, one in notices.items()
    }


def from_document(document: Mapping[str, Any]) -> dict[str, Notice]:
    """Read notices back."""
    return {
        kind: Notice(
            text=one["text"],
            since=datetime.fromisoformat(one["since"]).astimezone(UTC),
            told=one["told"],
        )
        for kind, one in document.items()
    }
