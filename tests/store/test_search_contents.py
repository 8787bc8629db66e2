"""What search keeps of papers: there until the paper changes, on both databases."""

import pytest
from builders import NOON
from sqlalchemy import delete, insert, update

from digest.store import search_contents as kept
from digest.store.tables import papers


@pytest.fixture
def connection(engine):
    with engine.begin() as connection:
        for row_id in (1, 2, 3):
            connection.execute(
                insert(papers).values(
                    id=row_id, key=f"x:{row_id}", title=f"Paper {row_id}", fingerprint="1:x",
                    first_seen_at=NOON, categories=["cs.LG"], keywords=["kites"],
                    authors=[{"name": "Zoë Müller", "affiliations": [], "ids": []}],
                )
            )  # fmt: skip
        kept.keep(connection, "now", {1: b"one", 2: b"two"})
        yield connection


def test_papers_without_content_are_missing_newest_first(connection):
    assert kept.missing(connection, "now") == [3]
    assert kept.missing(connection, "another way") == [3, 2, 1]
    assert sorted(kept.held(connection, "now")) == [1, 2]


def test_only_later_rows_are_read(connection):
    before = kept.marks(connection)
    assert before.paper == 3
    assert kept.load(connection, "now", after=0) == {1: b"one", 2: b"two"}
    kept.keep(connection, "now", {3: b"three", 1: b"again"})
    assert kept.load(connection, "now", after=before.content) == {3: b"three"}
    assert kept.of_papers(connection, "now", [1, 3, 9]) == {1: b"one", 3: b"three"}


@pytest.mark.parametrize(
    "change",
    [{"title": "Other"}, {"abstract": "Other"}, {"summary": "Other"}, {"categories": ["cs.RO"]},
     {"keywords": []}, {"authors": []}, {"announced_on": NOON.date()}, {"merged_into": 2}],
)  # fmt: skip
def test_a_changed_paper_loses_its_content_and_its_neighbour_does_not(connection, change):
    connection.execute(update(papers).where(papers.c.id == 1).values(**change))
    assert kept.held(connection, "now") == [2]
    missing = kept.missing(connection, "now")
    assert missing == ([3] if "merged_into" in change else [3, 1])


def test_a_change_that_nobody_searches_for_leaves_it(connection):
    connection.execute(update(papers).values(title=papers.c.title, url="https://example.org"))
    assert sorted(kept.held(connection, "now")) == [1, 2]


def test_a_deleted_papers_id_is_never_given_to_later_content(connection):
    last = kept.marks(connection).content
    connection.execute(delete(papers).where(papers.c.id == 2))
    assert kept.held(connection, "now") == [1]
    kept.keep(connection, "now", {3: b"three"})
    assert kept.marks(connection).content > last


def test_words_are_what_is_searched(connection):
    (words,) = kept.words(connection, [1], lock=True)
    assert (words.title, words.more, words.authors) == ("Paper 1", "kites ", ("Zoë Müller",))


def test_content_of_a_former_way_can_go(connection):
    kept.keep(connection, "later", {1: b"new"})
    assert kept.forget_others(connection, "later") == 2
    assert kept.load(connection, "later", after=0) == {1: b"new"}
