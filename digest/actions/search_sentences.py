"""A sentence model's vectors for the search: of papers from the store, of a query by the model.

Nothing without ``[ranking] model``. A model that does not answer is left alone for a minute, and
papers are found by words and word vectors as ever.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from digest.app import App
from digest.embedding import TextModel, open_model
from digest.errors import DigestError
from digest.ranking.retrieval.contents import quantised
from digest.ranking.retrieval.index import Vectors
from digest.store import vectors

log = logging.getLogger(__name__)

WEIGHT = 2.0
"""What a cosine above ``UNRELATED`` weighs beside a query's words."""
UNRELATED = 0.2
"""Cosine that most papers reach for any query."""
PAUSE = timedelta(minutes=1)

Floats = npt.NDArray[np.float32]


class SentenceVectors:
    """See the module: one row a paper, in memory, sorted by row id."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._held: tuple[npt.NDArray[np.int64], Vectors] | None = None
        self._silent_until: datetime | None = None

    @cached_property
    def _model(self) -> TextModel | None:
        try:
            return open_model(self._app.config.settings.ranking)
        except DigestError as exc:
            log.warning("no sentence model for the search error=%s", exc)
            return None

    def follow(self, connection: Connection) -> None:
        """Take up the vectors that were stored since."""
        if self._model is None:
            return
        known = self._held[0].tolist() if self._held else []
        fresh = vectors.load(connection, self._model.name, known=known)
        if not fresh:
            return
        rows = np.frombuffer(b"".join(fresh.values()), dtype="<f2").reshape(len(fresh), -1)
        levels, scales = quantised(rows.astype(np.float32))
        ids = np.fromiter(fresh, dtype=np.int64)
        if self._held:
            ids = np.concatenate([self._held[0], ids])
            levels = np.concatenate([self._held[1].levels, levels])
            scales = np.concatenate([self._held[1].scales, scales])
        order = np.argsort(ids)
        self._held = ids[order], Vectors(levels[order], scales[order])

    def scores(self, ids: npt.NDArray[np.int64], text: str) -> Floats:
        """Return what the model adds to each paper's score; 0 where it has no vector."""
        found = np.zeros(len(ids), dtype=np.float32)
        held = self._held
        if held is None or (vector := self._encoded(text)) is None:
            return found
        known, rows = held
        likeness = rows.likeness(vector)
        places = np.minimum(np.searchsorted(known, ids), len(known) - 1)
        has_one = known[places] == ids
        above = np.maximum(likeness[places[has_one]] - np.float32(UNRELATED), 0)
        found[has_one] = np.float32(WEIGHT) * above
        return found

    def _encoded(self, text: str) -> Floats | None:
        now = self._app.now()
        if self._model is None or (self._silent_until and now < self._silent_until):
            return None
        try:
            return np.asarray(self._model.encode([text])[0], dtype=np.float32)
        except DigestError as exc:
            self._silent_until = now + PAUSE
            log.warning("searching without the sentence model error=%s", exc)
            return None
