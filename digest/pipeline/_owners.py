"""Who holds a lease: a name with a lock file, so that a dead sender is known at once.

The kernel drops a process's file locks when it ends, however it ends. Senders on one machine
(one data folder) need not wait for each other's leases to run out; those elsewhere do.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path

from digest import files

try:
    import fcntl
except ImportError:  # not a POSIX system: leases alone tell
    fcntl = None  # type: ignore[assignment]

FOLDER = "senders"


@contextlib.contextmanager
def owner(data_dir: Path) -> Iterator[str]:
    """Give a name for this run's leases that is alive as long as the block lasts.

    Where the block is left by an exception, its file stays as that of a dead owner: what it still
    holds is recovered by the next run.
    """
    name = f"sender-{secrets.token_hex(8)}"
    folder = files.make_folder(data_dir / FOLDER)
    path = folder / name
    unborn = folder / f".{name}"
    files.create(unborn)
    with unborn.open("wb") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        unborn.rename(path)  # locked before anybody can see it
        yield name
        path.unlink(missing_ok=True)


def dead_owners(data_dir: Path) -> list[str]:
    """Return the names whose process has ended; their files are for ``forget``."""
    folder = data_dir / FOLDER
    if fcntl is None or not folder.is_dir():
        return []
    dead = []
    for path in folder.glob("sender-*"):
        with contextlib.suppress(OSError), path.open("rb") as file:
            # Fails where the owner lives.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            dead.append(path.name)
    return sorted(dead)


def live_owners(data_dir: Path) -> frozenset[str]:
    """Return the names whose process is at work on this machine."""
    folder = data_dir / FOLDER
    if fcntl is None or not folder.is_dir():
        return frozenset()
    return frozenset(path.name for path in folder.glob("sender-*")) - set(dead_owners(data_dir))


def forget(data_dir: Path, names: list[str]) -> None:
    """Remove the files of dead owners, once the store has taken note of them."""
    for name in names:
        (data_dir / FOLDER / name).unlink(missing_ok=True)
