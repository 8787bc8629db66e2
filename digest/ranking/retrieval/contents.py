"""What the index keeps of a paper, as bytes: day, vector, terms with their weights.

    <i day> <H shipped> <H others> <f scale> | int8 vector | uint32 places of shipped words |
    uint8 weights of both | the other terms, one a line (UTF-8)

A term's weight is the saturated frequency of BM25 (Robertson and Zaragoza 2009,
doi:10.1561/1500000019), in 128ths, against a fixed usual length: a paper's score does not change
when others are stored.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from digest.ranking.background import unlearned
from digest.ranking.retrieval.terms import author_terms, category_term, terms, terms_and_compounds
from digest.ranking.table import shipped

WEIGHT_UNIT = np.float32(1 / 128)
NO_DAY = -(2**31)
MOST_TERMS = 1000
LONGEST_TEXT = 20_000
MOST_AUTHORS = 300
_SATURATION, _LENGTH_SHARE = 0.8, 0.75
_USUAL_LENGTH, _SHORTEST = 110, 60
_HEAD = struct.Struct("<iHHf")

Levels = npt.NDArray[np.int8]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is indexed of a paper."""

    title: str
    text: str
    """Abstract or summary."""
    more: str = ""
    """Keywords and venue."""
    authors: Sequence[str] = ()
    categories: Sequence[str] = ()
    day: date | None = None


@dataclass(frozen=True)
class Content:
    """One paper's kept bytes, read."""

    day: int
    scale: float
    levels: Levels
    shipped: npt.NDArray[np.uint32]
    weights: npt.NDArray[np.uint8]
    others: list[str]


def contents(papers: Sequence[Facts]) -> list[bytes]:
    """Return what is kept of each paper."""
    vectors = unlearned().encode(
        [f"{p.title}. {p.text[:LONGEST_TEXT]} {p.more[:LONGEST_TEXT]}" for p in papers]
    )
    levels, scales = quantised(vectors)
    place = unlearned().table.position
    return [
        _packed(paper, place, row.tobytes(), float(scale))
        for paper, row, scale in zip(papers, levels, scales, strict=True)
    ]


def quantised(vectors: npt.NDArray[np.float32]) -> tuple[Levels, npt.NDArray[np.float32]]:
    """Return rows as levels from -127 to 127, and what one level of each row is worth."""
    scales = np.maximum(np.abs(vectors).max(axis=1, initial=0), 1e-9) / np.float32(127)
    return np.rint(vectors / scales[:, None]).astype(np.int8), scales.astype(np.float32)


def read(content: bytes) -> Content:
    """Read kept bytes."""
    width = shipped().width
    day, known, others, scale = _HEAD.unpack_from(content)
    at = _HEAD.size + width
    after = at + 4 * known
    names = content[after + known + others :]
    return Content(
        day=day,
        scale=scale,
        levels=np.frombuffer(content, np.int8, width, _HEAD.size),
        shipped=np.frombuffer(content, "<u4", known, at),
        weights=np.frombuffer(content, np.uint8, known + others, after),
        others=names.decode().split("\n") if others else [],
    )


def _packed(paper: Facts, place: Mapping[str, int], vector: bytes, scale: float) -> bytes:
    weights = _weights(paper)
    shipped = [term for term in weights if term in place]
    others = [term for term in weights if term not in place]
    day = paper.day.toordinal() if paper.day else NO_DAY
    return b"".join(
        (
            _HEAD.pack(day, len(shipped), len(others), scale),
            vector,
            np.array([place[term] for term in shipped], dtype="<u4").tobytes(),
            bytes(weights[term] for term in (*shipped, *others)),
            "\n".join(term.replace("\n", " ") for term in others).encode(errors="replace"),
        )
    )


def _weights(paper: Facts) -> dict[str, int]:
    """Return each term's weight; words of the title count twice."""
    split, compounds = terms_and_compounds(
        f"{paper.title}. {paper.text[:LONGEST_TEXT]} {paper.more[:LONGEST_TEXT]}"
    )
    counts = Counter(split)
    length = max(counts.total(), _SHORTEST) / _USUAL_LENGTH
    counts.update(compounds)
    counts.update(terms(paper.title))
    slope = _SATURATION * (1 - _LENGTH_SHARE + _LENGTH_SHARE * length)
    found = {
        term: max(1, round(count * (1 + _SATURATION) / (count + slope) / float(WEIGHT_UNIT)))
        for term, count in counts.most_common(MOST_TERMS)
    }
    labels = author_terms(paper.authors[:MOST_AUTHORS])
    labels.update(category_term(one) for one in paper.categories[:MOST_AUTHORS])
    found |= dict.fromkeys(sorted(labels), round(1 / float(WEIGHT_UNIT)))
    return found
