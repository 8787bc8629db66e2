"""Counts in words, for what people read."""

from __future__ import annotations


def counted(count: int, noun: str, many: str = "") -> str:
    """Return the count with its noun; ``many`` are those that do more than take an "s"."""
    return f"{count} {noun if count == 1 else many or noun + 's'}"
