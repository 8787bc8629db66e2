import pytest
from builders import NOON, a_record
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, insert, update

from digest.store import database
from digest.store.ingest import ingest
from digest.store.search import Query, announced_by, holding, parse_query
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


def found(connection, *phrases):
    return list(holding(connection, phrases))


def test_quotation_marks_require_and_a_minus_forbids():
    assert parse_query('fold "protein folding" -"heat flow" -robots') == Query(
        wanted=("fold", "protein folding"),
        required=("protein folding",),
        unwanted=("heat flow", "robots"),
    )


def test_phrases_are_held_as_they_stand_and_words_are_stemmed(connection):
    assert found(connection, "protein folding") == [1]
    assert found(connection, "fold") == [3, 2, 1]
    assert found(connection, "fold", "diffusion") == [3, 1]
    assert list(holding(connection, ["fold"], limit=2)) == [3, 2]


def test_authors_and_categories_and_keys_are_held(connection):
    assert found(connection, "müller") == [3, 2, 1]
    assert found(connection, "cs.RO") == [2]
    assert found(connection, "arxiv:2604.00003") == [3]


def test_a_source_announced_its_papers(connection):
    assert list(announced_by(connection, "robots")) == [2]
    assert list(announced_by(connection, "nobody")) == []


def test_index_follows_changes_and_deletions(connection):
    connection.execute(update(papers).where(papers.c.id == 2).values(title="Ironing shirts"))
    assert found(connection, "laundry") == []
    assert found(connection, "ironing") == [2]
    connection.execute(delete(sightings))
    connection.execute(delete(papers).where(papers.c.id == 2))
    assert found(connection, "ironing") == []


def test_a_changed_key_and_a_change_without_words_leave_a_true_index(connection):
    connection.execute(update(papers).where(papers.c.id == 2).values(key="doi:10.5555/laundry"))
    assert found(connection, "2604.00002") == []
    assert found(connection, "10.5555/laundry") == [2]
    connection.execute(update(papers).where(papers.c.id == 2).values(title=papers.c.title))
    assert found(connection, "laundry") == [2]
    connection.execute(delete(sightings))
    connection.execute(delete(papers).where(papers.c.id == 2))
    assert found(connection, "laundry") == []


def refuse(connection, title):
    """Let the database itself refuse papers of this title."""
    if database.is_sqlite(connection):
        connection.exec_driver_sql(
            f"CREATE TRIGGER refuse BEFORE INSERT ON papers WHEN new.title = '{title}' "
            "BEGIN SELECT RAISE(ABORT, 'refused'); END"
        )
    else:
        connection.exec_driver_sql(f"ALTER TABLE papers ADD CHECK (title <> '{title}')")


def test_ingested_papers_are_found_whatever_else_was_refused(engine):
    titles = ["Folding swans", "Folding poison", "Folding cranes"]
    batch = [a_record(number, title=title) for number, title in enumerate(titles)]
    with engine.begin() as connection:
        refuse(connection, titles[1])
        counts = ingest(connection, source="arxiv-ml", records=batch, now=NOON)
        assert (counts.new, counts.rejected) == (2, 1)
        store(connection, 1000, "Folding by hand")
        assert set(found(connection, "folding")) == {*counts.new_ids, 1000}


def test_a_revised_title_is_found_and_the_old_one_is_not(engine):
    with engine.begin() as connection:
        for title in ("Folding swans", "Ironing swans"):
            ingest(connection, source="arxiv-ml", records=[a_record(title=title)], now=NOON)
        assert (len(found(connection, "folding")), len(found(connection, "ironing"))) == (0, 1)


@pytest.mark.parametrize(
    "nasty",
    ['"', "NEAR(", "a AND", "title:", "*", "a* OR", "'; DROP TABLE papers--", "a\0b", "^a", "( (",
     "-", '--"', "%", ":*", "a:*&|!", "\\", "\U0001f600", "the and of", "-the"],
)  # fmt: skip
def test_typed_syntax_is_only_text(connection, nasty):
    query = parse_query(nasty + ' "folding')
    for phrase in (*query.wanted, *query.unwanted):
        holding(connection, [phrase])
    assert found(connection, "folding")


@given(st.text(max_size=60))
def test_every_text_is_a_query(text):
    query = parse_query(text)
    assert set(query.required) <= set(query.wanted)
