"""Messages as files: one ``.eml`` (and ``.html``) each in a folder, or a Maildir.

For trying out, archives, and readers who fetch mail themselves. The name is made of the
Message-ID, so writing one message twice leaves one file. Nothing is ever deleted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from digest import files
from digest.delivery import Outcome, OutcomeKind, Phase
from digest.errors import DeliveryError
from digest.exact import Exact
from digest.model import Message
from digest.rendering.bodies import body, parsed

_UNSAFE = re.compile(r"[^A-Za-z0-9._@+=-]+")


class FileOptions(Exact):
    """``[transports.NAME]`` with ``kind = "file"``."""

    folder: Path = Field(Path("digest-data/mail"), description="Where the files go.")
    format: Literal["eml", "maildir"] = Field(
        "eml", description="One .eml file a message, or a Maildir (tmp, new, cur)."
    )
    html: bool = Field(False, description="Write the HTML part beside the .eml as well.")


def transport(name: str, options: Mapping[str, Any]) -> FileTransport:
    """Make the transport of its block of the configuration."""
    return FileTransport(name, FileOptions(**options))


class FileTransport:
    """One folder."""

    kind = "file"

    def __init__(self, name: str, options: FileOptions) -> None:
        self.name = name
        self.options = options

    def open(self) -> FileSession:
        """Make the folders. Raises DeliveryError where that is not allowed."""
        folder = self.options.folder.expanduser()
        names = ("tmp", "new", "cur") if self.options.format == "maildir" else ("",)
        try:
            for part in names:
                files.make_folder(folder / part)
        except OSError as exc:
            raise _unusable(self.name, folder, exc) from exc
        return FileSession(self.name, folder, self.options)


class FileSession:
    """Writes beside, then renames: a reader never sees half a message."""

    def __init__(self, name: str, folder: Path, options: FileOptions) -> None:
        self.name = name
        self._folder = folder
        self._options = options

    def send(self, message: Message, before_dot: Callable[[], bool]) -> Outcome:
        """Write one message; the marker comes before the rename."""
        stem = file_stem(message.message_id)
        is_maildir = self._options.format == "maildir"
        draft = self._folder / ("tmp" if is_maildir else "") / f".{stem}.part"
        target = self._folder / (f"new/{stem}" if is_maildir else f"{stem}.eml")
        try:
            files.create(draft)
            with draft.open("wb") as file:
                file.write(message.content)
                file.flush()
                os.fsync(file.fileno())
            if not before_dot():
                draft.unlink()
                return Outcome(kind=OutcomeKind.WITHDRAWN, phase=Phase.DATA)
            draft.replace(target)
            if self._options.html and not is_maildir:
                html = message.html or body(parsed(message.content), "html")
                files.write(target.with_suffix(".html"), html.encode())
        except OSError as exc:
            raise _unusable(self.name, self._folder, exc) from exc
        return Outcome(kind=OutcomeKind.SENT, phase=Phase.DONE, reply=f"written: {target.name}")

    def close(self) -> None:
        """Have nothing to close."""


def file_stem(message_id: str) -> str:
    """Return a file name for a Message-ID: safe anywhere, the same each time."""
    return _UNSAFE.sub("_", message_id.strip("<>"))[:180].lstrip(".") or "message"


def _unusable(name: str, folder: Path, exc: OSError) -> DeliveryError:
    return DeliveryError(name, f"{folder} cannot be written: {exc.strerror or exc}")
