import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from digest.errors import StoreError
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


def test_the_last_migration_is_the_one_that_is_wanted(engine):
    scripts = ScriptDirectory.from_config(database._alembic_config())
    assert scripts.get_current_head() == database.head_revision()
    assert database.current_revision(engine) == database.head_revision()


def test_an_empty_database_has_no_revision_and_is_migrated(tmp_path):
    empty = database.open_engine(f"sqlite:///{tmp_path}/new.db")
    assert database.current_revision(empty) is None
    with pytest.raises(StoreError, match="revision none"):
        database.check(empty)
    database.upgrade(empty)
    database.check(empty)
    empty.dispose()


def _is_declared(name, type_, parents):
    """Leave out the search index, kept by migration 0002, and what the job queue keeps itself."""
    return type_ != "table" or not name.startswith(("paper_search", "procrastinate_"))
