"""Files that other users of the machine must not read: they hold addresses, mails or keys.

New ones are 0600 in folders of 0700. A data folder with the set-group-ID bit (``chmod 2770``) is
shared with its group on purpose: there the group may read and write, everybody else may not.
Systems without POSIX permissions have their own; there nothing is changed.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

FILE_MODE = 0o600
FOLDER_MODE = 0o700
GROUP = 0o070
OTHERS = 0o007


def is_shared(folder: Path) -> bool:
    """Tell whether a folder's owner opened it to its group: set-group-ID, and writable by it."""
    try:
        mode = folder.stat().st_mode
    except OSError:
        return False
    return bool(mode & stat.S_ISGID and mode & stat.S_IWGRP)


def keep_private(folder: Path | None = None) -> None:
    """Let this process, and those it starts, make files for their owner alone (umask)."""
    os.umask(OTHERS if folder is not None and is_shared(folder) else GROUP | OTHERS)


def make_folder(folder: Path) -> Path:
    """Make a folder and its missing parents, closed to other users. Raises OSError."""
    missing = []
    place = folder
    while not place.exists():
        missing.append(place)
        place = place.parent
    for new in reversed(missing):
        new.mkdir(mode=FOLDER_MODE, exist_ok=True)
    return folder


def create(path: Path) -> None:
    """Make an empty private file unless there is one. Raises OSError."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE))


def write(path: Path, content: bytes) -> None:
    """Write a private file whole, or leave what was there. Raises OSError."""
    with writing(path) as file:
        file.write(content)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write to; it takes its place, private and whole, when the block ends.

    Where the block or the disk fails, what was there stays. Raises OSError.
    """
    with _drafted(path) as (file, draft):
        yield file
        _settle(file)
        draft.replace(path)


def write_once(path: Path, content: bytes) -> bytes:
    """Write a private file unless there is one; return what it holds: of several, one wins.

    Nobody ever sees a part of it. Raises OSError.
    """
    with contextlib.suppress(FileNotFoundError):
        return path.read_bytes()
    with _drafted(path) as (file, draft):
        file.write(content)
        _settle(file)
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        except OSError:
            if path.exists():
                return path.read_bytes()
            draft.replace(path)  # a file system without links: the last one wins
    return path.read_bytes()


def open_to_others(path: Path) -> bool:
    """Tell whether other users may read a file or folder (or its group, unless it is shared)."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    folder = path if stat.S_ISDIR(mode) else path.parent
    return os.name == "posix" and bool(mode & (OTHERS if is_shared(folder) else GROUP | OTHERS))


def lets_others_in(folder: Path) -> bool:
    """Tell whether other users may pass through a folder to files whose names they know."""
    try:
        return bool(folder.stat().st_mode & (stat.S_IXGRP | stat.S_IXOTH))
    except OSError:
        return False


def close_to_others(paths: Iterator[Path]) -> list[Path]:
    """Take other users' permissions away; return the paths that stay open: they are not ours."""
    left = []
    for path in paths:
        if not open_to_others(path):
            continue
        mode = path.stat().st_mode
        folder = path if stat.S_ISDIR(mode) else path.parent
        closed = stat.S_IMODE(mode) & ~(OTHERS if is_shared(folder) else GROUP | OTHERS)
        try:
            path.chmod(closed)
        except OSError:
            left.append(path)
    return left


def _settle(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


@contextlib.contextmanager
def _drafted(path: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """Give a new private file beside ``path``, and its own path; it is gone afterwards."""
    make_folder(path.parent)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        create(draft)
        with draft.open("wb") as file:
            yield file, draft
    finally:
        draft.unlink(missing_ok=True)
