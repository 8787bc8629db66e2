"""Vectors belong to a model: those of a former one decide nothing any more."""

from builders import NOON
from sqlalchemy import insert, select

from digest.store import vectors
from digest.store.tables import papers
from digest.store.tables import vectors as table


def test_only_the_models_own_vectors_are_given_and_former_ones_can_go(engine):
    with engine.begin() as connection:
        row_id = connection.scalar(
            insert(papers).returning(papers.c.id),
            {"key": "arxiv:2604.00001", "title": "A", "first_seen_at": NOON, "fingerprint": "1"},
        )
        vectors.keep(connection, "former", {row_id: b"old"})
        assert vectors.of_papers(connection, "present", [row_id]) == {}
        assert vectors.load(connection, "present") == {}
        vectors.keep(connection, "present", {row_id: b"new"})
        assert vectors.of_papers(connection, "present", [row_id]) == {row_id: b"new"}
        assert vectors.load(connection, "present") == {row_id: b"new"}
        assert vectors.forget_others(connection, "present") == 1
        assert connection.scalars(select(table.c.vector)).all() == [b"new"]
