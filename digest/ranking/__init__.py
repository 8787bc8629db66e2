"""Stage 3: what is worth it, for whom. Pure: no I/O, no clock, no randomness but the seed.

To add a ranker, add ``digest/ranking/<name>.py`` with a function

    ranker(options: Mapping[str, Any]) -> Ranker

``ranker = "<name>"`` in a profile finds it, and so do the contract tests. Your own may live
anywhere: ``ranker = "my_pkg.my_module:ranker"``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from digest.model import Exclusion, Feedback, Grade, Observation, Paper, PaperKey, Pick, Profile

if TYPE_CHECKING:
    from digest.ranking.background import Background
    from digest.ranking.community import Community
    from digest.ranking.meaning import Sentences
    from digest.ranking.promise import Promise

__all__ = ["Candidates", "Choice", "Encoder", "Ranker", "Reader"]


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """The eligible papers of one window, shared by all readers of it."""

    papers: tuple[Paper, ...]
    observations: Mapping[int, tuple[Observation, ...]] = field(default_factory=dict)
    """Signal history by paper row id, oldest first."""
    window_start_at: datetime
    window_end_at: datetime
    background: Background | None = None
    """What papers at large are like; None means what the package knows of them."""
    promise: Promise | None = None
    """What is talked of; None where nothing was learnt."""
    sentences: Sentences | None = None
    """A sentence model's vectors; None where the owner named no model."""
    community: Community | None = None
    """What readers liked together; None where the owner left that off."""
    late_ids: frozenset[int] = frozenset()
    """Row ids of papers that came before the window and took off in it."""


@dataclass(frozen=True, kw_only=True)
class Reader:
    """All that is known of one reader when an edition is made."""

    subscription_id: int
    profile: Profile
    shown: frozenset[int] = frozenset()
    """Row ids of papers shown before (of this window's candidates at least)."""
    feedback: tuple[Feedback, ...] = ()
    known_papers: Mapping[PaperKey, Paper] = field(default_factory=dict)
    """Liked, disliked and rated papers that the store or a library holds, by key."""
    seen_since: datetime | None = None
    """Papers first seen before this are carried over, not new."""
    grades: Mapping[int, Grade] = field(default_factory=dict)
    """A judge's grades for this profile, by row id; they order the papers before the score does."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What one reader gets, best first, and why the rest was left out."""

    picks: Sequence[Pick] = ()
    other_ids: Sequence[int] = ()
    """The eligible rest, best first."""
    exclusions: tuple[Exclusion, ...] = ()
    """Filled only when asked for (``explain=True``): it costs per paper and reader."""
    teams: tuple[str, ...] = ()
    """By pick, which of two rankers that are compared chose it; empty for both or no such thing."""


class Encoder(Protocol):
    """A sentence model, or what stands for one: texts in, vectors out."""

    name: str
    """Names the vectors in the store: another model has another name."""

    def papers(self, papers: Sequence[Paper]) -> npt.NDArray[np.float32]:
        """Return one row per paper; zeros where there is no vector of it."""
        ...

    def texts(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return one row per text."""
        ...


class Ranker(Protocol):
    """Scores candidates for readers and chooses; all readers of a window in one batch."""

    name: str

    def rank(
        self,
        candidates: Candidates,
        readers: Sequence[Reader],
        *,
        now: datetime,
        seed: int,
        explain: bool = False,
    ) -> list[Choice]:
        """Return one Choice per reader, in order. The same input gives the same picks."""
        ...
