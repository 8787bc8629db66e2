"""The rows of records that meet nothing: a paper each, straight from what the record says.

Writes what ``_writing`` would for the same records, at half the cost: nothing stored is to be
compared or composed. Which records these are is told in ``papers.lone``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from digest.model import PaperKey, Record
from digest.papers.diff import NEWS
from digest.papers.facts import Facts
from digest.papers.identity import best_key
from digest.papers.merge import provenance_of
from digest.papers.verdict import LATE, first_sight
from digest.store._bulk import day, stamp
from digest.store._composing import Standing, Worked, bind_paper
from digest.store._rows import Rows, Written


def add_lone(
    rows: Rows, written: Written, lone: Iterable[tuple[Facts, int]], now: datetime
) -> None:
    """Gather the rows of lone records, each with the row id that its paper gets."""
    at, today = stamp(now), now.date()
    standings: dict[tuple[date | None, bool], Standing] = {}
    for facts, paper_id in lone:
        record = facts.record
        verdict = first_sight(
            may_be_news=record.announce_type in NEWS and not facts.is_withdrawn,
            is_withdrawn=facts.is_withdrawn,
        )
        name = record.announced_on, verdict.becomes_news
        if name not in standings:
            new_at = now if verdict.becomes_news else None
            standings[name] = Standing(first_seen_at=now, new_at=new_at, announced_on=name[0])
        claims = _claims(record)
        key = best_key(claims) if len(claims) > 1 else record.key
        worked = Worked(
            facts.title_hash, facts.fingerprint, facts.is_withdrawn, provenance_of(record)
        )
        rows.papers.append(bind_paper(paper_id, key, record, worked, standings[name]))
        for one, claim in claims.items():
            scheme, _, value = one.partition(":")
            rows.paper_ids.append((scheme, value, paper_id, claim))
        rows.records.append(
            (paper_id, facts.fingerprint, facts.content_hash, 0, at, at, facts.content, *facts.name)
        )
        if facts.is_announcement:
            on = day(record.announced_on or today)
            rows.sightings.append((record.announce_type.value, at, paper_id, facts.source, on))
            written.sighted[facts.source] += 1
        if record.version is not None:
            scheme = record.key.partition(":")[0]
            rows.versions.append((paper_id, scheme, record.version, record.title, at))
        rows.events += [(paper_id, kind, at) for kind in verdict.events]
        written.statuses[facts.source, paper_id] = verdict.status
        if verdict is LATE:
            written.late[facts.source] += 1


def _claims(record: Record) -> dict[PaperKey, str]:
    """Return the record's ids, each with the source that only claims it."""
    claims = dict.fromkeys((record.key, *record.ids), "")
    for key in record.asserted_ids:
        claims.setdefault(key, record.source)
    return claims
