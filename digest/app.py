"""The composition root: a Config becomes an App that holds every resource, and closes them.

The only module that reads the clock and the environment's idea of now. It decides nothing.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from digest import files
from digest.config import Config, Settings, reveal
from digest.delivery import Transport, is_channel
from digest.errors import ConfigError, StoreError, UsageError
from digest.keys import LEAST_LENGTH, flaw_of
from digest.lazily import lazily
from digest.plugins import resolve
from digest.sources import Source
from digest.store import database, failures, installation
from digest.subscribers.return_paths import ReturnPaths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from digest.rendering import imprint, setup
    from digest.rendering.compose import Composer
    from digest.rendering.imprint import Imprint
else:
    imprint = lazily("digest.rendering.imprint")
    setup = lazily("digest.rendering.setup")

SECRET_FILE = "secret"  # noqa: S105


def system_clock() -> datetime:
    """Return the present instant, aware, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class App:
    """The open program: configuration, clock, store, and factories for what is configured."""

    config: Config
    clock: Callable[[], datetime]
    engine: Engine
    troubles: dict[str, str] = field(default_factory=dict, repr=False, compare=False)
    """Why the store could not be used, by the recurring work that met it last."""

    def now(self) -> datetime:
        """Return the present instant: the clock's, or the one that ``--now`` fixed."""
        return self.clock()

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection inside one transaction: all of it is kept, or nothing.

        Raises StoreError where the database fails.
        """
        with failures.named(self.engine), self.engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that only reads. Raises StoreError where the database fails."""
        with failures.named(self.engine), database.reading(self.engine) as connection:
            yield connection

    @contextlib.contextmanager
    def minding(self, work: str) -> Iterator[None]:
        """Do recurring work; what is wrong with the store is a StoreError, and remembered.

        It is forgotten when the same work has gone well, or any work has and the store takes a
        write again: the next turn of the same work may be hours away.
        """
        try:
            with failures.named(self.engine):
                yield
        except StoreError as exc:
            self.troubles[work] = str(exc)
            raise
        self.troubles.pop(work, None)
        if self.troubles:
            with contextlib.suppress(StoreError):
                with self.writing() as connection:
                    installation.put(connection, "recovered_at", self.now().isoformat())
                self.troubles.clear()

    @cached_property
    def sources(self) -> Mapping[str, Source]:
        """Return the enabled sources by name, in the order of the configuration."""
        return {
            name: resolve(section.kind, "digest.sources", "source")(name, section.options)
            for name, section in self.config.settings.sources.items()
            if section.enabled
        }

    @cached_property
    def _ways_out(self) -> Mapping[str, Transport]:
        return ways_out(self.config.settings)

    @cached_property
    def transports(self) -> Mapping[str, Transport]:
        """Return the transports of mail by name, in order of preference."""
        names = self.config.settings.mail.transports or tuple(self._ways_out)
        return {
            name: self._ways_out[name] for name in names if not is_channel(self._ways_out[name])
        }

    @cached_property
    def channels(self) -> Mapping[str, Transport]:
        """Return the transports that are reached by their own address alone, by name."""
        return channels_of(self._ways_out)

    def require_way_out(self) -> None:
        """Raise UsageError where no transport is configured."""
        if not (self.transports or self.channels):
            raise UsageError("there is no [transports.NAME]: nothing can be sent")

    @cached_property
    def return_paths(self) -> ReturnPaths | None:
        """Return the maker of envelope senders; None where refusals go to ``mail.sender``."""
        bounces = self.config.settings.mail.bounces
        if not bounces.domain:
            return None
        return ReturnPaths(self.secret_keys, domain=bounces.domain, prefix=bounces.prefix)

    @cached_property
    def composer(self) -> Composer:
        """Return what makes messages: templates read, CSS inlined, keys loaded on first use."""
        return setup.composer_from(self.config.settings)

    @cached_property
    def imprint(self) -> Imprint:
        """Return what tells of a mail what it was made with."""
        return imprint.imprint_of(self.config.settings)

    @cached_property
    def secret_keys(self) -> tuple[bytes, ...]:
        """Return the signing secrets, the present one first; made on first use.

        Raises ConfigError where one is too short, StoreError where none can be kept.
        """
        settings = self.config.settings.digest
        present = reveal(settings.secret).encode() or _kept_secret(self.config.data_dir)
        return (present, *(reveal(old).encode() for old in settings.old_secrets))


@contextlib.contextmanager
def open_app(config: Config, *, now: datetime | None = None, migrate: bool = True) -> Iterator[App]:
    """Open the store (migrating it first unless told not to) and give the App; close it after.

    Raises UsageError, StoreError; StoreError also for a disk, file or server that fails meanwhile.
    """
    if now is not None and now.tzinfo is None:
        raise UsageError(f"--now needs a time zone: {now.isoformat()}+00:00, for example")
    try:
        engine = database.open_engine(config.store_url)
        files.close_to_others(own_files(config))
    except OSError as exc:
        raise StoreError(f"the store cannot be opened: {exc}") from exc
    try:
        _prepare(engine, migrate=migrate)
        with failures.named(engine):
            yield App(config, system_clock if now is None else (lambda: now), engine)
    finally:
        engine.dispose()


def own_files(config: Config) -> Iterator[Path]:
    """Give the data folder, what is in it, and the store: nobody else of the machine reads them.

    A data folder that also holds the configuration, or is worked in, has files of others: there
    only the program's own are given.
    """
    folder = config.data_dir
    with contextlib.suppress(StoreError):
        yield from database.files_of(config.store_url)
    if not folder.is_dir():
        return
    around = (Path.cwd(), *((config.path.absolute().parent,) if config.path else ()))
    if any(place.is_relative_to(folder) for place in around):
        yield from (folder / SECRET_FILE, *(folder / "senders").glob("*"))
        return
    # Where nobody else may enter, what lies deeper is out of their reach.
    inside = folder.rglob("*") if files.open_to_others(folder) else folder.iterdir()
    yield from (path for path in sorted(inside) if not path.is_symlink())
    yield folder


def ways_out(settings: Settings) -> dict[str, Transport]:
    """Return all configured transports by name, none of them opened."""
    return {
        name: resolve(section.kind, "digest.delivery", "transport")(name, section.options)
        for name, section in settings.transports.items()
    }


def channels_of(ways: Mapping[str, Transport]) -> dict[str, Transport]:
    """Return those that are reached by their own address alone, by name."""
    return {name: way for name, way in ways.items() if is_channel(way)}


def _prepare(engine: Engine, *, migrate: bool) -> None:
    try:
        with failures.named(engine):
            if migrate:
                database.upgrade(engine)
            else:
                database.check(engine)
    except OSError as exc:
        raise StoreError(f"the store cannot be opened: {exc}") from exc
    except DBAPIError as exc:
        raise StoreError(f"the store cannot be opened: {database.cause_of(exc, engine)}") from exc


def _kept_secret(folder: Path) -> bytes:
    path = folder / SECRET_FILE
    try:
        kept = files.write_once(path, secrets.token_urlsafe(32).encode() + b"\n").strip()
    except OSError as exc:
        raise StoreError(
            f"{path}: the signing secret cannot be kept there: {exc.strerror or exc}: make room, "
            "or let this user read and write the folder (digest.data_dir)"
        ) from exc
    if flaw_of(kept):
        raise ConfigError(
            f"{path}: holds {len(kept)} characters, a signing secret has at least "
            f"{LEAST_LENGTH}: put the file back from a backup, or remove it: a new one is made, "
            "and links in mails that were sent stop working"
        )
    return kept
