"""A PostgreSQL store for one test."""

from __future__ import annotations

import os
from collections.abc import Iterator

from sqlalchemy import Engine, NullPool, create_engine, text

from digest.store import database


def fresh_postgresql(url: str) -> Iterator[Engine]:
    """Make a schema of its own for each test: cheap, isolated, safe beside other workers."""
    schema = f"t{os.getpid()}_{os.urandom(4).hex()}"
    admin = database.open_engine(url)
    with admin.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    url_of_schema = admin.url.update_query_dict({"options": f"-csearch_path={schema}"})
    # No pool: a thread that outlives its test closes its own connection.
    engine = create_engine(url_of_schema, poolclass=NullPool)
    try:
        database.upgrade(engine)
        yield engine
    finally:
        engine.dispose()
        _drop(admin, schema)


def _drop(admin: Engine, schema: str) -> None:
    with admin.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    admin.dispose()
