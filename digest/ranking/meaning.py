"""What a space of meaning is: unit vectors of papers and texts, and what all papers share.

``background.Background`` is the one that needs no model; ``Sentences`` are a sentence model's
vectors seen in the same way: without their mean, along their principal axes. Runs no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from digest.model import Paper
from digest.ranking import Encoder
from digest.ranking.space import Floats, unit


class Meaning(Protocol):
    """Unit rows along axes; ``spectrum`` has the background's second moments along them."""

    @property
    def spectrum(self) -> Floats:
        """Return one number per axis."""
        ...

    @property
    def shrink(self) -> float:
        """Return how far a fit stays near the middle of what is liked: the ridge's lambda."""
        ...

    def usual(self, directions: Floats) -> Floats:
        """Return how far papers at large lie along each direction (root of the mean square)."""
        ...

    def papers(self, papers: Sequence[Paper]) -> Floats:
        """Return one row per paper; zeros where nothing is known of it."""
        ...

    def texts(self, texts: Sequence[str]) -> Floats:
        """Return one row per text; zeros for an empty one."""
        ...


@dataclass(frozen=True, kw_only=True)
class Sentences:
    """A sentence model's vectors, centred on what papers at large are like."""

    shrink: ClassVar[float] = 0.007

    encoder: Encoder
    mean: Floats
    spectrum: Floats
    axes: Floats

    def usual(self, directions: Floats) -> Floats:
        """Return how far the papers that it was learnt from lie along each direction."""
        return np.asarray(np.sqrt(np.square(directions) @ self.spectrum), dtype=np.float32)

    def papers(self, papers: Sequence[Paper]) -> Floats:
        """Return one row per paper."""
        return centred(self.encoder.papers(papers), self.mean) @ self.axes

    def texts(self, texts: Sequence[str]) -> Floats:
        """Return one row per text; zeros for an empty one."""
        found = np.zeros((len(texts), len(self.mean)), dtype=np.float32)
        said = [n for n, text in enumerate(texts) if text.strip()]
        if said:
            found[said] = self.encoder.texts([texts[n] for n in said])
        return centred(found, self.mean) @ self.axes


def learn_sentences(encoder: Encoder, papers: Sequence[Paper]) -> Sentences:
    """Return the space of a model's vectors, with these papers as everybody's negatives."""
    rows = unit(encoder.papers(papers))
    mean = np.asarray(rows.mean(axis=0), dtype=np.float32)
    around = centred(rows, mean)
    spectrum, axes = principal(np.asarray(around.T @ around / len(rows), dtype=np.float32))
    return Sentences(encoder=encoder, mean=mean, spectrum=spectrum, axes=axes)


def centred(rows: npt.NDArray[np.floating], mean: Floats) -> Floats:
    """Return unit rows without the mean; rows of zeros stay."""
    known = np.abs(rows).sum(axis=1, keepdims=True) > 0
    return unit(np.where(known, unit(rows) - mean, 0.0))


def principal(gram: Floats) -> tuple[Floats, Floats]:
    """Return second moments along their principal axes, and the axes (columns)."""
    spectrum, axes = np.linalg.eigh(gram.astype(np.float64))
    return np.maximum(spectrum, 0).astype(np.float32), axes.astype(np.float32)
