"""Which stored papers are near in meaning: a vector each, kept in the store and searched whole.

The vectors are ranking's (its shipped word table); a hundred thousand of them are one matrix
product. Papers get theirs in the background: until then they are not found by meaning.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from threading import Lock

import numpy as np
import numpy.typing as npt

from digest.app import App
from digest.ranking.background import unlearned
from digest.store import vectors

BATCH = 500
PAUSE = timedelta(minutes=1)
"""So long nobody looks whether there are new papers."""
NEAR_ENOUGH = 0.2
"""Cosine from which a paper is said to be near; unrelated ones stay under 0.1."""

Floats = npt.NDArray[np.float32]


@cache
def model_name() -> str:
    """Return the name of the vectors that this program makes: another table, another name."""
    table = unlearned().table
    mark = hashlib.sha256(table.mean.tobytes() + table.rarity.tobytes()).hexdigest()[:12]
    return f"words-{mark}"


def encoded(texts: Sequence[str]) -> Floats:
    """Return one unit row a text; a zero row where no word is known."""
    return np.asarray(unlearned().encode(texts), dtype=np.float32)


def catch_up(app: App, *, limit: int = 20_000) -> int:
    """Give papers without a vector theirs, the newest first; return how many got one."""
    with app.reading() as connection:
        ids = vectors.missing(connection, model_name())[:limit]
    for start in range(0, len(ids), BATCH):
        found = _made(app, ids[start : start + BATCH])
        with app.writing() as connection:
            vectors.keep(connection, model_name(), found)
    if ids:
        with app.writing() as connection:
            vectors.forget_others(
                connection, model_name(), app.config.settings.ranking.model[-100:]
            )
    return len(ids)


def _made(app: App, ids: Sequence[int]) -> dict[int, bytes]:
    """Return new vectors by paper, as the store keeps them."""
    if not ids:
        return {}
    with app.reading() as connection:
        found = vectors.texts(connection, ids)
    rows = encoded(list(found.values())).astype("<f2")
    return {row_id: row.tobytes() for row_id, row in zip(found, rows, strict=True)}


@dataclass(frozen=True)
class _Held:
    """Row ids of papers, and their vectors in the same order."""

    ids: npt.NDArray[np.int64]
    rows: Floats


_NOTHING = _Held(np.zeros(0, dtype=np.int64), np.zeros((0, 0), dtype=np.float32))


def _with(held: _Held, found: Mapping[int, bytes]) -> _Held:
    if not found:
        return held
    joined = np.frombuffer(b"".join(found.values()), dtype="<f2").astype(np.float32)
    fresh = joined.reshape(len(found), -1)
    return _Held(
        np.concatenate([held.ids, np.array(list(found), dtype=np.int64)]),
        np.concatenate([held.rows, fresh]) if len(held.ids) else fresh,
    )


class Meaning:
    """All vectors in memory: 1 KB a paper. Follows the store when ``refresh`` is called.

    It writes nothing: the recurring work does (``catch_up``).
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._held: _Held | None = None
        self._next_at: datetime | None = None
        self._lock = Lock()

    def near(self, texts: Sequence[str], *, without: Collection[int], limit: int) -> list[int]:
        """Return row ids of the papers nearest to texts taken together, the nearest first."""
        if self._held is None:
            self.refresh()
        held = self._held
        centre = encoded(texts).sum(axis=0)
        length = float(np.linalg.norm(centre))
        if held is None or not len(held.ids) or not length:
            return []
        ids = held.ids
        likeness = held.rows @ (centre / length)
        order = np.argsort(-likeness)[: limit + len(without)]
        skipped = set(without)
        near = [
            int(ids[place])
            for place in order
            if likeness[place] >= NEAR_ENOUGH and int(ids[place]) not in skipped
        ]
        return near[:limit]

    def refresh(self) -> None:
        """Take up what is new in the store; the newest papers that wait for a vector get one."""
        now = self._app.now()
        if self._next_at is not None and self._next_at - PAUSE <= now < self._next_at:
            return
        if not self._lock.acquire(blocking=False):
            return
        try:
            held = self._held or _NOTHING
            with self._app.reading() as connection:
                stored = vectors.load(connection, model_name(), known=held.ids.tolist())
                waiting = vectors.missing(connection, model_name())
            held = _with(held, stored)
            fresh = sorted(set(waiting).difference(held.ids.tolist()), reverse=True)
            self._held = _with(held, _made(self._app, fresh[:BATCH]))
            self._next_at = now + PAUSE if len(fresh) <= BATCH else None
        finally:
            self._lock.release()
