"""One paper, whoever speaks of it first: orders, merges, splits, kills."""

from datetime import date, timedelta
from itertools import permutations

import pytest
from builders import NOON, a_record
from sqlalchemy import delete, event, insert, select

from digest.errors import UsageError
from digest.model import AnnounceType, Author, Link, Observation, Signal
from digest.store import _composing, database, ledger, merging, papers, pruning, signals, tables
from digest.store.ingest import ingest
from digest.store.stories import story

HOUR = timedelta(hours=1)
TITLE = "Careful studies of many interesting things"
KINDS = {
    "arxiv-ml": "arxiv",
    "hf": "huggingface",
    "s2": "semanticscholar",
    "oa": "openalex",
    "blog": "feed",
}


def five_records():
    """What five sources say of one paper, each its own way."""
    key = "arxiv:2604.00001"
    return [
        a_record(title=TITLE, comment="8 pages", asserted_ids=("doi:10.1000/x",)),
        a_record(
            source="hf",
            native_id="2604.00001",
            title=TITLE,
            version=None,
            summary="They study things.",
            links=(Link(kind="code", url="https://github.com/x/y"),),
            announced_on=date(2026, 4, 13),
            signals=(Signal(kind="hf_upvotes", value=4),),
        ),
        a_record(
            source="s2",
            key="s2:99",
            native_id="99",
            title=TITLE,
            version=None,
            abstract="",
            authors=(Author(name="A. Lovelace"),),
            asserted_ids=(key, "doi:10.1000/x"),
            announced_on=None,
        ),
        a_record(
            source="oa",
            key="openalex:W5",
            native_id="W5",
            ids=("doi:10.1000/x",),
            title=TITLE.upper(),
            version=None,
            venue="Journal of Things",
            announced_on=None,
        ),
        a_record(
            source="blog",
            key="feed:blog/1",
            native_id="1",
            title=TITLE,
            version=None,
            abstract="We wrote a paper.",
            categories=("news",),
            announced_on=None,
        ),
    ]


def register(engine):
    with engine.begin() as connection:
        connection.execute(
            insert(tables.sources), [{"name": name, "kind": kind} for name, kind in KINDS.items()]
        )


def take(engine, *batch, now=NOON):
    counts = None
    for record in batch:
        with engine.begin() as connection:
            counts = ingest(connection, source=record.source, records=[record], now=now)
    return counts


def state(engine):
    """Return all that is visible, without row ids."""
    with database.reading(engine) as connection:
        rows = connection.execute(select(tables.papers)).all()
        current = {row.id: row.merged_into or row.id for row in rows}
        keys = {row.id: row.key for row in rows}
        shown = {}
        for table in ("paper_ids", "records", "sightings", "versions", "signals"):
            found = connection.execute(select(tables.metadata.tables[table])).mappings()
            shown[table] = sorted(
                str(
                    {
                        name: keys[current[value]] if name == "paper_id" else value
                        for name, value in row.items()
                    }
                )
                for row in found
            )
        shown["papers"] = sorted(
            str({n: v for n, v in row._mapping.items() if n != "id"})
            for row in rows
            if row.merged_into is None
        )
    return shown


def empty(engine):
    with engine.begin() as connection:
        for table in reversed(tables.metadata.sorted_tables):
            if table.name != "sources":
                connection.execute(table.delete())


def test_all_orders_of_five_sources_give_one_state_and_one_announcement(sqlite_engine):
    register(sqlite_engine)
    states = set()
    for order in permutations(five_records()):
        empty(sqlite_engine)
        announced = set()
        for record in order:
            take(sqlite_engine, record)
            with database.reading(sqlite_engine) as connection:
                found = papers.candidates(
                    connection, window_start=NOON, window_end=NOON + HOUR, max_age=timedelta(99)
                )
            announced |= {paper.row_id for paper in found}
        states.add(str(state(sqlite_engine)))
        assert len(announced) == 1, [record.source for record in order]
    assert len(states) == 1


def test_some_orders_on_both_databases(engine):
    register(engine)
    states = set()
    for order in list(permutations(five_records()))[::17]:
        empty(engine)
        take(engine, *order)
        states.add(str(state(engine)))
    assert len(states) == 1


def test_fields_come_from_the_best_source_that_has_them(engine):
    register(engine)
    take(engine, *reversed(five_records()))
    with database.reading(engine) as connection:
        told = story(connection, papers.by_key(connection, ["s2:99"])["s2:99"])
    assert told.paper.key == "arxiv:2604.00001"
    assert told.paper.venue == "Journal of Things"
    assert told.paper.summary == "They study things."
    assert told.provenance["abstract"] == told.provenance["authors"] == "arxiv-ml"
    assert set(told.paper.sources) == set(KINDS)


def everything(engine):
    with database.reading(engine) as connection:
        return everything_in(connection)


def everything_in(connection):
    return {
        table.name: sorted(str(row) for row in connection.execute(select(table)))
        for table in tables.metadata.sorted_tables
    }


class Killed(BaseException):
    """The process ends here."""


def killed_at(engine, number, batch):
    """Ingest, and die before the statement of this number; tell whether it came so far."""
    count = 0

    def maybe(*_arguments):
        nonlocal count
        count += 1
        if count == number:
            raise Killed

    event.listen(engine, "before_cursor_execute", maybe)
    try:
        with engine.begin() as connection:
            ingest(connection, source="s2", records=batch, now=NOON + HOUR)
    except Killed:
        return True
    finally:
        event.remove(engine, "before_cursor_execute", maybe)
    return False


def bridge():
    """Two papers that are stored as two, and a record that shows them to be one."""
    arxiv, _hf, s2, openalex, _blog = five_records()
    first = a_record(title=TITLE, comment=arxiv.comment)
    other = a_record(**{**vars(openalex), "published_at": NOON - timedelta(days=900)})
    return first, other, s2


def test_killed_at_every_statement_the_next_run_ends_the_same(engine):
    first, other, s2 = bridge()
    batch = [s2, a_record(7, source="s2"), a_record(8, source="s2")]
    take(engine, first, other)
    before = everything(engine)
    number = 1
    while killed_at(engine, number, batch):
        assert everything(engine) == before
        number += 1
    assert number > 10
    with database.reading(engine) as connection:
        found = papers.by_key(connection, ["doi:10.1000/x", "arxiv:2604.00001", "arxiv:2604.00008"])
    assert len({paper.row_id for paper in found.values()}) == 2


def merged(engine):
    first, other, s2 = bridge()
    take(engine, first)
    take(engine, other, now=NOON + HOUR)
    with engine.begin() as connection:
        found = papers.by_key(connection, [first.key, other.key])
        kept, absorbed = found[first.key].row_id, found[other.key].row_id
        person = connection.execute(
            insert(tables.subscribers)
            .values(address="a@example.org", address_key="a", status="confirmed", created_at=NOON)
            .returning(tables.subscribers.c.id)
        ).scalar_one()
        ledger.enter(connection, [(person, 1, [absorbed])])
        connection.execute(
            insert(tables.feedback).values(
                subscriber_id=person, paper_id=absorbed, kind="more", at=NOON
            )
        )
        votes = [Observation(kind="citations", observed_at=NOON, value=3)]
        signals.append(connection, {absorbed: votes})
    before = state(engine)
    counts = take(engine, s2, now=NOON + 2 * HOUR)
    assert counts.merged == 1
    return kept, absorbed, before


def test_who_was_shown_either_was_shown_the_merged_paper(engine):
    kept, absorbed, _ = merged(engine)
    with database.reading(engine) as connection:
        (person,) = connection.scalars(select(tables.subscribers.c.id))
        assert ledger.shown_to(connection, [person], [kept]) == {person: {kept}}
        assert ledger.edition_showing(connection, person, kept) == 1
        assert connection.scalar(select(tables.feedback.c.paper_id)) == kept
        assert signals.history(connection, [kept])[kept][0].value == 3
        assert papers.load(connection, [absorbed])[absorbed].row_id == kept


def test_a_planner_who_read_both_before_they_were_merged_shows_neither_again(engine):
    kept, absorbed, _ = merged(engine)
    with engine.begin() as connection:
        (person,) = connection.scalars(select(tables.subscribers.c.id))
        both = [kept, absorbed]
        assert ledger.shown_to(connection, [person], both) == {person: set(both)}
        connection.execute(delete(tables.shown))
        ledger.enter(connection, [(person, 2, [kept])])
        assert ledger.shown_to(connection, [person], [absorbed]) == {person: {absorbed}}
        assert ledger.edition_showing(connection, person, absorbed) == 2


def test_a_split_gives_both_papers_back_and_they_stay_apart(engine):
    kept, absorbed, _ = merged(engine)
    with engine.begin() as connection:
        merge_id = connection.scalar(select(tables.merges.c.id))
        assert merging.undo(connection, merge_id, now=NOON) == (kept, absorbed)
        _composing.recompose(connection, [kept, absorbed])
        (person,) = connection.scalars(select(tables.subscribers.c.id))
        assert ledger.shown_to(connection, [person], [kept, absorbed]) == {person: {kept, absorbed}}
        assert ledger.shown_to(connection, [person], [absorbed]) == {person: {absorbed}}
    again = a_record(**{**vars(five_records()[2]), "abstract": "Now with one."})
    counts = take(engine, again, now=NOON + 3 * HOUR)
    with database.reading(engine) as connection:
        two = papers.load(connection, [kept, absorbed])
        assert counts.merged == 0
        assert (two[kept].key, two[absorbed].venue) == ("arxiv:2604.00001", "Journal of Things")
        with pytest.raises(UsageError):
            merging.undo(connection, merge_id, now=NOON)


def test_what_came_for_the_absorbed_paper_leaves_with_it(engine):
    kept, absorbed, _ = merged(engine)
    late = a_record(
        source="cr", key="doi:10.1000/x", native_id="10.1000/x", ids=("pmid:77",), title=TITLE,
        version=None, announced_on=date(2026, 4, 16),
    )  # fmt: skip
    other = a_record(source="hf", native_id="2604.00001", title=TITLE, version=None)
    take(engine, late, other, now=NOON + 3 * HOUR)
    with engine.begin() as connection:
        merging.undo(connection, 1, now=NOON + 4 * HOUR)
        _composing.recompose(connection, [kept, absorbed])
        two = papers.load(connection, [kept, absorbed])
        told = story(connection, two[absorbed])
        stayed = story(connection, two[kept])
    assert {one.key for one in told.ids} == {"openalex:W5", "doi:10.1000/x", "pmid:77"}
    assert {one.source for one in told.records} == {"oa", "cr"}
    assert {one.source for one in told.sightings} == {"oa", "cr"}
    assert "hf" in {one.source for one in stayed.records} & {one.source for one in stayed.sightings}
    counts = take(engine, a_record(**{**vars(late), "abstract": "Edited."}), now=NOON + 5 * HOUR)
    assert (counts.new, counts.revised, counts.merged) == (0, 1, 0)


def test_a_split_gives_dates_and_links_back(engine):
    first, other, _ = bridge()
    third = a_record(9, source="blog", key="feed:blog/9", title=f"Reply to: {TITLE}")
    take(engine, first, now=NOON + HOUR)
    take(engine, a_record(**{**vars(other), "announced_on": date(2026, 4, 1)}), third)
    with engine.begin() as connection:
        keys = [first.key, other.key, third.key]
        kept, absorbed, linked = (papers.by_key(connection, keys)[key].row_id for key in keys)
        merging.link(connection, linked, absorbed, "preprint-of", now=NOON)
        before = everything_in(connection)
        merge_id = merging.merge(
            connection, kept=kept, absorbed=absorbed, reason="", evidence={}, now=NOON + HOUR
        )
        assert story(connection, papers.load(connection, [kept])[kept]).relations
        merging.undo(connection, merge_id, now=NOON + HOUR)
        links = tables.paper_links
        connection.execute(delete(links).where(links.c.kind == "different"))
        after = everything_in(connection)
        assert {name for name in after if after[name] != before[name]} == {"merges"}


def test_a_wrong_mapping_never_swallows_a_paper(engine):
    right = a_record(title="Quantum chromodynamics on very coarse lattices")
    wrong = a_record(**{**vars(five_records()[2]), "asserted_ids": ("arxiv:2604.00001",)})
    for order in ((right, wrong), (wrong, right)):
        empty(engine)
        take(engine, *order)
        with database.reading(engine) as connection:
            found = papers.by_key(connection, ["arxiv:2604.00001", "s2:99"])
            told = story(connection, found["s2:99"])
        assert found["arxiv:2604.00001"].title == right.title
        assert found["s2:99"].title == TITLE
        assert [one.kind for one in told.relations] == ["maybe-same"]


def test_pruned_papers_are_never_new_again(engine):
    take(engine, a_record(1), a_record(2))
    with engine.begin() as connection:
        later = NOON + timedelta(days=100)
        assert pruning.prune(connection, before=NOON + HOUR, now=later) == 2
    counts = take(engine, a_record(1, version=2, announce_type=AnnounceType.NEW), now=later)
    assert (counts.new, counts.unchanged) == (0, 1)
    assert take(engine, a_record(3), now=later).new == 1


def test_an_affiliation_that_one_source_alone_knows_goes_with_the_name(engine):
    register(engine)
    names = (Author(name="Ada Lovelace"), Author(name="Alan Turing"))
    placed = (Author(name="ADA LOVELACE", affiliations=("Engine House",)), names[1])
    take(
        engine,
        a_record(title=TITLE, authors=names),
        a_record(source="hf", native_id="2604.00001", title=TITLE, version=None, authors=placed),
    )
    with database.reading(engine) as connection:
        [found] = papers.by_key(connection, ["arxiv:2604.00001"]).values()
    assert [(a.name, a.affiliations) for a in found.authors] == [
        ("Ada Lovelace", ("Engine House",)),
        ("Alan Turing", ()),
    ]
