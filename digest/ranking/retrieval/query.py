"""Score every paper for what somebody typed: words and meaning together.

For each word the best of a paper's words counts, the same or a near one (as in ColBERT's late
interaction, Khattab and Zaharia 2020, doi:10.1145/3397271.3401075, with word vectors); rare words
weigh more. The likeness of the whole query to the whole paper is added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from digest.ranking.background import unlearned
from digest.ranking.retrieval.index import Index, Wanted
from digest.ranking.retrieval.neighbours import neighbours
from digest.ranking.retrieval.spelling import meant
from digest.ranking.retrieval.terms import AUTHOR, category_term, terms
from digest.ranking.space import Floats
from digest.ranking.table import shipped

MOST_TERMS = 24
MOST_CORRECTED = 4
MEANING = 0.7
"""What the likeness of the whole weighs beside the words."""
FOUND_FROM = 0.35
"""Score from which a paper is found: about a third of the query's words, or words near them."""
_UNKNOWN_RARITY = 8.0
_CATEGORY_WEIGHT = 6.0


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A query as it is searched for."""

    wanted: tuple[Wanted, ...]
    text: str
    """What the likeness of the whole is asked for; unknown words as they were meant."""
    corrections: tuple[tuple[str, str], ...] = ()
    """Words that no paper holds, with what was searched for instead."""


def understand(index: Index, phrases: Sequence[str]) -> Reading:
    """Read what was typed, beside what the papers of an index hold."""
    categories, texts = [], []
    for phrase in phrases:
        number = index.number(category_term(phrase))
        if number >= 0 and index.count(category_term(phrase)):
            categories.append(Wanted(_CATEGORY_WEIGHT, ((number, 1.0),)))
        else:
            texts.append(phrase)
    asked = list(dict.fromkeys(terms(" ".join(texts))))[:MOST_TERMS]
    corrections = _corrections(index, asked)
    searched = list(dict.fromkeys(
        part for term in asked for part in corrections.get(term, (term,))
    ))  # fmt: skip
    near = neighbours().of(searched)
    rarities = shipped().rarities(searched, unknown=_UNKNOWN_RARITY)
    words = [
        Wanted(
            float(rarity),
            ((index.number(term), 1.0), (index.number(AUTHOR + term), 1.0), *near[term]),
        )
        for term, rarity in zip(searched, rarities, strict=True)
    ]
    return Reading(
        wanted=(*words, *categories),
        text=" ".join(searched) if corrections else " ".join(texts),
        corrections=tuple(
            (_typed(term, texts), " ".join(parts)) for term, parts in corrections.items()
        ),
    )


def scores(index: Index, reading: Reading) -> Floats:
    """Return a score for every paper of the index; 0 for one that has nothing of the query."""
    found = index.scores(reading.wanted)
    vector = unlearned().encode([reading.text])[0]
    if vector.any():
        found += np.float32(MEANING) * np.maximum(index.vectors.likeness(vector), 0)
    return found


def _typed(term: str, texts: Sequence[str]) -> str:
    """Return the word as it was typed that this term was folded from."""
    return next((word for text in texts for word in text.split() if terms(word) == [term]), term)


def _corrections(index: Index, asked: Sequence[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for term in asked:
        is_known = term in shipped().position or index.count(term) or index.count(AUTHOR + term)
        if is_known or len(found) == MOST_CORRECTED:
            continue
        if guess := meant(term, index.count, index.vocabulary):
            found[term] = guess
    return found
