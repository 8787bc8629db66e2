"""Pages of long lists, by the row id of the last item: the thousandth costs what the first does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
LARGEST_PAGE = 1000


@dataclass(frozen=True, kw_only=True)
class Page(Generic[T]):
    """A part of a list, and where the next part starts."""

    items: tuple[T, ...]
    next_after: int | None
    """Ask for what comes after this; None on the last page."""


def page_of(found: Sequence[T], limit: int, row_id: Callable[[T], int]) -> Page[T]:
    """Return a page of ``limit`` items from a list that was asked for one more."""
    items = tuple(found[:limit])
    return Page(items=items, next_after=row_id(items[-1]) if len(found) > limit else None)
