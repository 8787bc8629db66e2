"""What a long-running process holds: freed memory goes back, and SQLite has one bound for all."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from digest.store.database import SQLITE_MEMORY, open_engine

GROWING = """
import threading, psutil
from digest import memory
memory.share_arenas()
def work():
    kept = [bytes(4096) for _ in range(20_000)]
    some.append(kept[::400])
some = []
for _ in range(4):
    threads = [threading.Thread(target=work) for _ in range(4)]
    [t.start() for t in threads]; [t.join() for t in threads]
before = psutil.Process().memory_info().rss
memory.give_back()
print(before, psutil.Process().memory_info().rss)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator alone")
def test_freed_memory_goes_back_to_the_system():
    output = subprocess.run(
        [sys.executable, "-c", GROWING], capture_output=True, text=True, check=True
    ).stdout
    before, after = map(int, output.split())
    assert after < before - 40_000_000


def test_all_connections_to_a_store_share_one_bound(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path / 'store.db'}")

    def limit(_):
        with engine.connect() as connection:
            return connection.execute(text("PRAGMA soft_heap_limit")).scalar()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(limit, range(4))) == {SQLITE_MEMORY}
    engine.dispose()
