"""What doctor finds: one thing looked at, how it is, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is."""

    GOOD = "good"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    level: Level
    message: str
    advice: str = ""
    """What to do about it; empty where all is well."""


def good(subject: str, message: str) -> Finding:
    """All is well."""
    return Finding(subject=subject, level=Level.GOOD, message=message)


def warning(subject: str, message: str, advice: str) -> Finding:
    """It works, and could be better."""
    return Finding(subject=subject, level=Level.WARNING, message=message, advice=advice)


def wrong(subject: str, message: str, advice: str) -> Finding:
    """It does not work."""
    return Finding(subject=subject, level=Level.WRONG, message=message, advice=advice)
