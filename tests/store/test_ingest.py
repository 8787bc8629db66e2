from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from builders import NOON, a_record
from sqlalchemy import func, select

from digest.model import AnnounceType, Author, Signal
from digest.store import database, papers, signals
from digest.store.ingest import ingest
from digest.store.tables import events, records, sightings
from digest.store.tables import papers as papers_table

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def take(engine):
    """Ingest records in a transaction of their own."""

    def take(*batch, now=NOON, source="arxiv-ml"):
        with engine.begin() as connection:
            return ingest(connection, source=source, records=batch, now=now)

    return take


@pytest.fixture
def news(engine):
    """Return the keys of what became news in the last hour before (and at) an instant."""

    def news(at=NOON, sources=()):
        with database.reading(engine) as connection:
            found = papers.candidates(
                connection,
                window_start=at - HOUR,
                window_end=at + timedelta(seconds=1),
                sources=sources,
            )
        return [paper.key for paper in found]

    return news


@pytest.fixture
def paper(engine):
    def paper(key="arxiv:2604.00001"):
        with database.reading(engine) as connection:
            return papers.by_key(connection, [key])[key]

    return paper


def count(engine, table):
    with database.reading(engine) as connection:
        return connection.scalar(select(func.count()).select_from(table))


def test_a_record_becomes_a_paper_with_all_it_says(take, paper):
    record = a_record(comment="8 pages", venue="Journal of Things", keywords=("care",))
    counts = take(record)
    assert (counts.new, counts.unchanged) == (1, 0)
    stored = paper()
    assert stored.row_id == counts.new_ids[0]
    for name in ("key", "title", "abstract", "authors", "categories", "keywords", "url"):
        assert getattr(stored, name) == getattr(record, name)
    assert (stored.published_at, stored.announced_on) == (NOON - DAY, date(2026, 4, 14))
    assert (stored.first_seen_at, stored.version, stored.sources) == (NOON, 1, ("arxiv-ml",))


def test_the_same_batch_again_changes_nothing(take, news, engine):
    batch = [a_record(n) for n in range(1, 8)]
    assert take(*batch).new == 7
    again = take(*reversed(batch), now=NOON + HOUR)
    assert (again.new, again.revised, again.unchanged) == (0, 0, 7)
    assert news(NOON + 2 * HOUR) == []
    assert (count(engine, events), count(engine, sightings)) == (7, 7)


def test_a_paper_in_two_categories_is_one(take, news, engine):
    cross = a_record(announce_type=AnnounceType.CROSS)
    counts = take(cross, a_record())
    assert (counts.new, len(news())) == (1, 1)
    with database.reading(engine) as connection:
        assert connection.scalars(select(sightings.c.announce_type)).all() == ["new"]


def test_a_second_version_is_a_revision_and_never_news(take, news, paper):
    take(a_record())
    second = a_record(
        version=2,
        native_id="oai:arXiv.org:2604.00001v2",
        title="A wholly different name for the same careful work",
        announce_type=AnnounceType.REPLACE,
        announced_on=date(2026, 4, 15),
    )
    counts = take(second, now=NOON + DAY)
    assert (counts.new, counts.revised) == (0, 1)
    assert news(NOON + DAY) == []
    assert (paper().version, paper().title, paper().revisions) == (2, second.title, 1)


def test_a_replacement_of_an_unknown_paper_is_not_news(take, news):
    counts = take(a_record(version=3, announce_type=AnnounceType.REPLACE))
    assert (counts.new, counts.revised, counts.late) == (0, 1, 1)
    assert news() == []


def test_what_a_replacement_betrayed_becomes_news_when_it_is_announced(take, news):
    take(a_record(version=3, announce_type=AnnounceType.REPLACE))
    listed = a_record(source="hf", native_id="2604.00001", version=None)
    assert take(listed, now=NOON + DAY, source="hf").new == 1
    assert news(NOON + DAY) == ["arxiv:2604.00001"]


def test_an_archive_of_old_papers_does_not_flood(take, news):
    old = [a_record(n, announced_on=None, published_at=NOON - 400 * DAY) for n in range(50)]
    take(*old, a_record(99))
    assert news() == ["arxiv:2604.00099"]


def test_an_old_paper_that_is_announced_today_is_news(take, news):
    take(a_record(published_at=NOON - 400 * DAY))
    assert len(news()) == 1


def test_withdrawn_papers_are_not_news(take, news, paper):
    take(a_record(1), a_record(2, withdrawn=True))
    gone = a_record(version=2, comment="This paper has been withdrawn by the author")
    take(gone)
    assert news() == []
    assert paper().withdrawn


def test_candidates_are_those_of_the_wanted_sources(take, news):
    take(a_record(1))
    take(a_record(2, source="hf"), source="hf")
    assert news(sources=("hf",)) == ["arxiv:2604.00002"]


def test_votes_are_observed_and_are_no_revision(take, paper, engine):
    for hours, votes in ((0, 3), (1, 3), (2, 9)):
        record = a_record(signals=(Signal(kind="hf_upvotes", value=votes),))
        counts = take(record, now=NOON + hours * HOUR)
    assert (counts.new, counts.revised, counts.unchanged) == (0, 0, 1)
    with database.reading(engine) as connection:
        history = signals.history(connection, [paper().row_id])[paper().row_id]
    assert [one.value for one in history] == [3, 9]


def test_one_poison_record_is_rejected_and_the_others_stay(take, engine):
    batch = [a_record(n) for n in range(1, 40)]
    batch[17] = a_record(18, authors=(Author(name="\ud800"),))
    batch[23] = a_record(24, title="nul \0 inside")
    batch[30] = a_record(31, version=2**70)
    counts = take(*batch)
    assert (counts.new, counts.rejected) == (36, 3)
    assert count(engine, papers_table) == count(engine, records) == 36
    assert {one.native_id[-7:] for one in counts.rejections} == {"00018v1", "00024v1", "00031v1"}


def test_a_repeated_guid_does_not_swallow_papers(take):
    batch = [a_record(n, native_id="same") for n in (1, 2, 3)]
    assert take(*batch).new == 3
    again = take(*batch)
    assert (again.new, again.revised, again.unchanged) == (0, 0, 3)


def test_an_abstract_with_a_counter_stops_being_a_revision(take, paper):
    take(a_record())
    counts = [take(a_record(abstract=f"seen {n} times")).revised for n in range(30)]
    assert sum(counts) == paper().revisions == 24


def test_a_source_that_adds_a_category_makes_no_noise(take, paper):
    take(a_record())
    counts = take(a_record(categories=("cs.LG", "stat.ML")))
    assert (counts.revised, counts.unchanged) == (0, 1)
    assert paper().categories == ("cs.LG", "stat.ML")


def test_sources_polled_at_once_make_each_paper_once(engine, take):
    batch = [a_record(n) for n in range(1, 60)]
    with ThreadPoolExecutor(4) as pool:
        names = [f"source-{n}" for n in range(4)]
        counts = list(pool.map(lambda name: take(*batch, source=name), names))
    assert sum(one.new for one in counts) == count(engine, papers_table) == 59
    assert sum(one.rejected for one in counts) == 0


def test_papers_under_one_native_id_are_all_followed(take):
    """Where guids are bad: news, days and votes of the second paper count as the first's do."""

    def said(day, kind):
        votes = (Signal(kind="hf_upvotes", value=day),)
        on = {"announced_on": date(2026, 4, day), "announce_type": kind}
        return [a_record(n, native_id="guid", signals=votes, **on) for n in (1, 2)]

    take(*said(13, AnnounceType.REPLACE))
    counts = take(*said(14, AnnounceType.NEW), now=NOON + HOUR)
    assert (counts.new, counts.sighted) == (2, 2)
