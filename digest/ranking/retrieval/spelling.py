"""What a word was meant to be that nobody wrote: one slip away, two words in one, or alike.

Bounded: some thousand look-ups and comparisons a word.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable

SHORTEST = 4
LONGEST = 24
_COMPARED = 1000
_ALIKE = 0.8
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def meant(
    word: str, count: Callable[[str], int], vocabulary: Callable[[], Iterable[str]]
) -> tuple[str, ...]:
    """Return the words meant; nothing where no guess is good.

    ``count`` tells how many papers hold a term, ``vocabulary`` which terms there are.
    """
    if not (SHORTEST <= len(word) <= LONGEST and word.isascii() and word.isalnum()):
        return ()
    slip = max(_slips(word), key=lambda one: (count(one), one))
    if count(slip):
        return (slip,)
    halves = [(word[:n], word[n:]) for n in range(3, len(word) - 2)]
    pair = max(halves, key=lambda two: min(map(count, two)), default=None)
    if pair and all(map(count, pair)):
        return pair
    near = (
        one
        for one in vocabulary()
        if one[:2] == word[:2] and abs(len(one) - len(word)) <= 2 and count(one)
    )
    compared = [one for one, _ in zip(near, range(_COMPARED), strict=False)]
    return tuple(difflib.get_close_matches(word, compared, n=1, cutoff=_ALIKE))


def _slips(word: str) -> set[str]:
    """Return all words one letter less, more, other or swapped away (Norvig 2007)."""
    parts = [(word[:n], word[n:]) for n in range(len(word) + 1)]
    found = {a + b[1:] for a, b in parts if b}
    found |= {a + b[1] + b[0] + b[2:] for a, b in parts if len(b) > 1}
    found |= {a + letter + b[1:] for a, b in parts if b for letter in _LETTERS}
    found |= {a + letter + b for a, b in parts for letter in _LETTERS}
    return found - {word}
