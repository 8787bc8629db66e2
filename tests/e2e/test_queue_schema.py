"""The job queue beside the store: its tables, whose installation it is, backups around it."""

import pytest
from sqlalchemy import delete, update

from digest.actions import backups
from digest.cli.main import run
from digest.errors import ConflictError
from digest.store import queue as rows
from digest.store.tables import installation

tasks = pytest.importorskip("digest.tasks")


def test_a_machine_with_another_secret_is_turned_away(open_it):
    tasks.JobQueue(open_it("one"))
    with pytest.raises(ConflictError, match=r"digest\.secret"):
        tasks.JobQueue(open_it("two", secret="t" * 32))
    tasks.JobQueue(open_it("three", secret="u" * 32, old_secrets=["s" * 32]))


def test_the_queues_schema_is_made_once_and_brought_up_to_date(open_it):
    app = open_it()
    tasks.JobQueue(app)
    with app.writing() as connection:
        newest = rows.schema_version(connection)
        # As an installation of the release before left it: the last scripts are run again.
        connection.execute(
            update(installation)
            .where(installation.c.name == rows.VERSION)
            .values(value="03.04.00_01_pre_add_retry_failed_job_procedure.sql")
        )
    tasks.JobQueue(app)
    with app.reading() as connection:
        assert rows.schema_version(connection) == newest


def test_a_queue_that_somebody_else_made_is_taken_as_it_is(open_it):
    app = open_it()
    tasks.JobQueue(app)
    with app.writing() as connection:
        version = rows.schema_version(connection)
        connection.execute(delete(installation).where(installation.c.name == rows.VERSION))
    tasks.JobQueue(app)
    with app.reading() as connection:
        assert rows.schema_version(connection) == version


def test_workers_go_on_after_a_backup_is_brought_back(open_it, tmp_path):
    app = open_it()
    tasks.JobQueue(app)
    with app.reading() as connection:
        version = rows.schema_version(connection)
    backups.backup(app, tmp_path / "b.gz", portable=True)
    backups.restore(app, tmp_path / "b.gz", force=True)
    tasks.JobQueue(app)
    with app.reading() as connection:
        assert rows.schema_version(connection) == version


def test_sqlite_needs_no_workers_and_says_so(capsys):
    assert run(["worker", "--once"]) == 2
    assert "digest serve" in capsys.readouterr().err
