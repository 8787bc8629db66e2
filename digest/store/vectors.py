"""Vectors of papers, one a model: which papers have none yet, and all of them at once.

What a vector means, and what is near, is not known here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, delete, exists, select

from digest.store._bulk import among
from digest.store.tables import papers, vectors
from digest.store.upserts import insert_ignore


def missing(connection: Connection, model: str) -> list[int]:
    """Return the row ids of papers without a vector of this model, newest first."""
    has_one = exists().where(vectors.c.paper_id == papers.c.id, vectors.c.model == model)
    return list(
        connection.scalars(
            select(papers.c.id)
            .where(~has_one, papers.c.merged_into.is_(None))
            .order_by(papers.c.id.desc())
        )
    )


def texts(connection: Connection, ids: Sequence[int]) -> dict[int, str]:
    """Return what the vectors of at most a thousand papers are made of, by row id."""
    rows = connection.execute(
        select(papers.c.id, papers.c.title, papers.c.abstract, papers.c.summary).where(
            papers.c.id.in_(ids)
        )
    )
    return {row.id: f"{row.title}. {row.abstract or row.summary}" for row in rows}


def keep(connection: Connection, model: str, found: Mapping[int, bytes]) -> None:
    """Store vectors by paper; those that are there already stay."""
    rows = [
        {"paper_id": row_id, "model": model, "vector": vector} for row_id, vector in found.items()
    ]
    insert_ignore(connection, vectors, rows)


def load(connection: Connection, model: str, *, known: Sequence[int] = ()) -> dict[int, bytes]:
    """Return the vectors of a model by paper, without those of the papers that are known."""
    query = select(vectors.c.paper_id).where(vectors.c.model == model)
    fresh = sorted(set(connection.scalars(query)) - set(known))
    found: dict[int, bytes] = {}
    for start in range(0, len(fresh), 1000):
        rows = connection.execute(
            select(vectors.c.paper_id, vectors.c.vector).where(
                vectors.c.model == model, vectors.c.paper_id.in_(fresh[start : start + 1000])
            )
        )
        found |= {row.paper_id: row.vector for row in rows}
    return found


def of_papers(connection: Connection, model: str, ids: Collection[int]) -> dict[int, bytes]:
    """Return a model's vectors of these papers; those without one are absent."""
    if not ids:
        return {}
    query = select(vectors.c.paper_id, vectors.c.vector).where(
        vectors.c.model == model, among(connection, vectors.c.paper_id, ids)
    )
    return {row.paper_id: row.vector for row in connection.execute(query)}


def forget_others(connection: Connection, *models: str) -> int:
    """Delete the vectors of models that are not used any more; return how many."""
    return connection.execute(delete(vectors).where(vectors.c.model.not_in(models))).rowcount
