"""Installations of several machines on one PostgreSQL."""

import json
from contextlib import ExitStack

import pytest

from digest.app import open_app
from digest.config import load_config


@pytest.fixture
def open_it(postgresql_engine, tmp_path):
    """Open the installation, as each of several machines would."""
    with ExitStack() as stack:

        def start(machine="here", port=0, **digest):
            settings = {
                "digest": {"data_dir": str(tmp_path / machine), "secret": "s" * 32} | digest,
                "store": {"url": postgresql_engine.url.render_as_string(hide_password=False)},
                "mail": {"sender": "digest@example.org", "batch_size": 10, "connections": 2},
                "transports": {
                    "out": {"kind": "smtp", "host": "127.0.0.1", "port": port}
                    if port
                    else {"kind": "file", "folder": str(tmp_path / "out")}
                },
            }
            path = tmp_path / f"{machine}.json"
            path.write_text(json.dumps(settings))
            return stack.enter_context(open_app(load_config(overrides=settings)))

        yield start
