"""Turn text into folded words: what two spellings of one word share.

Case, accents, TeX mark-up, hyphens and English plurals are folded, nothing else: no stemming
that would make "training" and "train" one word. Knows no weights and no meaning.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_TEX_ACCENT = re.compile(r"\\(?:[`'^\"~=.]\{?\\?|[uvHtcdbr]\{)([A-Za-z])\}?")
_TEX_COMMAND = re.compile(r"\\([A-Za-z]+)\s*")
_STYLES = (
    "text textbf textit textrm textsc textsf texttt emph em bf it rm sc sf tt mathcal mathbf mathbb"
    " mathrm mathit mathsf mathfrak operatorname boldsymbol bm ensuremath xspace left right mbox"
    " cite ref label url href footnote"
)
_TEX_STYLES = frozenset(_STYLES.split())
_HYPHENS = re.compile(r"(?<=\w)[-‐‑‒–−/](?=\w)")
_WORD = re.compile(r"[^\W_]+(?:\+\+|#)?")

_NO_PLURALS = (
    "news series species lens means physics mathematics statistics economics mechanics dynamics"
    " kinetics genetics genomics proteomics linguistics robotics optics ethics politics analytics"
    " always across whereas perhaps pass less class process access this thus plus does"
)
_KEPT = frozenset(_NO_PLURALS.split())


def plain(text: str) -> str:
    r"""Fold case, accents, compatibility forms and TeX mark-up; hyphens stay.

    >>> plain(r"Poincar\'e $\alpha$-\emph{Maps}")
    'poincare alpha -maps'
    """
    if "\\" in text:
        text = _TEX_ACCENT.sub(r"\1", text)
        text = _TEX_COMMAND.sub(_command, text)
    if "$" in text or "{" in text:
        text = text.translate(_TEX_SIGNS)
    if text.isascii():
        return text.casefold()
    folded = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in folded if not unicodedata.combining(char))


_TEX_SIGNS = {ord(sign): None for sign in "${}"}


def _command(match: re.Match[str]) -> str:
    return "" if match[1] in _TEX_STYLES else f"{match[1]} "


@lru_cache(maxsize=200_000)
def singular(word: str) -> str:
    """Fold an English plural: ``networks`` and ``network`` are one word.

    >>> [singular(w) for w in ("networks", "studies", "classes", "analysis", "bias", "news")]
    ['network', 'study', 'class', 'analysis', 'bias', 'news']
    """
    if len(word) < 4 or word[-1] != "s" or word in _KEPT or word.endswith(("ss", "us", "is", "as")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes", "zzes")):
        return word[:-2]
    return word[:-1]


_SAY_NOTHING = (
    "a about above after again all also although am among an and any are as at be because been"
    " before being below between both but by can cannot could de did do does doing done due during"
    " each either et al etc few for from further had has have having he her here his how however i"
    " if in into is it its itself just la le let may me might more most much must my no nor not of"
    " off on once one only or other our ours out over own per rather s same she should show shows"
    " shown since so some such than that the their them then there these they this those through"
    " thus to too toward towards two under until up upon us use used using uses various very via"
    " was we were what when where whether which while who whose why will with within without would"
    " yet you your paper papers propose proposed proposes approach present presents presented new"
    " novel based study studies result results method methods"
)
STOP_WORDS = frozenset(singular(word) for word in _SAY_NOTHING.split())
"""Words that say nothing of a paper's subject; never a reason, never a feature."""


def words(text: str) -> list[str]:
    """Return the folded words in order, hyphenated compounds as their parts.

    >>> words("Pre-training LLMs in C++: graph neural networks")
    ['pre', 'training', 'llm', 'in', 'c++', 'graph', 'neural', 'network']
    """
    return [singular(word) for word in _WORD.findall(plain(text))]


def spellings(text: str) -> tuple[list[str], ...]:
    """Return `words`; and the words with hyphenated compounds as one, where there are any.

    >>> spellings("Pre-training LLMs")
    (['pre', 'training', 'llm'], ['pretraining', 'llm'])
    """
    folded = plain(text)
    split = [singular(word) for word in _WORD.findall(folded)]
    joined = _HYPHENS.sub("", folded)
    if joined == folded:
        return (split,)
    return split, [singular(word) for word in _WORD.findall(joined)]


@lru_cache(maxsize=4096)
def content_words(text: str) -> tuple[str, ...]:
    """Return the words that may say what a text is about: no stop words, no bare numbers."""
    return tuple(filter(None, map(_telling, _WORD.findall(plain(text)))))


@lru_cache(maxsize=200_000)
def _telling(word: str) -> str:
    """Return a word folded; nothing where it says nothing. Texts share nearly all their words."""
    folded = singular(word)
    says = len(folded) > 1 and folded not in STOP_WORDS and not folded.isdigit()
    return folded if says else ""
