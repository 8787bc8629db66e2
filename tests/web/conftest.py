"""The pages in process: an App on an empty SQLite store, a client, and a day of papers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import NOON
from starlette.testclient import TestClient
from web_browser import chromium
from web_builders import fill

from digest.app import App, open_app
from digest.config import ProfileFile, load_config
from digest.model import Profile
from digest.web.app import create_app

BASE_URL = "https://digest.example.org"
OWNER_TOKEN = "an-owner-token-of-some-length"


@dataclass
class Clock:
    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass(frozen=True)
class Web:
    app: App
    client: TestClient
    clock: Clock

    def get(self, path: str, **options: Any) -> Any:
        return self.client.get(path, **options)

    def post(self, path: str, data: dict[str, Any] | None = None, **options: Any) -> Any:
        return self.client.post(path, data=data, **options)


def settings(**tables: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {
        "digest": {"base_url": BASE_URL, "name": "Morning papers", "secret": "s" * 40},
        "mail": {"sender": "digest@example.org"},
        "web": {"owner_token": OWNER_TOKEN},
    }
    for name, table in tables.items():
        values[name] = values.get(name, {}) | table
    return values


@pytest.fixture
def make_web(tmp_path: Path) -> Iterator[Any]:
    """Give a function that opens the pages with other settings."""
    opened = []

    def make(
        *,
        limited: bool = False,
        client_options: Any = None,
        profiles: tuple[Profile, ...] = (),
        engine: Any = None,
        **tables: Any,
    ) -> Web:
        config = load_config(
            overrides=settings(
                digest={"data_dir": str(tmp_path / "data")} | tables.pop("digest", {}), **tables
            )
        )
        files = tuple(
            ProfileFile(profile=profile, addresses=(), path=Path(f"{profile.name}.toml"))
            for profile in profiles
        )
        context = open_app(replace(config, profiles=files))
        app = context.__enter__()
        opened.append(context)
        clock = Clock()
        app = replace(app, clock=clock, **({"engine": engine} if engine else {}))
        options = {"base_url": BASE_URL, "follow_redirects": False} | (client_options or {})
        return Web(app, TestClient(create_app(app, limited=limited), **options), clock)

    yield make
    for context in opened:
        context.__exit__(None, None, None)


@pytest.fixture
def web(make_web: Any) -> Web:
    found = make_web()
    fill(found.app)
    return found


@pytest.fixture
def web_on_both(make_web: Any, engine: Any) -> Web:
    """Give the pages once on each database."""
    found = make_web(engine=engine)
    fill(found.app)
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    # Not for the session: while it is open Playwright keeps a loop running in this thread, and
    # tests of other modules could not start one.
    with chromium() as found:
        yield found
