"""Compare what a source said with what is known: what is new, revised, unchanged.

Only processes values. `Batch` takes the records of one poll one by one and gathers what is to be
written. Which paper a record speaks of is decided in ``identity``, what the paper then says in
``merge``, and whether anybody would call that news in ``verdict``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from digest.model import AnnounceType, PaperKey, Record
from digest.papers.facts import Facts, Name
from digest.papers.identity import Known, resolve, strong_ids

REVISION_LIMIT = 24
"""Past this many rewrites a record is noise (an abstract with a counter in it)."""

NEWS = (AnnounceType.NEW, AnnounceType.CROSS)
"""How a source announces what it did not have before."""

_BEST = {kind: rank for rank, kind in enumerate(AnnounceType)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What is remembered of a stored record."""

    paper_id: int
    content_hash: str
    fingerprint: str
    changes: int
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(kw_only=True)
class Memory:
    """What the store knows of a batch: asked once, for all its records."""

    rows: Mapping[Name, Row] = field(default_factory=dict)
    """Stored records by name."""
    papers: dict[int, Known] = field(default_factory=dict)
    """Papers of those rows that may have to be touched, by row id."""
    owners: dict[PaperKey, Known] = field(default_factory=dict)
    titles: dict[int, list[Known]] = field(default_factory=dict)
    buried: frozenset[PaperKey] = frozenset()
    """Ids of pruned papers."""
    sightings: dict[tuple[int, str], dict[date, AnnounceType]] = field(default_factory=dict)
    """By paper and source."""


@dataclass(kw_only=True, eq=False)
class Change:
    """What one paper gets from a batch."""

    known: Known
    sources: dict[str, None] = field(default_factory=dict)
    """Who speaks of it in this batch, in order."""
    facts: dict[Name, Facts] = field(default_factory=dict)
    """Records to be stored."""
    ids: dict[PaperKey, str] = field(default_factory=dict)
    """Ids to be added or taken over."""
    ids_before: frozenset[PaperKey] = frozenset()
    sightings: dict[str, dict[date, AnnounceType]] = field(default_factory=dict)
    """By source."""
    news_from: str = ""
    """Who was the first to announce it; empty where all it had was replacements."""
    is_rewritten: bool = False
    """A record of it was changed by its source (not past the limit)."""
    is_regrouped: bool = False
    """It took in another paper, or lost an id."""
    announced_on: date | None = None
    """The earliest batch date that a source states."""
    signals: list[Record] = field(default_factory=list)

    @property
    def is_news(self) -> bool:
        """Tell whether somebody announces it."""
        return bool(self.news_from)

    @property
    def is_new(self) -> bool:
        """Tell whether the batch makes this paper."""
        return self.known.ref < 0

    @property
    def is_slight(self) -> bool:
        """Tell whether the paper itself stays as it is: another sighting, other votes."""
        may_become_news = self.is_news and not self.known.new_at and not self.known.is_quiet
        return not (self.is_new or self.facts or self.ids or self.is_regrouped or may_become_news)


@dataclass(frozen=True, kw_only=True, slots=True)
class Merge:
    """Two stored papers that a record showed to be one."""

    kept: int
    absorbed: int
    source: str
    native_id: str


class Batch:
    """The records of one or more polls, decided one after the other."""

    def __init__(self, memory: Memory, *, now: datetime) -> None:
        self.now = now
        self.changes: dict[int, Change] = {}
        self.merges: list[Merge] = []
        self.links: dict[tuple[int, int, str], None] = {}
        self.seized: list[PaperKey] = []
        self.seen_again: list[Name] = []
        """Records whose day of last sight is to be moved on."""
        self.unchanged: set[tuple[str, int]] = set()
        """Who repeated what it had said, of which paper."""
        self.buried: Counter[str] = Counter()
        """Records of pruned papers, by source."""
        self._memory = memory
        self._merged: dict[int, int] = {}
        self._names: dict[Name, int] = {}
        self._drafts = 0

    def add(self, facts: Facts) -> None:
        """Take one record in."""
        memory = self._memory
        for name in (facts.name, facts.full_name):
            row = memory.rows.get(name)
            if row is not None and row.content_hash == facts.content_hash:
                self._again(facts, name, row)
                return
        owners = {key: memory.owners[key] for key in facts.all_ids if key in memory.owners}
        if memory.buried and not owners and not memory.buried.isdisjoint(strong_ids(facts.record)):
            self.buried[facts.source] += 1
            return
        number = facts.title_hash
        similar = memory.titles.get(number, []) if number is not None else []
        if not owners and not similar:
            change = self._make(facts)
        else:
            change = self._place(facts, owners, similar)
        self._store(facts, change)

    def _again(self, facts: Facts, name: Name, row: Row) -> None:
        """Note the repetition of a record that says what it said before."""
        ref = self.current(row.paper_id)
        if row.last_seen_at.date() < self.now.date():
            self.seen_again.append(name)
        self.unchanged.add((facts.source, ref))
        known = self._memory.papers.get(ref)
        if known is None:
            return
        seen = self.seen(ref, facts.source)
        change = self.changes.get(ref)
        if self._is_sighting(facts, seen, change) or facts.record.signals:
            change = change or self._change(known)
            self._sight(facts, seen, change)

    def _make(self, facts: Facts) -> Change:
        record = facts.record
        self._drafts += 1
        known = Known(
            ref=-self._drafts,
            title=record.title,
            first_author=record.authors[0].name if record.authors else "",
            year=facts.traits.year,
            first_seen_at=self.now,
        )
        known.__dict__["traits"] = facts.traits
        if facts.title_hash is not None:
            self._memory.titles.setdefault(facts.title_hash, []).append(known)
        change = self.changes[known.ref] = Change(known=known)
        return change

    def _place(
        self, facts: Facts, owners: Mapping[PaperKey, Known], similar: list[Known]
    ) -> Change:
        decision = resolve(facts.record, facts.traits, owners, similar)
        if decision.paper is None:
            change = self._make(facts)
        else:
            change = self._change(decision.paper)
            for absorbed in decision.absorbed:
                self._absorb(change, absorbed, facts)
        for key in decision.seized:
            self.seized.append(key)
            loser = owners[key]
            loser.ids.pop(key, None)
            left = self._change(loser)
            left.ids.pop(key, None)
            left.is_regrouped = True
            del self._memory.owners[key]
        for other in decision.maybe_same:
            self._link(*sorted((change.known.ref, other.ref)), kind="maybe-same")
        for other in decision.preprint_of:
            self._link(change.known.ref, other.ref, kind="preprint-of")
        for other in decision.published_from:
            self._link(other.ref, change.known.ref, kind="preprint-of")
        for other in (*decision.preprint_of, *decision.published_from):
            change.known.is_quiet |= self._was_news(other)
            change.known.forms |= {other.ref}
            other.forms |= {change.known.ref}
        return change

    def _store(self, facts: Facts, change: Change) -> None:
        """Keep a record that is new or says something else than before."""
        known, record = change.known, facts.record
        self._claim(record, change)
        name = facts.name
        row = self._memory.rows.get(name)
        holder = self.current(row.paper_id) if row else self._names.get(name, known.ref)
        if self.current(holder) != known.ref:
            name = facts.full_name
            row = self._memory.rows.get(name)
        self._names[name] = known.ref
        if row is not None and row.fingerprint != facts.fingerprint:
            same_recipe = row.fingerprint.partition(":")[0] == facts.fingerprint.partition(":")[0]
            change.is_rewritten |= same_recipe and row.changes < REVISION_LIMIT
        if row is None or row.changes < REVISION_LIMIT:
            change.facts[name] = facts
        self._sight(facts, self.seen(known.ref, facts.source), change)

    def _claim(self, record: Record, change: Change) -> None:
        """Give the paper the record's ids, but for those that another paper holds."""
        known, strong = change.known, strong_ids(record)
        for key in dict.fromkeys((*strong, *record.asserted_ids)):
            owner = self._memory.owners.get(key)
            claim = "" if key in strong else record.source
            if owner is not None:
                if owner is not known or claim or not known.ids.get(key):
                    continue
                self.seized.append(key)  # what was only claimed is now sure
            change.ids[key] = known.ids[key] = claim
            self._memory.owners[key] = known

    def _sight(self, facts: Facts, seen: Mapping[date, AnnounceType], change: Change) -> None:
        record = facts.record
        change.sources[facts.source] = None
        if record.signals:
            change.signals.append(record)
        is_told = record.announce_type in NEWS and not facts.is_withdrawn
        if is_told and not change.news_from:
            change.news_from = facts.source
            # Told as another form of it a moment ago: no news again.
            change.known.is_quiet |= any(map(self._is_told, change.known.forms))
        if record.announced_on and (
            change.announced_on is None or record.announced_on < change.announced_on
        ):
            change.announced_on = record.announced_on
        if not self._is_sighting(facts, seen, change):
            return
        on = record.announced_on or self.now.date()
        new = change.sightings.setdefault(facts.source, {})
        known = new.get(on, seen.get(on))
        if known is None or _BEST[record.announce_type] < _BEST[known]:
            new[on] = record.announce_type

    def _is_sighting(
        self, facts: Facts, seen: Mapping[date, AnnounceType], change: Change | None
    ) -> bool:
        """Tell a new sighting; of undated records only the first one counts."""
        record = facts.record
        if not facts.is_announcement:
            return False
        new = change.sightings.get(facts.source, {}) if change else {}
        if record.announced_on is None:
            return not seen and not new
        known = new.get(record.announced_on, seen.get(record.announced_on))
        return known is None or _BEST[record.announce_type] < _BEST[known]

    def _absorb(self, change: Change, absorbed: Known, facts: Facts) -> None:
        kept = change.known
        change.is_regrouped = True
        self._merged[absorbed.ref] = kept.ref
        if absorbed.ref > 0:
            self.merges.append(
                Merge(
                    kept=kept.ref,
                    absorbed=absorbed.ref,
                    source=facts.source,
                    native_id=facts.native_id,
                )
            )
        # What was said of the absorbed paper is now said of this one.
        kept.different |= absorbed.different
        kept.forms |= absorbed.forms
        kept.is_quiet |= absorbed.is_quiet
        for key, claim in absorbed.ids.items():
            self._memory.owners[key] = kept
            kept.ids[key] = kept.ids.get(key, claim) and claim
        for papers in self._memory.titles.values():
            if absorbed in papers:
                papers[:] = [paper for paper in papers if paper not in (absorbed, kept)] + [kept]
        sightings = self._memory.sightings
        for (ref, source), seen in list(sightings.items()):
            if ref == absorbed.ref:
                sightings[kept.ref, source] = seen | sightings.get((kept.ref, source), {})
        if kept.new_at is None or (absorbed.new_at and absorbed.new_at < kept.new_at):
            kept.new_at = absorbed.new_at
        if theirs := self.changes.pop(absorbed.ref, None):
            change.facts.update(theirs.facts)
            change.ids.update(theirs.ids)
            change.sources.update(theirs.sources)
            for source, dates in theirs.sightings.items():
                change.sightings[source] = change.sightings.get(source, {}) | dates
            change.signals += theirs.signals
            change.news_from = change.news_from or theirs.news_from
            change.is_rewritten |= theirs.is_rewritten
            if theirs.announced_on:
                both = filter(None, (change.announced_on, theirs.announced_on))
                change.announced_on = min(both)

    def _change(self, known: Known) -> Change:
        if known.ref not in self.changes:
            self.changes[known.ref] = Change(known=known, ids_before=frozenset(known.ids))
        return self.changes[known.ref]

    def _link(self, one: int, other: int, *, kind: str) -> None:
        self.links[one, other, kind] = None

    def _was_news(self, known: Known) -> bool:
        return known.new_at is not None or self._is_told(known.ref)

    def _is_told(self, ref: int) -> bool:
        change = self.changes.get(self.current(ref))
        return change is not None and change.is_news

    def current(self, ref: int) -> int:
        """Return the paper that a reference stands for after this batch's merges."""
        while ref in self._merged:
            ref = self._merged[ref]
        return ref

    def row(self, name: Name) -> Row | None:
        """Return what is remembered of a stored record."""
        return self._memory.rows.get(name)

    def seen(self, ref: int, source: str) -> Mapping[date, AnnounceType]:
        """Return the stored sightings of a paper by a source."""
        return self._memory.sightings.get((ref, source), {})
