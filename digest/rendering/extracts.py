"""Say an abstract in one sentence, or in a few lines, with its own words.

No model is asked here: the sentence that says what the paper does is usually marked by how it
begins. Optional summaries by a model come in as text.
"""

from __future__ import annotations

import re

from digest.rendering.inert import shorten

SENTENCE_LIMIT = 280
EXCERPT_LIMIT = 340

_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9$])")
# What ties a sentence to the one before it, which the reader does not see.
_TIE = re.compile(
    r"(?:however|therefore|thus|hence|moreover|furthermore|specifically|accordingly|consequently"
    r"|in particular|in this (?:paper|work|study|article|letter|report)|here"
    r"|to (?:address|tackle|overcome|bridge|fill|close|solve|mitigate|this|that) ?[^,]{0,80}"
    r"|motivated by [^,]{0,80}|in response|as a (?:result|remedy)|to this end), (?=\S)",
    re.IGNORECASE,
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|et al|cf|vs|resp|Fig|Figs|Eq|Eqs|Sec|Tab|Thm|No|approx|Dr|Prof|St|w\.r\.t)"
    r"|\b[A-Z])\.$"
)
_WORK = r"(?:paper|work|article|study|report|survey|letter)"
_SAYS_WHAT = tuple(
    # Ordered by how surely the sentence states the contribution; for sentences in lower case, as
    # the two below: minding no case in patterns takes twice as long.
    (re.compile(pattern), weight)
    for pattern, weight in (
        (
            rf"\b(?:we|this {_WORK}) (?:\w+ly |then |also |therefore )?(?:propos|introduc|present"
            r"|develop|describ|releas|design|formulat|establish|prov(?:e|ide)\b)",
            3.0,
        ),
        (
            r"\bwe (?:\w+ly )?(?:show|find|found|demonstrate|report|study|investigate|analy[sz]e"
            r"|explore|argue|identify|observe|build|train)\b",
            2.2,
        ),
        (rf"\bthis {_WORK}\b", 2.0),
        (
            r"\b(?:our|the proposed) (?:[\w-]+ ){0,3}"
            r"(?:method|approach|model|framework|system|algorithm|pipeline|results?)\b",
            1.6,
        ),
        (r"\bto (?:address|tackle|bridge|overcome|close|fill)\b", 0.6),
    )
)
# Such a sentence leans on the one before it, which the reader does not see.
_LEANS = re.compile(
    rf"(?:this|these|those|such|it|they|its|their|despite|while|although|yet|but)\b(?! {_WORK}\b)"
)
_TOO_DETAILED = re.compile(r"https?://|\bcode (?:is|and|will)\b|\bavailable (?:at|on)\b")


def sentences(text: str) -> list[str]:
    """Split plain text into sentences, minding abbreviations and initials."""
    found: list[str] = []
    for piece in _END.split(text):
        if found and _ABBREVIATION.search(found[-1]):
            found[-1] = f"{found[-1]} {piece}"
        elif piece.strip():
            found.append(piece.strip())
    return found


def best_sentence(abstract: str, limit: int = SENTENCE_LIMIT) -> str:
    """Return the sentence that best says what the paper does; empty for an empty abstract."""
    candidates = sentences(abstract)
    if not candidates:
        return ""
    scored = [
        (_weight(sentence, position, len(candidates)), -position, sentence)
        for position, sentence in enumerate(candidates)
    ]
    return shorten(untied(max(scored)[2]), limit)


def untied(sentence: str) -> str:
    """Return a sentence that stands alone: without "However," or "To address this," before it.

    >>> untied("To address this, we propose a fix.")
    'We propose a fix.'
    """
    tie = _TIE.match(sentence)
    if tie is None:
        return sentence
    rest = sentence[tie.end() :]
    return rest[:1].upper() + rest[1:]


def excerpt(abstract: str, *, without: str = "", limit: int = EXCERPT_LIMIT) -> str:
    """Return the abstract's beginning in whole sentences where they fit, else cut at a word.

    ``without`` is a sentence shown already; it is not said twice.
    """
    kept = [
        "…" if shorten(untied(s), SENTENCE_LIMIT) == without else s for s in sentences(abstract)
    ]
    text = ""
    for sentence in kept:
        longer = f"{text} {sentence}".strip()
        if len(longer) > limit:
            break
        text = longer
    if len(text) < limit // 2:
        return shorten(" ".join(kept).removeprefix("… ").removesuffix(" …"), limit)
    return text.removeprefix("… ").removesuffix(" …").removeprefix("…")


def _weight(sentence: str, position: int, count: int) -> float:
    lower = sentence.lower()
    cue = next((weight for pattern, weight in _SAYS_WHAT if pattern.search(lower)), 0.0)
    length = len(sentence)
    odd_length = 0.8 if length < 50 else max(0.0, (length - SENTENCE_LIMIT) / SENTENCE_LIMIT)
    late = 0.8 * position / max(count, 4)
    detail = 1.5 if _TOO_DETAILED.search(lower) else 0.0
    leaning = 1.0 if _LEANS.match(lower) else 0.0
    return cue - odd_length - late - detail - leaning
