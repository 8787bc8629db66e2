import pytest
from builders import NOON
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, insert, update

from digest.store.search import Filters, Query, parse_query, search
from digest.store.tables import papers, sightings


def store(connection, row_id, title, **changes):
    values = {
        "id": row_id, "key": f"arxiv:2604.{row_id:05}", "title": title, "fingerprint": "1:x",
        "first_seen_at": NOON, "announced_on": NOON.date(), "categories": ["cs.LG"],
        "authors": [{"name": "Zoë Müller", "affiliations": [], "ids": []}],
    }  # fmt: skip
    connection.execute(insert(papers).values(**(values | changes)))


@pytest.fixture
def connection(engine):
    with engine.begin() as connection:
        store(connection, 1, "Diffusion models for protein folding")
        store(connection, 2, "Folding laundry with robots", categories=["cs.RO"])
        store(connection, 3, "Transformers", abstract="We fold proteins. A diffusion of heat.")
        store(connection, 4, "Absorbed diffusion paper", merged_into=1)
        connection.execute(
            insert(sightings).values(
                paper_id=2, source="robots", announced_on=NOON.date(), announce_type="new",
                seen_at=NOON,
            )
        )  # fmt: skip
        yield connection


def found(connection, text, **changes):
    return list(search(connection, parse_query(text), **changes).ids)


def test_title_counts_more_than_abstract_and_words_are_stemmed(connection):
    assert found(connection, "proteins diffusion") == [1, 3]


def test_phrases_and_unwanted_words(connection):
    assert found(connection, '"protein folding"') == [1]
    assert found(connection, "folding -diffusion") == [2]
    assert found(connection, 'fold -"diffusion models"') == [2, 3]


def test_authors_and_categories_and_keys_are_found(connection):
    assert set(found(connection, "müller")) == {1, 2, 3}
    assert found(connection, "cs.RO") == [2]
    assert found(connection, "arxiv:2604.00003") == [3]


def test_some_words_are_better_than_none(connection):
    hits = search(connection, parse_query("laundry zebra"))
    assert (hits.ids, hits.is_loose) == ((2,), True)
    assert search(connection, parse_query("zebra")).total == 0


def test_filters_narrow(connection):
    assert found(connection, "folding", filters=Filters(category="cs.RO")) == [2]
    assert found(connection, "folding", filters=Filters(source="robots")) == [2]
    later = Filters(first_on=NOON.date().replace(day=15))
    assert found(connection, "folding", filters=later) == []


def test_pages_do_not_overlap(connection):
    first = search(connection, parse_query("fold"), limit=2)
    second = search(connection, parse_query("fold"), limit=2, offset=2)
    assert first.total == second.total == 3
    assert len({*first.ids, *second.ids}) == 3


def test_index_follows_changes_and_deletions(connection):
    connection.execute(update(papers).where(papers.c.id == 2).values(title="Ironing shirts"))
    assert found(connection, "laundry") == []
    assert found(connection, "ironing") == [2]
    connection.execute(delete(sightings))
    connection.execute(delete(papers).where(papers.c.id == 2))
    assert found(connection, "ironing") == []


@pytest.mark.parametrize(
    "nasty",
    ['"', "NEAR(", "a AND", "title:", "*", "a* OR", "'; DROP TABLE papers--", "a\0b", "^a", "( (",
     "-", '--"', "%", ":*", "a:*&|!", "\\", "\U0001f600", "the and of", "-the"],
)  # fmt: skip
def test_typed_syntax_is_only_text(connection, nasty):
    search(connection, parse_query(nasty + " folding"))
    assert found(connection, "folding")


@given(st.text(max_size=60))
def test_every_text_is_a_query(text):
    assert isinstance(parse_query(text), Query)
