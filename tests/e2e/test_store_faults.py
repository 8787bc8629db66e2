"""A full disk or a damaged store is one sentence and an exit code; the next run goes on."""

import json
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest
from installation import a_feed, installed
from sqlalchemy.exc import OperationalError

from digest.actions import outbox
from digest.actions.doctor import machine
from digest.app import open_app
from digest.config import load_config
from digest.errors import StoreError
from digest.store import integrity

TITLES = [f"Careful studies of thing {number}" for number in range(300)]


def limited(size: int):
    """Return what makes a child process unable to write files beyond this size."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def digest(place, *words: str, size: int = 0) -> tuple[int, str]:
    ended = subprocess.run(
        [sys.executable, "-m", "digest", "-c", str(place.config), *words],
        capture_output=True,
        text=True,
        timeout=180,
        preexec_fn=limited(size) if size else None,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr


def files_of(place) -> int:
    return max(path.stat().st_size for path in (place.folder / "data").glob("digest.db*"))


def damage(path: Path, *, whole: bool = False) -> None:
    """Write over the pages of a table in the middle of a store, or over its head."""
    for ending in ("-wal", "-shm"):
        Path(f"{path}{ending}").unlink(missing_ok=True)
    if whole:
        with path.open("r+b") as file:
            file.write(b"not a database at all" * 10)
        return
    with closing(sqlite3.connect(path)) as store:
        (page,) = store.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'papers'"
        ).fetchone()
        (size,) = store.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xa5" * size)


def settled(place) -> None:
    """Leave everything in the one file."""
    with closing(sqlite3.connect(place.folder / "data" / "digest.db")) as store:
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@pytest.fixture
def lived(tmp_path):
    with installed(tmp_path) as place:
        place.add_feed("blog", a_feed(*TITLES[:5]))
        assert digest(place, "run")[0] == 0
        settled(place)
        yield place


def test_a_full_disk_is_a_sentence_everywhere_and_nothing_is_lost(lived):
    lived.web.routes["/blog"] = a_feed(*TITLES)
    room = files_of(lived) // 1024 * 1024
    for size, *words in (
        (4096, "poll", "blog", "--force"), (room, "poll", "blog", "--force"), (4096, "run"),
        (4096, "backup", str(lived.folder / "all.gz")),
    ):  # fmt: skip
        code, said = digest(lived, *words, size=size)
        assert "Traceback" not in said, (words, size)
        assert code == 1, (words, size, said)
        assert "make room" in said, (words, size, said)
    assert not list(lived.folder.glob("*all.gz*"))
    code, said = digest(lived, "doctor", "--offline", size=room)
    assert "disk: " in said
    assert "Traceback" not in said
    code, said = digest(lived, "run")
    assert code == 0, said
    assert digest(lived, "poll", "blog", "--force")[0] == 0
    with open_app(load_config(lived.config)) as app:
        with app.reading() as connection:
            assert integrity.problems(connection) == ()
        assert outbox.verify(app).is_ok


@pytest.mark.parametrize("whole", [False, True])
def test_a_damaged_store_is_named_by_every_command(lived, whole):
    damage(lived.folder / "data" / "digest.db", whole=whole)
    for words in (
        ["run"], ["verify"], ["papers"], ["doctor", "--offline"],
        ["backup", str(lived.folder / "all.gz")],
    ):  # fmt: skip
        code, said = digest(lived, *words)
        assert code == 1, (words, said)
        assert "damaged" in said, (words, said)
        assert "digest restore" in said, (words, said)
        assert "Traceback" not in said, (words, said)


def test_verify_notices_an_index_that_lost_its_rows(lived):
    with closing(sqlite3.connect(lived.folder / "data" / "digest.db")) as store:
        store.execute("PRAGMA writable_schema = ON")
        store.execute(
            "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = "
            "'ix_polls_at') WHERE name = 'ix_papers_first_seen_at'"
        )
        store.commit()
    code, said = digest(lived, "verify")
    assert code == 1
    assert "damaged" in said


def test_verify_notices_an_index_of_words_that_lost_papers(lived):
    with closing(sqlite3.connect(lived.folder / "data" / "digest.db")) as store:
        store.execute("DELETE FROM paper_search_docsize WHERE id = 1")
        store.commit()
    code, said = digest(lived, "verify")
    assert code == 1
    assert "search" in said


def test_a_store_that_can_only_be_read_says_so(lived):
    def write() -> None:
        with lived.open() as app, app.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA query_only = ON")
            connection.exec_driver_sql("DELETE FROM polls")

    with pytest.raises(StoreError, match="can only be read"):
        write()


def test_a_wrong_statement_stays_the_bug_that_it_is(lived):
    with pytest.raises(OperationalError), lived.open() as app, app.reading() as connection:
        connection.exec_driver_sql("SELECT * FROM nowhere")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def health(port: int) -> tuple[int, dict]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as exc:
        return exc.code, json.load(exc)


def waited(test, seconds: float = 90):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if found := test():
                return found
        except (OSError, ValueError):
            pass
        time.sleep(0.3)
    return None


def test_serve_survives_a_full_disk_says_so_and_recovers(lived):
    port = free_port()
    text = lived.config.read_text().replace(
        "[transports.relay]", f"[web]\nport = {port}\n[transports.relay]"
    )
    lived.config.write_text(text)
    with (lived.folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "digest", "-c", str(lived.config), "serve"],
            stderr=log,
            stdout=log,
        )
    try:
        assert waited(lambda: health(port)[0] == 200)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        found = waited(lambda: (h := health(port))[0] == 503 and h[1])
        assert found, (lived.folder / "log").read_text()[-3000:]
        assert "store" in found["problem"]
        assert process.poll() is None
        resource.prlimit(
            process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        )
        assert waited(lambda: health(port)[0] == 200, 120)
    finally:
        process.terminate()
        process.wait(30)
    said = (lived.folder / "log").read_text()
    assert "Traceback" not in said, said[-3000:]


def test_doctor_finds_a_folder_that_takes_no_more(lived):
    with lived.open() as app:
        assert machine._disk(app).level != "wrong" or "MB are left" in machine._disk(app).message
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        try:
            assert "cannot be written" in machine._disk(app).message
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, ignored)
