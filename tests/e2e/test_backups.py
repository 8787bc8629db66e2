"""Backups of a living installation, brought back on either database."""

import gzip
import shutil
import threading
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import pytest
from builders import NOON
from crowd import fill
from postgresql import fresh_postgresql
from sqlalchemy import insert, select

from digest.actions import backups
from digest.actions.run import run
from digest.app import open_app
from digest.cli.main import run as command
from digest.config import load_config
from digest.errors import StoreError, UsageError
from digest.store import database, deliveries
from digest.store.tables import metadata, papers, runs, subscribers


@contextmanager
def opened(url, folder, **digest):
    config = load_config(
        overrides={
            "digest": {"data_dir": str(folder)} | digest,
            "store": {"url": url},
            "mail": {"sender": "digest@example.org"},
            "transports": {"out": {"kind": "file", "folder": str(folder / "out")}},
        }
    )
    with open_app(config, now=NOON) as app:
        yield app


@pytest.fixture
def lived(engine, tmp_path):
    """Give an installation that has mailed once, on each database."""
    url = engine.url.render_as_string(hide_password=False)
    with opened(url, tmp_path / "lived") as app:
        with app.writing() as connection:
            fill(connection, people=5, works=30, due_at=NOON)
            # Merged papers point at others, later ones too.
            merged = papers.update().where(papers.c.id == 3).values(merged_into=20)
            connection.execute(merged)
        run(app, poll=False)
        yield app


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'other.db'}"
    engine = request.getfixturevalue("second_postgresql")
    return engine.url.render_as_string(hide_password=False)


@pytest.fixture
def second_postgresql(postgresql_url):
    yield from fresh_postgresql(postgresql_url)


def contents(app, but=("installation",)):
    with app.reading() as connection:
        return {
            table.name: {
                tuple(row[key.name] for key in table.primary_key.columns): dict(row)
                for row in connection.execute(select(table)).mappings()
            }
            for table in metadata.sorted_tables
            if table.name not in but
        }


def test_a_portable_backup_is_the_same_store_on_either_database(lived, empty_url, tmp_path):
    found = backups.backup(lived, tmp_path / "b.gz", portable=True)
    with opened(empty_url, tmp_path / "new") as app:
        backups.restore(app, tmp_path / "b.gz")
        assert contents(app) == contents(lived)
        assert found.rows["deliveries"] == 5
        # New rows do not take the numbers of old ones.
        with app.writing() as connection:
            added = insert(papers).values(
                key="arxiv:1", title="t", first_seen_at=NOON, fingerprint="1:x"
            )
            assert connection.execute(added).inserted_primary_key[0] == 31


def test_links_in_old_mails_still_work_and_nothing_is_sent_by_itself(sqlite_engine, tmp_path):
    with opened(sqlite_engine.url.render_as_string(), tmp_path / "lived") as lived:
        backups.backup(lived, tmp_path / "b.gz", portable=True)
        secret = lived.secret_keys
    url = f"sqlite:///{tmp_path / 'other.db'}"
    with opened(url, tmp_path / "new") as app:
        assert app.secret_keys != secret
        backups.restore(app, tmp_path / "b.gz")
    with opened(url, tmp_path / "new") as app, app.reading() as connection:
        assert app.secret_keys == secret
        assert deliveries.is_paused(connection)
    assert (tmp_path / "new" / "secret").stat().st_mode & 0o077 == 0


def test_a_copy_of_sqlite_comes_back_as_it_was(sqlite_engine, tmp_path):
    url = sqlite_engine.url.render_as_string()
    with opened(url, tmp_path / "lived") as app:
        with app.writing() as connection:
            fill(connection, people=2, works=10, due_at=NOON)
        before, secret = contents(app), app.secret_keys
        found = backups.backup(app, tmp_path / "copy.gz")
        assert (found.kind, found.rows["papers"]) == ("sqlite", 10)
        with app.writing() as connection:
            connection.execute(papers.delete())
        backups.restore(app, tmp_path / "copy.gz", force=True)
        assert contents(app) == before
    with opened(f"sqlite:///{tmp_path / 'new.db'}", tmp_path / "new") as app:
        backups.restore(app, tmp_path / "copy.gz")
        assert contents(app) == before
    with opened(f"sqlite:///{tmp_path / 'new.db'}", tmp_path / "new") as app:
        assert app.secret_keys == secret


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="there is no such folder here")
def test_a_backup_in_a_place_that_takes_no_files_can_be_restored(sqlite_engine, tmp_path):
    with opened(sqlite_engine.url.render_as_string(), tmp_path / "lived") as app:
        with app.writing() as connection:
            fill(connection, people=2, works=10, due_at=NOON)
        backups.backup(app, tmp_path / "copy.gz")
        with (tmp_path / "copy.gz").open("rb") as file:
            path = Path(f"/proc/self/fd/{file.fileno()}")
            assert backups.restore(app, path, force=True).rows["papers"] == 10


def test_a_copy_of_sqlite_says_how_to_move_to_postgresql(
    sqlite_engine, postgresql_engine, tmp_path
):
    with opened(sqlite_engine.url.render_as_string(), tmp_path / "a") as app:
        backups.backup(app, tmp_path / "copy.gz")
    url = postgresql_engine.url.render_as_string(hide_password=False)
    with opened(url, tmp_path / "b") as app, pytest.raises(UsageError, match="--portable"):
        backups.restore(app, tmp_path / "copy.gz")


def test_a_backup_sees_one_state_while_others_write(lived, tmp_path):
    stop = threading.Event()

    def write():
        number = 0
        while not stop.is_set():
            number += 1
            with lived.writing() as connection:
                connection.execute(
                    insert(runs).values(id=f"w{number}", command="tick", started_at=NOON)
                )

    writer = threading.Thread(target=write)
    writer.start()
    try:
        found = [
            backups.backup(lived, tmp_path / f"{n}.gz", portable=bool(n)).rows["runs"]
            for n in range(2)
        ]
    finally:
        stop.set()
        writer.join()
    assert found[1] >= found[0] >= 1


def test_a_damaged_backup_is_noticed_and_changes_nothing(lived, tmp_path):
    path = tmp_path / "b.gz"
    backups.backup(lived, path)
    before = contents(lived)
    whole = path.read_bytes()
    middle = len(whole) // 2
    changed = whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :]
    for damaged in (whole[:-200], changed):
        path.write_bytes(damaged)
        with pytest.raises(StoreError, match="damaged"):
            backups.restore(lived, path, force=True)
    assert contents(lived) == before


def test_a_line_changed_by_hand_is_noticed(lived, tmp_path):
    path = tmp_path / "b.gz"
    backups.backup(lived, path, portable=True)
    text = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(text.replace(b"r1@d1.example.org", b"r1@d1.evil.example")))
    with pytest.raises(StoreError, match="sum is wrong"):
        backups.check(path)


def test_a_store_in_use_is_not_replaced_by_accident(lived, tmp_path):
    backups.backup(lived, tmp_path / "b.gz")
    with pytest.raises(UsageError, match="--force"):
        backups.restore(lived, tmp_path / "b.gz")


def test_a_backup_is_for_its_owners_eyes_and_writes_over_nothing(lived, tmp_path):
    path = tmp_path / "b.gz"
    backups.backup(lived, path)
    assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(UsageError, match="there already"):
        backups.backup(lived, path)
    assert not list(tmp_path.glob("*.part")) + list(tmp_path.glob(".*.part"))


@pytest.fixture
def newer_program(tmp_path, monkeypatch):
    """Let the program be one migration further: it moved words from one column to another."""
    folder = tmp_path / "migrations"
    shutil.copytree(resources.files("digest.store") / "migrations", folder)
    (folder / "versions" / "v9000_later.py").write_text(LATER)

    @contextmanager
    def running():
        with monkeypatch.context() as patched:
            patched.setattr(database, "_migrations", lambda: folder)
            yield

    return running


LATER = """
from alembic import op
revision, down_revision, branch_labels, depends_on = "9000", "HEAD", None, None
def upgrade():
    op.execute("UPDATE papers SET venue = 'formerly ' || comment WHERE comment <> ''")
    op.execute("UPDATE papers SET comment = ''")
""".replace("HEAD", database.head_revision())


def test_an_older_backup_is_brought_up_to_date(lived, empty_url, newer_program, tmp_path):
    with lived.writing() as connection:
        connection.execute(papers.update().where(papers.c.id == 4).values(comment="NeurIPS"))
    backups.backup(lived, tmp_path / "b.gz", portable=True)
    before = contents(lived)
    with newer_program(), opened(empty_url, tmp_path / "new") as app:
        assert database.current_revision(app.engine) == "9000"
        backups.restore(app, tmp_path / "b.gz")
        after = contents(app)
    fourth = after["papers"].pop((4,))
    assert (fourth["venue"], fourth["comment"]) == ("formerly NeurIPS", "")
    del before["papers"][4,]
    assert after == before
    assert not list(tmp_path.glob("tmp*"))


def test_rows_that_were_deleted_before_an_old_backup_leave_their_numbers_unused(
    lived, empty_url, newer_program, tmp_path
):
    with lived.writing() as connection:
        connection.execute(subscribers.delete().where(subscribers.c.id == 5))
    backups.backup(lived, tmp_path / "b.gz", portable=True)
    with newer_program(), opened(empty_url, tmp_path / "new") as app:
        backups.restore(app, tmp_path / "b.gz")
        with app.writing() as connection:
            added = insert(subscribers).values(
                address="n@example.org", address_key="n", status="confirmed", created_at=NOON
            )
            # SQLite's first subscribers had given numbers; a server never learnt of those.
            assert connection.execute(added).inserted_primary_key[0] >= 5


@pytest.mark.parametrize("portable", [True, False])
def test_a_newer_backup_is_refused_and_says_what_to_do(
    lived, empty_url, newer_program, tmp_path, portable
):
    with newer_program(), opened(empty_url, tmp_path / "new") as app:
        backups.backup(app, tmp_path / "b.gz", portable=portable)
    before = contents(lived)
    with pytest.raises(StoreError, match=r"newer version .* upgrade the program"):
        backups.restore(lived, tmp_path / "b.gz", force=True)
    assert contents(lived) == before


def test_a_configured_secret_stays_out_of_the_file(sqlite_engine, tmp_path):
    with opened(sqlite_engine.url.render_as_string(), tmp_path, secret="hush" * 8) as app:
        backups.backup(app, tmp_path / "b.gz", portable=True)
    assert b"hush" not in gzip.decompress((tmp_path / "b.gz").read_bytes())


def test_the_commands_say_what_is_in_a_file(capsys):
    assert command(["backup", "one.gz"]) == 0
    assert command(["restore", "one.gz", "--check"]) == 0
    assert f"schema {database.head_revision()}" in capsys.readouterr().out
    assert command(["restore", "none.gz"]) == 2
