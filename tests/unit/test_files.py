"""Private files: their modes, and that of several writers exactly one wins."""

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from digest import files


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def lax_umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_new_files_and_folders_are_for_their_owner_alone(tmp_path):
    target = tmp_path / "a" / "b" / "text"
    files.write(target, b"x")
    files.create(target.with_name("empty"))
    assert mode(target) == mode(target.with_name("empty")) == 0o600
    assert mode(target.parent) == mode(tmp_path / "a") == 0o700
    assert sorted(path.name for path in target.parent.iterdir()) == ["empty", "text"]


def test_what_was_there_stays_whole_where_writing_fails(tmp_path):
    target = tmp_path / "list"
    files.write(target, b"before")

    def break_off() -> None:
        with files.writing(target) as file:
            file.write(b"half of")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert target.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [target]


def test_who_comes_second_gets_what_the_first_wrote(tmp_path):
    assert files.write_once(tmp_path / "key", b"first") == b"first"
    assert files.write_once(tmp_path / "key", b"second") == b"first"


def test_a_file_system_without_links_keeps_a_file_all_the_same(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    assert files.write_once(tmp_path / "key", b"first") == b"first"
    assert files.write_once(tmp_path / "key", b"second") == b"first"


RACER = """
import sys, time
from pathlib import Path
from digest import files
while time.time() < float(sys.argv[2]):
    pass
print(files.write_once(Path(sys.argv[1]), sys.argv[3].encode() * 1000).decode())
"""


def test_of_processes_that_write_at_once_exactly_one_wins(tmp_path):
    start = time.time() + 2
    crowd = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(tmp_path / "key"), str(start), str(number)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(6)
    ]
    said = {process.communicate(timeout=60)[0].strip() for process in crowd}
    assert len(said) == 1
    (only,) = said
    assert len(only) == 1000
    assert (tmp_path / "key").read_text() == only


def test_others_permissions_are_taken_away(tmp_path):
    path = tmp_path / "store"
    path.write_bytes(b"")
    path.chmod(0o666)
    tmp_path.chmod(0o755)
    assert files.open_to_others(path)
    assert files.close_to_others(iter([path, tmp_path, tmp_path / "absent"])) == []
    assert mode(path) == 0o600
    assert mode(tmp_path) == 0o700


def test_a_folder_with_the_group_bit_is_shared_with_its_group(tmp_path):
    tmp_path.chmod(0o2770)
    path = tmp_path / "store"
    path.write_bytes(b"")
    path.chmod(0o664)
    files.close_to_others(iter([path, tmp_path]))
    assert mode(path) == 0o660
    assert mode(tmp_path) == 0o2770
    files.keep_private(tmp_path)
    (tmp_path / "new").touch()
    assert mode(tmp_path / "new") == 0o660
    files.keep_private()
    (tmp_path / "later").touch()
    assert mode(tmp_path / "later") == 0o600
