"""Several sources in one ingest, properties of the diff: the same as one after the other."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from builders import NOON, a_record
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from digest.model import AnnounceType, Author, Link, Signal
from digest.papers.diff import Batch
from digest.papers.facts import Facts
from digest.papers.verdict import Status
from digest.store import database, tables
from digest.store._memory import recall
from digest.store._writing import write
from digest.store.ingest import ingest, ingest_all

HOUR = timedelta(hours=1)
TITLES = (
    "Careful studies of many interesting things",
    "A wholly different and longer title of another work",
    "Editorial",
)
SCHEMES = {"arxiv-ml": "arxiv:2604.0000{}", "s2": "s2:{}", "blog": "feed:{}"}


@st.composite
def records(draw, source):
    number = draw(st.integers(1, 3))
    others = draw(st.sets(st.sampled_from(["arxiv:2604.00001", "doi:10.1000/x", "doi:10.1000/y"])))
    return a_record(
        source=source,
        key=SCHEMES[source].format(number),
        native_id=draw(st.sampled_from([f"{number}", f"{number}-again"])),
        title=TITLES[number - 1],
        asserted_ids=tuple(sorted(others)) if source != "blog" else (),
        authors=(Author(name=("Ada Lovelace", "Alan Turing")[number % 2]),),
        version=draw(st.sampled_from([1, 2])) if source == "arxiv-ml" else None,
        announce_type=draw(st.sampled_from([AnnounceType.NEW, AnnounceType.REPLACE])),
        announced_on=draw(st.sampled_from([date(2026, 4, 14), date(2026, 4, 15), None])),
    )


def polls():
    """Return what three sources say, each a few records, none of them twice in one poll."""
    return st.fixed_dictionaries(
        {
            source: st.lists(records(source), max_size=4, unique_by=lambda one: one.native_id)
            for source in SCHEMES
        }
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    engine = database.open_engine(f"sqlite:///{tmp_path_factory.mktemp('store')}/a.db")
    database.upgrade(engine)
    yield engine
    engine.dispose()


def emptied(engine):
    with engine.begin() as connection:
        for table in reversed(tables.metadata.sorted_tables):
            connection.execute(table.delete())
    return engine


def kept(engine):
    """Return papers by their ids, with all that is stored of them but row ids and events."""
    with database.reading(engine) as connection:
        rows = connection.execute(select(tables.papers)).mappings().all()
        current = {row["id"]: row["merged_into"] or row["id"] for row in rows}
        keys = {row["id"]: row["key"] for row in rows}
        found = {
            "papers": sorted(
                str({name: row[name] for name in row if name not in ("id", "new_at")})
                for row in rows
                if row["merged_into"] is None
            )
        }
        for table in (tables.paper_ids, tables.records, tables.sightings, tables.versions):
            found[table.name] = sorted(
                str({**row, "paper_id": keys[current[row["paper_id"]]]})
                for row in connection.execute(select(table)).mappings()
            )
    return found


def count(engine, table):
    with database.reading(engine) as connection:
        return connection.scalar(select(func.count()).select_from(table))


def take_all(engine, said, now=NOON):
    facts = {name: [Facts(one, name) for one in found] for name, found in said.items()}
    with engine.begin() as connection:
        return ingest_all(connection, facts, now=now)


def total_new(found):
    return sum(counts.new for counts in found.values())


slowly = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@slowly
@given(said=polls())
def test_sources_stored_together_are_stored_as_if_one_by_one(store, said):
    emptied(store)
    alone = {}
    for source, found in said.items():
        with store.begin() as connection:
            alone[source] = ingest(connection, source=source, records=found, now=NOON)
    expected = kept(store)
    emptied(store)
    together = take_all(store, said)
    assert kept(store) == expected
    # What a third source shows to be one was two before, where each came alone.
    assert total_new(together) <= total_new(alone)


@slowly
@given(said=polls(), size=st.integers(1, 4))
def test_chunks_of_any_size_store_the_same(store, said, size):
    states = []
    for chunk in (2000, size):
        emptied(store)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("digest.store.ingest.CHUNK", chunk)
            take_all(store, said)
        # Two versions that come together are no revision of each other.
        states.append(re.sub(r"'revisions': \d+", "", str(kept(store))))
    assert states[0] == states[1]


@slowly
@given(said=polls())
def test_the_same_again_is_no_news_and_no_revision(store, said):
    emptied(store)
    take_all(store, said)
    before = kept(store)
    events = count(store, tables.events)
    again = take_all(store, said, NOON + HOUR)
    assert sum(counts.new for counts in again.values()) == 0
    assert count(store, tables.events) - events <= sum(c.revised for c in again.values()) * 2
    third = take_all(store, said, NOON + 2 * HOUR)
    assert sum(counts.new for counts in third.values()) == 0
    assert set(before["paper_ids"]) == set(kept(store)["paper_ids"])


@slowly
@given(first=polls(), second=polls())
def test_a_paper_becomes_news_once_at_most(store, first, second):
    emptied(store)
    for hour, said in enumerate((first, second, first)):
        take_all(store, said, NOON + hour * HOUR)
    news = select(tables.events.c.paper_id, func.count().label("n")).where(
        tables.events.c.kind == "new"
    )
    with database.reading(store) as connection:
        found = connection.execute(news.group_by(tables.events.c.paper_id)).all()
    assert all(row.n == 1 for row in found)


def decided_one_by_one(engine, said):
    """Store records as if each of them might meet another; return statuses by source and key."""
    facts = [Facts(one, name) for name, found in said.items() for one in found]
    with engine.begin() as connection:
        batch = Batch(recall(connection, facts), now=NOON)
        for one in facts:
            batch.add(one)
        return write(connection, batch)


def told(engine):
    """Return what `kept` does, with all that tells news from what is no news, and votes."""
    with database.reading(engine) as connection:
        query = select(tables.papers.c.key, tables.papers.c.new_at)
        told = {"new_at": dict(connection.execute(query).all())}
        for table, column in ((tables.events, "kind"), (tables.signals, "value")):
            query = select(tables.papers.c.key, table.c[column]).join(table)
            told[table.name] = sorted(map(tuple, connection.execute(query)))
    return kept(engine) | told


@slowly
@given(first=polls(), second=polls())
def test_records_that_meet_nothing_are_stored_as_if_they_might(store, first, second):
    states = []
    for way in (decided_one_by_one, take_all):
        emptied(store)
        take_all(store, first, NOON - HOUR)
        way(store, second)
        states.append(told(store))
    assert states[0] == states[1]


ODD = (
    {"announce_type": AnnounceType.REPLACE},
    {"withdrawn": True},
    {"title": "WITHDRAWN: A careful study of things", "announce_type": AnnounceType.REPLACE},
    {"title": "Editorial", "native_id": "", "version": None, "announced_on": None},
    {"ids": ("doi:10.1000/x", "arxiv:2604.00001"), "asserted_ids": ("doi:10.1000/x", "s2:9")},
    {"signals": (Signal(kind="hf_upvotes", value=3), Signal(kind="hf_upvotes", value=5))},
    {"authors": (), "published_at": None, "links": (Link(kind="pdf", url="https://a.example"),)},
)


@pytest.mark.parametrize("changes", ODD)
def test_an_odd_record_that_meets_nothing_is_stored_whole(store, changes):
    said = {"arxiv-ml": [a_record(**changes)]}
    written = decided_one_by_one(emptied(store), said)
    statuses = list(written.statuses.values())
    expected = told(store)
    counts = take_all(emptied(store), said)["arxiv-ml"]
    assert told(store) == expected
    assert statuses == [Status.NEW] * counts.new + [Status.REVISED] * counts.revised
    assert (counts.late, counts.sighted) == (written.late["arxiv-ml"], written.sighted["arxiv-ml"])


def test_who_came_first_announced_it_and_the_others_knew_it(engine):
    said = {
        "arxiv-ml": [a_record(1), a_record(2)],
        "s2": [a_record(1, source="s2", version=None), a_record(3, source="s2", version=None)],
    }
    found = take_all(engine, said)
    assert (found["arxiv-ml"].new, found["arxiv-ml"].unchanged) == (2, 0)
    assert (found["s2"].new, found["s2"].unchanged) == (1, 1)


def test_the_poison_of_one_source_is_its_own(engine):
    said = {
        "arxiv-ml": [a_record(n) for n in range(1, 6)],
        "s2": [a_record(7, source="s2"), a_record(8, source="s2", title="Half \ud800 of a pair")],
    }
    found = take_all(engine, said)
    assert (found["arxiv-ml"].new, found["arxiv-ml"].rejected) == (5, 0)
    assert (found["s2"].new, found["s2"].rejected) == (1, 1)


def test_a_form_that_others_of_the_poll_tell_later_is_no_second_news(engine):
    said = {
        "s2": [
            a_record(
                1,
                source="s2",
                key="s2:1",
                asserted_ids=("doi:10.1000/x",),
                version=None,
                announce_type=AnnounceType.REPLACE,
            )
        ],
        "arxiv-ml": [a_record(1, key="arxiv:2604.00001", version=1)],
        "blog": [a_record(1, source="blog", key="feed:1", version=None)],
    }
    found = take_all(engine, said)
    assert {source: counts.new for source, counts in found.items()} == {
        "s2": 0,
        "arxiv-ml": 1,
        "blog": 0,
    }


def test_a_preprint_that_is_withdrawn_already_leaves_the_news_to_its_other_form(engine):
    said = {
        "arxiv-ml": [a_record(1, key="arxiv:2604.00001", version=1, withdrawn=True)],
        "s2": [a_record(1, source="s2", key="s2:1", asserted_ids=("doi:10.1000/x",), version=None)],
    }
    found = take_all(engine, said)
    assert {source: counts.new for source, counts in found.items()} == {"arxiv-ml": 0, "s2": 1}
