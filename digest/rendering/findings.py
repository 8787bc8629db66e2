"""What the lint finds: one thing wrong with a message, and whether it may be sent so."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing wrong with a message; ``forbids`` where it must not be sent so."""

    code: str
    text: str
    forbids: bool

    def __str__(self) -> str:
        return f"{self.code}: {self.text}"


def wrong(code: str, text: str) -> Finding:
    """Return what forbids a message."""
    return Finding(code=code, text=text, forbids=True)


def poor(code: str, text: str) -> Finding:
    """Return what only makes a message poorer."""
    return Finding(code=code, text=text, forbids=False)
