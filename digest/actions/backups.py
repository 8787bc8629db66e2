"""Keep the whole installation in one file, and bring it back: store and signing secret.

Mails that were waiting when a backup was made may have been sent since: a restored
installation sends nothing until its owner says so.
"""

from __future__ import annotations

import gzip
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete

from digest import files
from digest.app import SECRET_FILE, App
from digest.errors import StoreError, UsageError
from digest.store import copying, database, deliveries, dumping, failures, outdated
from digest.store.tables import installation

Progress = Callable[[int], None]
SECRET = "backup.secret"  # noqa: S105 - the name of a row
SQLITE = b"SQLite format 3\x00"


@dataclass(frozen=True, kw_only=True)
class Backup:
    """One backup file, read again and found whole."""

    path: Path
    kind: str
    """``sqlite``: a copy of the database; ``portable``: for either database."""
    made_at: datetime | None
    revision: str
    size: int
    """Bytes."""
    rows: Mapping[str, int]


def backup(
    app: App, path: Path, *, portable: bool = False, on_progress: Progress = lambda _: None
) -> Backup:
    """Write everything into one compressed file, readable by its owner alone, and verify it.

    An SQLite store is copied as it is unless ``portable``. Nobody has to stop working.

    Raises UsageError, StoreError; nothing is left of a backup that fails.
    """
    if path.exists():
        raise UsageError(f"{path} is there already")
    files.make_folder(path.parent)
    part = path.with_name(f".{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        files.create(part)
        if portable or not database.is_sqlite(app.engine):
            _dump(app, part, on_progress)
        else:
            _copy(app, part, on_progress)
        found = check(part)
        part.rename(path)
    except OSError as exc:
        raise StoreError(
            f"{path} cannot be written: {exc.strerror or exc}: make room, or name another place"
        ) from exc
    finally:
        part.unlink(missing_ok=True)
    return Backup(**vars(found) | {"path": path})


def check(path: Path) -> Backup:
    """Read a whole backup and say what is in it. Raises StoreError where it is damaged."""
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    size = path.stat().st_size
    if not _is_copy(path):
        header, rows = dumping.check(path)
        return Backup(
            path=path, kind="portable", made_at=header.made_at, revision=header.revision,
            size=size, rows=rows,
        )  # fmt: skip
    with _unpacked(path) as copy:
        copying.check(copy)
        engine = database.open_engine(f"sqlite:///{copy}")
        try:
            with database.reading(engine) as connection:
                rows = database.count_rows(connection)
            revision = database.current_revision(engine) or ""
        finally:
            engine.dispose()
    return Backup(path=path, kind="sqlite", made_at=None, revision=revision, size=size, rows=rows)


def restore(
    app: App, path: Path, *, force: bool = False, on_progress: Progress = lambda _: None
) -> Backup:
    """Replace what the store holds with a backup; sending is paused after it.

    A backup of an older version is brought up to date; one of a newer version is refused.

    It is paused in what is brought back, before that is the store: however a restore ends, waiting
    mails do not go out by themselves.

    Raises UsageError where the store is in use and not ``force``, StoreError where the backup is
    damaged or does not fit: then the store is as before.
    """
    found = check(path)
    with app.reading() as connection:
        if dumping.holds_anything(connection) and not force:
            raise UsageError("the store is not empty; --force replaces everything in it")
    if not database.is_known(found.revision):
        raise StoreError(
            f"{path} was made by a newer version of this program (schema {found.revision}, here "
            f"{database.head_revision()}): upgrade the program, then restore it"
        )
    secret = (_restore_copy if found.kind == "sqlite" else _load)(app, found, on_progress)
    _keep_secret(app, secret)
    return found


def _restore_copy(app: App, found: Backup, on_progress: Progress) -> str:
    if not database.is_sqlite(app.engine):
        raise UsageError(
            "this is a copy of an SQLite database: make one with `digest backup --portable` "
            "to move to PostgreSQL"
        )
    with _unpacked(found.path) as copy:
        secret = _make_ready(copy, app.now())
        copying.copy_in(app.engine, copy, on_progress)
    return secret


def _make_ready(copy: Path, now: datetime) -> str:
    """Bring a copy up to date and pause sending in it; return the secret that came with it."""
    engine = database.open_engine(f"sqlite:///{copy}")
    try:
        with failures.named(engine):
            database.upgrade(engine)
            with engine.begin() as connection:
                deliveries.pause(connection, now, deliveries.AFTER_RESTORE)
                query = delete(installation).where(installation.c.name == SECRET)
                return connection.scalar(query.returning(installation.c.value)) or ""
    finally:
        engine.dispose()


def _load(app: App, found: Backup, on_progress: Progress) -> str:
    if found.revision == database.head_revision():
        return _load_dump(app, found.path, on_progress)
    with _room_for(found.path) as folder:
        present = folder / "present.gz"
        outdated.bring_up_to_date(found.path, present, on_progress=on_progress)
        return _load_dump(app, present, on_progress)


def _load_dump(app: App, path: Path, on_progress: Progress) -> str:
    with app.writing() as connection:
        dumping.clear(connection)
        header = dumping.load(connection, path, on_progress=on_progress)
        deliveries.pause(connection, app.now(), deliveries.AFTER_RESTORE)
        return header.secret


def _dump(app: App, path: Path, on_progress: Progress) -> None:
    with database.snapshot(app.engine) as connection:
        dumping.dump(
            connection,
            path,
            revision=database.head_revision(),
            secret=_secret(app),
            now=app.now(),
            on_progress=on_progress,
        )


def _copy(app: App, path: Path, on_progress: Progress) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        copy = Path(folder) / "copy.db"
        copying.copy_out(app.engine, copy, on_progress)
        copying.note(copy, SECRET, _secret(app))
        with copy.open("rb") as plain, gzip.open(path, "wb", compresslevel=6) as packed:
            shutil.copyfileobj(plain, packed, 1 << 20)


def _secret(app: App) -> str:
    """Return the secret that data_dir keeps: without it no link in any sent mail works again."""
    return "" if app.config.settings.digest.secret else app.secret_keys[0].decode()


def _keep_secret(app: App, secret: str) -> None:
    if not secret or app.config.settings.digest.secret:
        return
    files.write(app.config.data_dir / SECRET_FILE, f"{secret}\n".encode())


def _is_copy(path: Path) -> bool:
    try:
        with gzip.open(path, "rb") as file:
            return file.read(len(SQLITE)) == SQLITE
    except (OSError, EOFError) as exc:
        raise StoreError(f"{path} is damaged, or no backup: {exc}") from exc


@contextmanager
def _room_for(path: Path) -> Iterator[Path]:
    """Give an empty folder beside a backup: where one is kept there is room for two.

    Not where that place can only be read, as a snapshot's or a mounted volume's.
    """
    try:
        made = tempfile.TemporaryDirectory(dir=path.parent)
    except OSError:
        made = tempfile.TemporaryDirectory()
    with made as folder:
        yield Path(folder)


@contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    with _room_for(path) as folder:
        copy = folder / "copy.db"
        try:
            with gzip.open(path, "rb") as packed, copy.open("wb") as plain:
                shutil.copyfileobj(packed, plain, 1 << 20)
        except (OSError, EOFError) as exc:
            raise StoreError(f"{path} is damaged: {exc}") from exc
        yield copy
