"""What came back, from a Maildir that the machine's own mail server fills.

New mail is read from ``new`` and moves to ``cur`` with its flags, as any mail program does.
"""

from __future__ import annotations

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
        if not (self._folder / "new").is_dir():
            raise DeliveryError(WHERE, f"{folder} is no Maildir (it has no folder `new`)")

    def unread(self, cursor: str, limit: int) -> Iterator[tuple[Returned, str]]:
        """Yield what is in ``new``, by the time in its name."""
        for path in sorted((self._folder / "new").iterdir())[:limit]:
            if path.name.startswith("."):
                continue
            try:
                with path.open("rb") as file:
                    content = file.read(READ_LIMIT)
            except OSError as exc:
                raise DeliveryError(WHERE, f"{path} cannot be read: {exc.strerror}") from exc
            yield Returned(key=_key(path), content=content), cursor

    def settle(self, key: str, mark: Mark) -> None:
        """Move a mail to ``cur`` with its flags (F flagged, S seen)."""
        name = key.removeprefix("maildir:")
        flags = {Mark.SEEN: "S", Mark.FLAGGED: "FS", Mark.LEFT: ""}[mark]
        for path in (self._folder / "new").glob(f"{_escaped(name)}*"):
            if _key(path) == key:
                path.rename(self._folder / "cur" / f"{name}:2,{flags}")

    def close(self) -> None:
        """Have nothing to close."""


def _key(path: Path) -> str:
    return f"maildir:{path.name.partition(':')[0]}"


def _escaped(name: str) -> str:
    return name.replace("[", "[[]").replace("*", "[*]").replace("?", "[?]")
