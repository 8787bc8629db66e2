"""One paper or two: forms of a work, doubts, and papers that take in others within a poll."""

from datetime import timedelta

import pytest
from builders import NOON, a_record
from sqlalchemy import func, select

from digest.model import AnnounceType, Author
from digest.store import database, merging, papers, tables
from digest.store.ingest import ingest
from digest.store.stories import story

HOUR = timedelta(hours=1)
TITLE = "Careful studies of many interesting things"


def take(engine, *polls, now=NOON):
    for record in polls:
        with engine.begin() as connection:
            counts = ingest(connection, source=record.source, records=[record], now=now)
    return counts


def test_the_journal_version_is_linked_and_not_announced_again(engine):
    journal = a_record(
        source="pm", key="pmid:5", native_id="5", ids=("doi:10.1000/y",), title=TITLE, version=None
    )
    take(engine, a_record(title=TITLE))
    assert take(engine, journal, now=NOON + HOUR).new == 0
    take(engine, a_record(**{**vars(journal), "abstract": "Edited."}), now=NOON + 2 * HOUR)
    with database.reading(engine) as connection:
        found = papers.candidates(connection, window_start=NOON, window_end=NOON + 9 * HOUR)
        told = story(connection, papers.by_key(connection, ["pmid:5"])["pmid:5"])
    assert [paper.key for paper in found] == ["arxiv:2604.00001"]
    assert [(one.kind, one.key) for one in told.relations] == [
        ("published-from", "arxiv:2604.00001")
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "Editorial"},
        {"authors": (Author(name="Grace Hopper"),)},
        {"authors": ()},
        {"published_at": NOON - timedelta(days=1200)},
        {"key": "arxiv:2604.00002"},
    ],
)
def test_in_doubt_two_papers(engine, changes):
    one = a_record(title=changes.get("title", TITLE))
    other = {
        "key": "feed:b/1",
        "native_id": "b1",
        "source": "blog",
        "title": TITLE,
        "version": None,
    }
    take(engine, one)
    assert take(engine, a_record(**(other | changes))).new == 1


def test_a_paper_that_was_stored_under_a_later_time_takes_in_what_a_poll_makes(engine):
    # By another process that committed first, or by a clock that was ahead.
    take(engine, a_record(title=TITLE), now=NOON + HOUR)
    journal = {"source": "s2", "key": "doi:10.1000/x", "version": None, "title": TITLE}
    unlike = a_record(native_id="a", authors=(Author(name="Grace Hopper"),), **journal)
    bridging = a_record(native_id="b", asserted_ids=("arxiv:2604.00001",), **journal)
    with engine.begin() as connection:
        counts = ingest(connection, source="s2", records=[unlike, bridging], now=NOON)
    assert (counts.merged, counts.rejected) == (0, 0)
    with database.reading(engine) as connection:
        assert connection.scalar(select(func.count()).select_from(tables.papers)) == 1


def test_a_paper_that_takes_in_a_known_form_of_news_is_no_news(engine):
    turing = {
        "source": "s2",
        "key": "s2:9",
        "version": None,
        "authors": (Author(name="Al Turing"),),
    }
    take(
        engine,
        a_record(source="oa", key="doi:10.1000/x", version=None, title=TITLE),
        a_record(announce_type=AnnounceType.REPLACE, title=TITLE, **turing),
        a_record(title=TITLE),  # the preprint of what was news: quiet
    )
    told = take(engine, a_record(title=TITLE, asserted_ids=("arxiv:2604.00001",), **turing))
    assert (told.merged, told.new) == (1, 0)


def test_what_the_owner_parted_stays_parted_within_a_poll(engine):
    """The paper that takes in another takes over of which papers it is not."""
    other = {"source": "s2", "version": None, "title": TITLE}
    take(
        engine,
        a_record(source="oa", key="openalex:W1", version=None, title=TITLE, authors=()),
        a_record(title=TITLE),
        a_record(key="s2:9", authors=(Author(name="Al Turing"),), native_id="9", **other),
    )
    with engine.begin() as connection:
        ids = dict(connection.execute(select(tables.papers.c.key, tables.papers.c.id)).all())
        arxiv, s2 = ids["arxiv:2604.00001"], ids["s2:9"]
        merging.link(connection, arxiv, s2, "different", now=NOON)
        said = [
            a_record(key="openalex:W1", native_id="a", asserted_ids=("arxiv:2604.00001",), **other),
            a_record(key="openalex:W1", native_id="b", asserted_ids=("s2:9",), **other),
        ]
        assert ingest(connection, source="s2", records=said, now=NOON).merged == 1
