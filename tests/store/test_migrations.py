from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from digest.store import database
from digest.store.tables import metadata


def test_migrated_schema_is_the_tables(engine):
    with engine.connect() as connection:
        options = {"compare_type": True, "include_name": _is_declared}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_migrating_twice_changes_nothing(engine):
    database.upgrade(engine)
    database.check(engine)


def _is_declared(name, type_, parents):
    """Leave out the search index, kept by migration 0002, and what the job queue keeps itself."""
    return type_ != "table" or not name.startswith(("paper_search", "procrastinate_"))
