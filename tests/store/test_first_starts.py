"""Several processes find an empty database at the same time, and each wants to make its tables."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from digest.store import database

STARTS = 4
SCRIPT = """
import sys
from digest.store import database
sys.stdin.readline()  # all at once
engine = database.open_engine(sys.argv[1])
database.upgrade(engine)
print(database.current_revision(engine))
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path) -> Iterator[str]:
    """Give the address of a database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/new.db"
        return
    admin = database.open_engine(request.getfixturevalue("postgresql_url"))
    schema = f"first{os.getpid()}_{os.urandom(3).hex()}"
    with admin.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
    url = admin.url.update_query_dict({"options": f"-csearch_path={schema}"})
    yield url.render_as_string(hide_password=False)
    with admin.begin() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {schema} CASCADE")
    admin.dispose()


def test_first_starts_at_once_all_succeed(empty):
    started = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, empty],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(STARTS)
    ]
    for one in started:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    ended = [one.communicate(timeout=120) for one in started]
    assert [out.strip() for out, _ in ended] == [database.head_revision()] * STARTS, ended
