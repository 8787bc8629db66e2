"""The ranker for a reader who wants what is taking off, whatever their interests say.

``ranker = "trend"``. Mutes, must-not terms, sources and the once-only ledger hold as always;
interests only name the section and the reason of a pick.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from digest.ranking import Candidates, Choice, Reader
from digest.ranking.default import DefaultRanker


def ranker(_options: Mapping[str, Any]) -> TrendRanker:
    """Return the ranker; it has no options."""
    return TrendRanker()


class TrendRanker:
    """See the module: the default ranker with every reader's weight on the trend alone."""

    name = "trend"

    def __init__(self) -> None:
        self._inner = DefaultRanker()

    def rank(
        self,
        candidates: Candidates,
        readers: Sequence[Reader],
        *,
        now: datetime,
        seed: int,
        explain: bool = False,
    ) -> list[Choice]:
        """Return one Choice per reader, in order."""
        tilted = [
            replace(reader, profile=replace(reader.profile, trending_weight=1.0, exploration=0.0))
            for reader in readers
        ]
        return self._inner.rank(candidates, tilted, now=now, seed=seed, explain=explain)
