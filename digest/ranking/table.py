"""The shipped word table: a vector per word, distilled once from a sentence model.

A text is the weighted mean of its words, so meaning costs no model at run time. How the table
was made, from what and under which licence, stands in ``data/NOTICE.txt`` beside it;
``python -m digest.ranking._making`` makes it anew. Reads the package's own file and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt

from digest.ranking.space import Floats

FILE, BROAD_FILE = "words.npz", "broad.npz"

Arrays = Mapping[str, npt.NDArray[np.generic]]


@dataclass(frozen=True, kw_only=True)
class WordTable:
    """Vectors of words, how rare each is, and what papers look like on average."""

    position: Mapping[str, int]
    packed: npt.NDArray[np.uint8]
    """One row a word: two 4-bit levels (-7 to 7, stored 1 to 15) a byte."""
    scale: Floats
    """What one level of a word's row is worth."""
    rarity: Floats
    """Inverse document frequency of each word in general and scientific English."""
    mean: Floats
    """Mean of unit vectors of random papers: what all papers share, to be taken away."""
    gram: Floats
    """Second moments of centred unit vectors of random papers: the shared negatives."""
    broad: Floats
    """Second moments of papers of all fields: how far papers at large lie apart."""

    @property
    def width(self) -> int:
        """Return the number of dimensions."""
        return int(self.packed.shape[1]) * 2

    def rows(self, words: Iterable[str]) -> Floats:
        """Return one row per word; zeros for a word that the table does not know."""
        at = [self.position.get(word, -1) for word in words]
        known = np.array([row for row in at if row >= 0], dtype=np.intp)
        pairs = self.packed[known]
        levels = np.empty((len(known), self.width), dtype=np.float32)
        levels[:, ::2] = pairs >> 4
        levels[:, 1::2] = pairs & 15
        found = np.zeros((len(at), self.width), dtype=np.float32)
        found[np.array(at, dtype=np.intp) >= 0] = (levels - 8) * self.scale[known, None]
        return found

    def rarities(self, words: Iterable[str], *, unknown: float) -> Floats:
        """Return how rare each word is."""
        at = [self.position.get(word) for word in words]
        values = [unknown if row is None else self.rarity[row] for row in at]
        return np.array(values, dtype=np.float32)


@cache
def shipped() -> WordTable:
    """Return the table that comes with the package."""
    return unpack({**_stored(FILE), "broad": _stored(BROAD_FILE)["gram"]})


def _stored(name: str) -> Arrays:
    place = resources.files("digest.ranking") / "data" / name
    with place.open("rb") as file, np.load(file) as stored:
        return {key: stored[key] for key in stored.files}


def pack(
    words: Sequence[str], vectors: Floats, rarity: Floats
) -> dict[str, npt.NDArray[np.generic]]:
    """Return the arrays of a table's file, but for the moments."""
    # The few largest values of a word may be cut: all others are told apart better.
    scale = np.maximum(np.quantile(np.abs(vectors), 0.98, axis=1), 1e-6) / 7
    levels = np.clip(np.rint(vectors / scale[:, None]), -7, 7) + 8
    shifted = levels.astype(np.uint8)
    return {
        "words": np.frombuffer("\n".join(words).encode(), dtype=np.uint8),
        "packed": (shifted[:, ::2] << 4) | shifted[:, 1::2],
        "scale": scale.astype(np.float32),
        "rarity": np.rint(rarity * 16).astype(np.uint8),
    }


def unpack(stored: Arrays) -> WordTable:
    """Return the table that these arrays of its files hold."""
    words = stored["words"].tobytes().decode().split("\n")
    return WordTable(
        position={word: n for n, word in enumerate(words)},
        packed=stored["packed"].astype(np.uint8),
        scale=stored["scale"].astype(np.float32),
        rarity=stored["rarity"].astype(np.float32) / np.float32(16),
        mean=stored["mean"].astype(np.float32),
        gram=stored["gram"].astype(np.float32),
        # A table that was just made knows no papers but its own.
        broad=stored.get("broad", stored["gram"]).astype(np.float32),
    )
