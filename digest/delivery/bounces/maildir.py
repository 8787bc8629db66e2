"""What came back, from a Maildir that the machine's own mail server fills.

New mail is read from ``new`` and moves to ``cur`` with its flags, as any mail program does.
"""

from __future__ import annotations

import errno
import heapq
import os
from collections.abc import Iterator
from pathlib import Path

from digest.delivery.bounces import Mark, Returned
from digest.delivery.bounces.reading import READ_LIMIT
from digest.errors import DeliveryError

WHERE = "mail.bounces.maildir"


class MaildirMailbox:
    """One Maildir (``new``, ``cur``, ``tmp``); needs no cursor: what is in ``new`` is unread."""

    def __init__(self, folder: Path) -> None:
        self.name = "bounces:maildir"
        self._folder = folder.expanduser()
        self._unsettled: dict[str, Path] = {}
        if not (self._folder / "new").is_dir():
            raise DeliveryError(WHERE, f"{folder} is no Maildir (it has no folder `new`)")

    def unread(self, cursor: str, limit: int) -> Iterator[tuple[Returned, str]]:
        """Yield what is in ``new``, by the time in its name."""
        visible = (p for p in (self._folder / "new").iterdir() if not p.name.startswith("."))
        for path in heapq.nsmallest(limit, visible):
            key = _key(path)
            self._unsettled[key] = path
            try:
                yield Returned(key=key, content=_read(path)), cursor
            except FileNotFoundError:  # a mail program has moved it meanwhile
                continue
            except OSError as exc:
                problem = f"it cannot be opened: {exc.strerror}"
                yield Returned(key=key, content=b"", problem=problem), cursor

    def settle(self, key: str, mark: Mark) -> None:
        """Move a mail to ``cur`` with its flags (F flagged, S seen).

        Raises DeliveryError where that cannot be done: it would be read for ever.
        """
        flags = {Mark.SEEN: "S", Mark.FLAGGED: "FS", Mark.LEFT: ""}[mark]
        path = self._unsettled[key]
        name = path.name.partition(":")[0]
        try:
            path.rename(self._folder / "cur" / f"{name}:2,{flags}")
        except FileNotFoundError as exc:
            if path.exists():
                raise DeliveryError(WHERE, f"{self._folder} has no folder `cur`") from exc
        except OSError as exc:
            raise DeliveryError(WHERE, f"{path} cannot be moved: {exc.strerror}") from exc

    def close(self) -> None:
        """Have nothing to close."""


def _read(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is no file")
    with path.open("rb") as file:
        return file.read(READ_LIMIT)


def _key(path: Path) -> str:
    # The store takes text; a name may hold any bytes.
    name = os.fsencode(path.name).decode("utf-8", "backslashreplace").partition(":")[0]
    return f"maildir:{name[:280]}"
