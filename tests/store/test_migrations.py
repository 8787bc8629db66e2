from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from digest.store import database
from digest.store.tables import metadata


def test_migrated_schema_is_the_tables(engine):
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_migrating_twice_changes_nothing(engine):
    database.upgrade(engine)
    database.check(engine)
