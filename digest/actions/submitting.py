"""Name papers by address or id: they are looked up and go through the digest like any other.

Who looks them up is the inbox source; here they are only put into its list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from digest.app import App
from digest.errors import UsageError
from digest.model import PaperKey, SubscriberStatus
from digest.pipeline.polling import poll_sources
from digest.sources import Receives
from digest.store import sources as rows
from digest.store import submissions, subscribers
from digest.store.submissions import Submission, SubmissionState

MOST_AT_ONCE = 500
MOST_A_DAY = 20
"""Papers that one reader may name within 24 hours."""
SHOWN = 50
UNKNOWN_YET = "nobody knows it yet: it will be asked for again"


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """What became of one reference."""

    reference: str
    state: SubmissionState
    key: PaperKey = ""
    title: str = ""
    problem: str = ""
    """Why it is no paper (yet); empty for those that were found."""


def submit(
    app: App,
    references: Sequence[str],
    *,
    source: str = "",
    subscriber_id: int | None = None,
    look_up: bool = True,
) -> tuple[Submitted, ...]:
    """Put papers into an inbox and, unless told otherwise, look them up at once.

    What cannot be looked up now is tried again by later polls. Raises UsageError where there is
    no inbox, and for too many references at once.
    """
    inbox = _inbox(app, source)
    keys: dict[PaperKey, str] = {}
    if len(references) > MOST_AT_ONCE:
        raise UsageError(f"{len(references)} papers are too many at once: {MOST_AT_ONCE} at most")
    receiver = app.sources[inbox]
    assert isinstance(receiver, Receives)
    for reference in references:
        if key := receiver.key_of(reference):
            keys.setdefault(key, reference)
    problem = ""
    if keys:
        with app.writing() as connection:
            rows.ensure(connection, {inbox: app.config.settings.sources[inbox].kind})
            submissions.add(connection, inbox, keys, now=app.now(), subscriber_id=subscriber_id)
    if keys and look_up:
        problem = poll_sources(app, [inbox], force=True)[0].error
    with app.reading() as connection:
        found = {one.key: one for one in submissions.load(connection, inbox, tuple(keys))}
    return tuple(_told(one, receiver.key_of(one), found, problem) for one in references)


def submitted(app: App, *, source: str = "", limit: int = 100) -> tuple[Submission, ...]:
    """Return the newest submissions. Raises UsageError where there is no inbox."""
    inbox = _inbox(app, source)
    with app.reading() as connection:
        return submissions.load(connection, inbox, limit=limit)


@dataclass(frozen=True, kw_only=True)
class Suggestions:
    """What one reader has named lately, and how many papers more they may name today."""

    found: tuple[Submission, ...]
    left: int


def suggestions(app: App, subscriber_id: int) -> Suggestions | None:
    """Return what a reader has named; None where there is no inbox or no such reader."""
    inbox = next(iter(_inboxes(app)), "")
    with app.reading() as connection:
        reader = subscribers.get(connection, subscriber_id)
        if not inbox or reader is None or reader.status is not SubscriberStatus.CONFIRMED:
            return None
        found = submissions.load(connection, inbox, subscriber_id=subscriber_id, limit=SHOWN)
    today = sum(app.now() - one.at < timedelta(days=1) for one in found)
    return Suggestions(found=found, left=max(0, MOST_A_DAY - today))


def suggest(app: App, subscriber_id: int, references: Sequence[str]) -> tuple[Submitted, ...]:
    """Let a reader name papers; they are looked up by the next poll of the inbox.

    Raises UsageError where they may not, and for more than are left for today.
    """
    known = suggestions(app, subscriber_id)
    if known is None:
        raise UsageError("papers cannot be named here")
    if len(references) > known.left:
        raise UsageError(f"{MOST_A_DAY} papers a day can be named: {known.left} more today")
    return submit(app, references, subscriber_id=subscriber_id, look_up=False)


def _inboxes(app: App) -> list[str]:
    return [known for known, source in app.sources.items() if isinstance(source, Receives)]


def _inbox(app: App, name: str) -> str:
    inboxes = _inboxes(app)
    if name and name not in inboxes:
        raise UsageError(f"{name!r} is not an enabled source of kind inbox")
    if not inboxes:
        raise UsageError(
            'there is no inbox: add [sources.inbox] with kind = "inbox" to the configuration'
        )
    return name or inboxes[0]


def _told(
    reference: str, key: PaperKey | None, found: Mapping[PaperKey, Submission], problem: str
) -> Submitted:
    if key is None:
        said = "names no paper: expected an address, an arXiv id, a DOI, PMID:... or the like"
        return Submitted(reference=reference, state=SubmissionState.FAILED, problem=said)
    one = found[key]
    said = {
        SubmissionState.FOUND: "",
        SubmissionState.FAILED: one.problem or "nobody knows it",
        SubmissionState.WAITING: one.problem or problem or UNKNOWN_YET,
    }[one.state]
    return Submitted(
        reference=reference,
        state=one.state,
        key=one.paper_key or key,
        title=one.title,
        problem=said,
    )
