"""Keys for comparing titles of the same paper as different sources write them.

A key is never shown. It does not decide whether two papers are the same: ``papers.identity`` does.
"""

from __future__ import annotations

import re
import unicodedata

from digest.text.html import strip_markup
from digest.text.tex import to_text

MAX_KEY = 300

_DROPPED = str.maketrans(dict.fromkeys("^_${}\\'’‘`´ʹ′~"))
_LETTERS = str.maketrans(
    {"ø": "o", "đ": "d", "ł": "l", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"}
)
_NOT_WORD = re.compile(r"[\W_]+")


def title_key(text: str) -> str:
    r"""Return lower-case words without markup, accents and punctuation, separated by one space.

    Equal for `T^2PO`, `T$^2$PO` and `T²PO`, for `Poincar\'e` and `Poincaré`. At most 300
    characters. Idempotent.

    >>> title_key(r"On <i>the</i> Poincar\'e--Hopf  Theorem: $\alpha$-stability")
    'on the poincare hopf theorem α stability'
    """
    plain = to_text(strip_markup(text))
    return fold_words(plain)[:MAX_KEY].rstrip()


def fold_words(text: str) -> str:
    """Fold plain text to bare words: compatibility forms, no accents, no case, no punctuation."""
    if text.isascii():  # nothing to decompose: most titles, at a tenth of the cost
        return _NOT_WORD.sub(" ", text.lower().translate(_DROPPED)).strip()
    decomposed = unicodedata.normalize("NFKD", text)
    bare = "".join(char for char in decomposed if not unicodedata.combining(char))
    folded = unicodedata.normalize("NFKD", bare.casefold().translate(_DROPPED))
    bare = "".join(char for char in folded if not unicodedata.combining(char))
    return _NOT_WORD.sub(" ", bare.translate(_LETTERS)).strip()


def token_overlap(one: str, other: str) -> float:
    """Return the Jaccard overlap, in [0, 1], of the words of two title keys."""
    first, second = set(one.split()), set(other.split())
    return len(first & second) / len(first | second) if first and second else 0.0
