"""Papers as the owner sees them: lists, a paper's whole story, merging and splitting by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Connection

from digest.app import App
from digest.errors import MissingError, UsageError
from digest.model import Paper
from digest.papers.identity import may_merge
from digest.store import _composing, merging, pruning, stories
from digest.store import papers as store_papers
from digest.store._memory import load_known
from digest.store.search import holding, parse_query
from digest.store.stories import Doubt, Story, story
from digest.text.clean import shorten
from digest.text.ids import parse_reference


@dataclass(frozen=True, kw_only=True)
class Merged:
    """A merge done by hand; ``merge_id`` undoes it."""

    merge_id: int
    kept: Paper
    absorbed_key: str


@dataclass(frozen=True, kw_only=True)
class Split:
    """The two papers that a merge was taken apart into."""

    first: Paper
    second: Paper


@dataclass(frozen=True, kw_only=True)
class Told:
    """Two papers that the owner says are different; ``is_new`` if that was not known."""

    first: Paper
    second: Paper
    is_new: bool


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """How many papers were removed, and what "old" meant."""

    papers: int
    before: datetime


def listed(
    app: App,
    *,
    first_on: date | None = None,
    last_on: date | None = None,
    source: str = "",
    only_new: bool = False,
    limit: int = 200,
) -> tuple[Paper, ...]:
    """Return the papers first seen on these days (UTC; today if none is named), newest first."""
    first = first_on or last_on or app.now().date()
    last = last_on or (first if first_on else app.now().date())
    if last < first:
        raise UsageError(f"the last day, {last}, is before the first, {first}")
    with app.reading() as connection:
        return store_papers.listed(
            connection,
            window_start=datetime.combine(first, time(), UTC),
            window_end=datetime.combine(last, time(), UTC) + timedelta(days=1),
            source=source,
            only_new=only_new,
            limit=limit,
        )


def show(app: App, key: str) -> Story:
    """Return a paper's whole story. Raises UsageError where there is no such paper."""
    with app.reading() as connection:
        return story(connection, find(connection, key))


def merge(app: App, key: str, other_key: str, *, force: bool = False) -> Merged:
    """Make two papers one; the older stays.

    Raises UsageError where they have different ids of one scheme, unless forced.
    """
    with app.writing() as connection:
        papers = (find(connection, key), find(connection, other_key))
        if papers[0].row_id == papers[1].row_id:
            raise UsageError(f"{key} and {other_key} are the same paper already")
        known = load_known(connection, [paper.row_id for paper in papers])
        ordered = sorted(known.values(), key=lambda one: (one.first_seen_at, one.ref))
        if not force and (reason := may_merge(*ordered)):
            raise UsageError(f"not merged: {reason} (--force merges all the same)")
        kept, absorbed = ordered
        merge_id = merging.merge(
            connection,
            kept=kept.ref,
            absorbed=absorbed.ref,
            reason="the owner said so",
            evidence={"keys": [key, other_key]},
            now=app.now(),
        )
        _composing.recompose(connection, [kept.ref])
        absorbed_key = next(one.key for one in papers if one.row_id == absorbed.ref)
        return Merged(
            merge_id=merge_id,
            kept=store_papers.load(connection, [kept.ref])[kept.ref],
            absorbed_key=absorbed_key,
        )


def doubts(app: App, *, limit: int = 50) -> tuple[Doubt, ...]:
    """Return pairs of papers that may be one, the latest first."""
    with app.reading() as connection:
        return stories.doubts(connection, limit=limit)


def differ(app: App, key: str, other_key: str) -> Told:
    """Keep it that two papers are different ones: no record joins them. Raises UsageError."""
    with app.writing() as connection:
        one, other = find(connection, key), find(connection, other_key)
        if one.row_id == other.row_id:
            raise UsageError(
                f"{key} and {other_key} are one paper: `digest papers show` names its merges, "
                "`digest papers split` takes one apart"
            )
        is_new = merging.link(connection, one.row_id, other.row_id, "different", now=app.now())
    return Told(first=one, second=other, is_new=is_new)


def split(app: App, merge_id: int) -> Split:
    """Take a merge apart. Raises UsageError where it cannot be."""
    with app.writing() as connection:
        ids = merging.undo(connection, merge_id, now=app.now())
        _composing.recompose(connection, ids)
        found = store_papers.load(connection, ids)
        return Split(first=found[ids[0]], second=found[ids[1]])


def prune(app: App, *, days: int | None = None) -> Pruned:
    """Remove papers older than so many days (``store.keep_papers_days`` if not said)."""
    keep = app.config.settings.store.keep_papers_days if days is None else days
    if keep <= 0:
        raise UsageError("name the number of days to keep, or set store.keep_papers_days")
    before = app.now() - timedelta(days=keep)
    with app.writing() as connection:
        count = pruning.prune(connection, before=before, now=app.now())
    return Pruned(papers=count, before=before)


def find(connection: Connection, key: str) -> Paper:
    """Return the paper that an id in any of its forms names. Raises UsageError."""
    reference = parse_reference(key)
    keys = [key.strip(), *([reference.key] if reference else [])]
    found = store_papers.by_key(connection, keys)
    for one in keys:
        if one in found:
            return found[one]
    words = parse_query("" if reference else key).wanted
    similar = holding(connection, words, limit=3) if words else ()
    known = store_papers.load(connection, similar)
    named = [f"{known[one].key} ({shorten(known[one].title, 80)})" for one in similar]
    hint = f"perhaps {', '.join(named)}" if named else "try `digest papers`"
    raise MissingError(f"there is no paper {key!r} in the store: {hint}")
