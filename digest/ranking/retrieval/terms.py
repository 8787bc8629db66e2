"""Split texts into the terms that a query and a paper can share.

Words are folded as for ranking (``ranking.words``); numbers count, and text without spaces
between words (Chinese, Japanese, Korean) is cut into pairs of characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from digest.ranking.words import STOP_WORDS, spellings, words

LONGEST_TERM = 40
AUTHOR, CATEGORY = "@", "#"
"""First characters of terms that are no words of the text; no word has them."""

_UNSPACED = re.compile(r"[\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]+")


def terms(text: str) -> list[str]:
    """Return the terms of a text in order.

    >>> terms("The 3 pre-trained models")
    ['pre', 'trained', 'model']
    >>> terms("深度学习 GPT-4")
    ['深度', '度学', '学习', 'gpt']
    """
    return list(_parted(words(text)))


def terms_and_compounds(text: str) -> tuple[list[str], set[str]]:
    """Return the terms, and hyphenated compounds as one term each: pre-training, pretraining."""
    split, *joined = spellings(text)
    compounds = set(_parted(joined[0])).difference(split) if joined else set()
    return list(_parted(split)), compounds


def author_terms(names: Iterable[str]) -> set[str]:
    """Return a term for each part of people's names."""
    return {AUTHOR + part for name in names for part in _parted(words(name))}


def category_term(category: str) -> str:
    """Return the term of a category.

    >>> category_term("cs.LG")
    '#cs.lg'
    """
    return CATEGORY + category.casefold()[:LONGEST_TERM]


def _parted(found: Iterable[str]) -> Iterator[str]:
    for word in found:
        if word.isascii():
            if len(word) > 1 and word not in STOP_WORDS:
                yield word[:LONGEST_TERM]
            continue
        start = 0
        for match in _UNSPACED.finditer(word):
            if rest := word[start : match.start()]:
                yield rest[:LONGEST_TERM]
            start = match.end()
            run = match[0]
            yield from (run[n : n + 2] for n in range(max(len(run) - 1, 1)))
        if rest := word[start:]:
            yield rest[:LONGEST_TERM]
