"""The ranker that also asks a sentence model: meaning from the model, from word vectors and words.

``ranker = "semantic"``, with ``[ranking] model`` in the configuration. Everything else is as in
the default ranker, and so is all of it where no model was named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from digest.ranking import Candidates
from digest.ranking.background import Background
from digest.ranking.default import DefaultRanker
from digest.ranking.meaning import Meaning

NEEDS = ("model",)
"""Options without which it ranks as the default ranker does."""

SENTENCES, WORD_VECTORS = 1.0, 0.4
"""What each space weighs: a model blurs new names, which word vectors tell apart."""


def ranker(_options: Mapping[str, Any]) -> SemanticRanker:
    """Return the ranker; it has no options."""
    return SemanticRanker()


class SemanticRanker(DefaultRanker):
    """See the module."""

    name = "semantic"

    def meanings(
        self, candidates: Candidates, background: Background
    ) -> Sequence[tuple[Meaning, float]]:
        """Return the model's space and the word vectors'."""
        if candidates.sentences is None:
            return super().meanings(candidates, background)
        return ((candidates.sentences, SENTENCES), (background, WORD_VECTORS))
