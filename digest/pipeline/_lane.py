"""One connection to one next hop, and the messages on it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from digest.delivery import Way
from digest.pipeline._outcomes import Item, Relay


@dataclass(eq=False)
class Lane:
    """One way to one next hop, with its messages: at most one begun, one whose dot is out."""

    relay: Relay
    way: Way | None = None
    items: deque[Item] = field(default_factory=deque)
    is_opening: bool = False
    spent: Way | None = None
    """To be closed before the next one is opened."""

    @property
    def is_free(self) -> bool:
        """Tell whether a message can be begun."""
        return self.way is not None and self.way.is_free
