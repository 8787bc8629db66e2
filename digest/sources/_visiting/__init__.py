"""Visit many sources in processes of their own: fetch, parse and pack beside the storing.

A run over hundreds of sources that are read for the first time is bound by one interpreter;
here each worker (``__main__``) makes whole visits and the program only stores what they bring.
Sources whose provider has a limit are not visited here: turns are kept in the store, which the
workers do not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from digest.errors import SourceError
from digest.sources._http import Limits, Validators
from digest.sources._parsing import Parsed, Recipe

__all__ = ["Brought", "Errand", "PackedAnswer", "Terms"]


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What all visits of a worker share, said first."""

    threads: int
    """Sources visited at the same time."""
    limits: Limits
    user_agent: str
    parse_timeout_s: float
    limited: frozenset[str]
    """Providers that must not be asked from here."""
    force: bool = False


@dataclass(frozen=True, kw_only=True)
class Errand:
    """One source to be visited."""

    number: int
    recipe: Recipe
    now: datetime
    allow_private: bool
    watermark: Mapping[str, Any]
    promoted: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class PackedAnswer:
    """One answer as it is kept: its content compressed (zlib), its address without secrets."""

    url: str
    label: str
    content_type: str
    fetched_at: datetime
    sha256: str
    content: bytes


@dataclass(kw_only=True)
class Brought:
    """What a visit gave before it ended, well or not."""

    number: int
    answers: list[PackedAnswer] = field(default_factory=list)
    parsed: list[Parsed] = field(default_factory=list)
    error: SourceError | None = None
    learned: Mapping[str, Validators] = field(default_factory=dict)
    moves: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    is_declined: bool = False
    """It has to be visited by the program itself: a limited provider, or a bug to be told of."""
