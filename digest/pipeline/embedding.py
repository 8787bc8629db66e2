"""Vectors of a sentence model for stored papers: made once a paper, kept in the store.

Off unless ``[ranking] model`` names one. No edition waits for a model that does not answer: it is
logged, and papers are ranked by words and word vectors.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from digest.app import App
from digest.embedding import TextModel, open_model
from digest.errors import DigestError
from digest.model import Paper
from digest.ranking.space import paper_text
from digest.store import papers as paper_store
from digest.store import vectors

log = logging.getLogger(__name__)

MOST = 3000
BATCH = 256


def prepare(app: App, limit: int = MOST) -> int:
    """Give the latest papers their vectors; return how many were made. Never raises for a model.

    Each batch is kept as it is done.
    """
    try:
        model = open_model(app.config.settings.ranking)
        return _embed(app, model, limit) if model else 0
    except DigestError as exc:
        log.warning("no sentence vectors made error=%s", exc)
        return 0


def _embed(app: App, model: TextModel, limit: int) -> int:
    with app.reading() as connection:
        wanted = vectors.missing(connection, model.name)[:limit]
    for start in range(0, len(wanted), BATCH):
        some = wanted[start : start + BATCH]
        with app.reading() as connection:
            found = paper_store.load(connection, some)
        rows = model.encode([paper_text(paper) for paper in found.values()])
        with app.writing() as connection:
            made = {
                row_id: row.astype("<f2").tobytes() for row_id, row in zip(found, rows, strict=True)
            }
            vectors.keep(connection, model.name, made)
    return len(wanted)


def stored_encoder(app: App, connection: Connection) -> StoredEncoder | None:
    """Return the configured model with the stored vectors; None, and a warning, without it."""
    try:
        model = open_model(app.config.settings.ranking)
    except DigestError as exc:
        log.warning("no sentence model error=%s", exc)
        return None
    return StoredEncoder(model, connection) if model else None


class StoredEncoder:
    """Vectors of papers from the store; of other papers and of texts from the model.

    Where the model does not answer, rows are zeros: nothing is known of them.
    """

    def __init__(self, model: TextModel, connection: Connection) -> None:
        self.name = model.name
        self._model = model
        self._connection = connection
        self._kept: dict[str, npt.NDArray[np.float32]] = {}
        self._width = 1
        self._is_silent = False

    def papers(self, papers: Sequence[Paper]) -> npt.NDArray[np.float32]:
        """Return one row per paper."""
        asked = {p.row_id: p.key for p in papers if p.row_id and p.key not in self._kept}
        stored = vectors.of_papers(self._connection, self.name, list(asked))
        for row_id, content in stored.items():
            row = np.frombuffer(content, dtype="<f2").astype(np.float32)
            self._kept[asked[row_id]] = row
        left = {p.key: paper_text(p) for p in papers if p.key not in self._kept}
        if left:
            found = self.texts(list(left.values()))
            if not self._is_silent:
                self._kept |= dict(zip(left, found, strict=True))
        for row in self._kept.values():
            self._width = len(row)
            break
        nothing = np.zeros(self._width, dtype=np.float32)
        rows = [self._kept.get(paper.key, nothing) for paper in papers]
        return np.stack(rows) if rows else np.zeros((0, self._width), dtype=np.float32)

    def texts(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return one row per text."""
        if texts and not self._is_silent:
            try:
                return self._model.encode(texts)
            except DigestError as exc:
                self._is_silent = True
                log.warning("no sentence vectors error=%s", exc)
        return np.zeros((len(texts), self._width), dtype=np.float32)
