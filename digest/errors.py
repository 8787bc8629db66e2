"""The tree of errors. Each message is a sentence that a person can act on, naming the thing.

    DigestError
     ├─ ConfigError        the configuration is wrong: file, key, what is expected
     ├─ UsageError         the command was asked for something that does not fit
     │   ├─ MissingError   what was named does not exist
     │   ├─ ConflictError  what was asked for stands against what there is already
     │   ├─ AddressError   what was given is not a mail address that can be written to
     │   ├─ UnreadableError  an input takes too much time or memory to be read
     │   └─ TokenError     a link's token is not ours, of another purpose, or too old
     ├─ StoreError         the database cannot be opened, or is of another version
     ├─ SourceError        a source did not give a usable answer   (permanent: not by waiting)
     ├─ RenderError        an edition could not be made into a message
     └─ DeliveryError      a next hop could not be used            (permanent: not by waiting)

Expected failures of one source, paper or recipient travel as values (``PollReport.error``,
``Outcome``); these exceptions end the work they name. Anything else that is raised is a bug.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


def _remade(kind: type[DigestError], args: tuple[Any, ...], fields: dict[str, Any]) -> DigestError:
    error = kind.__new__(kind, *args)
    vars(error).update(fields)
    return error


class DigestError(Exception):
    """Root of all errors that are reported as one line and never as a traceback."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Let it travel between processes: what it was made of is not its message."""
        return _remade, (type(self), self.args, vars(self))


class UsageError(DigestError):
    """Something named on the command line or in a request does not exist or does not fit."""


class MissingError(UsageError):
    """What was named (a profile, a delivery, a subscriber) does not exist."""


class ConflictError(UsageError):
    """What was asked for stands against what there is already, such as an address taken."""


class AddressError(UsageError):
    """Not a mail address that can be written to; the message says what is wrong with it."""


class UnreadableError(UsageError):
    """An input takes more time or memory to be read than it may.

    ``kind``: ``timeout``, ``memory``, ``too-deep``, ``too-large``, ``crash`` (the reader died),
    or ``busy`` (nothing was tried: too many others are being read).
    """

    def __init__(self, reason: str, kind: str) -> None:
        self.reason = reason
        self.kind = kind
        super().__init__(reason)


class TokenError(UsageError):
    """A token that does not open what it was shown for; ``expired`` where it once did."""

    def __init__(self, reason: str, *, expired: bool = False) -> None:
        self.expired = expired
        super().__init__(reason)


class ConfigError(DigestError):
    """A mistake in the configuration; several are collected, one line each."""

    def __init__(self, *problems: str, file: Path | None = None) -> None:
        self.problems = problems
        self.file = file
        super().__init__("\n".join(problems))


class StoreError(DigestError):
    """The store cannot be used as it is."""


class SourceError(DigestError):
    """A source gave no usable answer: never to be mistaken for a quiet day.

    ``kind`` is a short class name for reports and back-off (``timeout``, ``http-500``,
    ``not-a-feed``, ``too-large``, ...); ``permanent`` says that waiting will not help.
    """

    def __init__(
        self, source: str, reason: str, *, kind: str = "unusable", permanent: bool = False
    ) -> None:
        self.source = source
        self.reason = reason
        self.kind = kind
        self.permanent = permanent
        super().__init__(f"{source}: {reason}")


class RenderError(DigestError):
    """A template or an edition is wrong; nothing of it may be sent."""


class DeliveryError(DigestError):
    """A relay or other next hop cannot be used (the recipient is not to blame)."""

    def __init__(self, transport: str, reason: str, *, permanent: bool = False) -> None:
        self.transport = transport
        self.reason = reason
        self.permanent = permanent
        super().__init__(f"{transport}: {reason}")
