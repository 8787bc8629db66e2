"""Which papers of a long list are read and ordered: so many, however many are stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

import numpy as np
from sqlalchemy import Connection

from digest.actions.search_index import stored_vectors
from digest.app import App
from digest.model import Interest
from digest.ranking.background import unlearned
from digest.store import browsing
from digest.store.browsing import Listed
from digest.store.search import with_any

MOST = 2000
"""Papers that a list reads whole: more than any day of arXiv has."""
MOST_RANKED = 1000
"""Papers that are ranked by an interest, which costs ten times as much."""
NOTICED = 400
"""Of each kind of signal, so many of the papers with the most."""
NOTICED_FOR = timedelta(days=45)


def of_list(
    app: App,
    connection: Connection,
    listed: Sequence[Listed],
    *,
    newest: bool,
    interest: Interest | None,
) -> list[Listed]:
    """Return all papers of a list, or those of a long one that may come first in it.

    For an interest: those with its words, categories and meaning. Then those that were noticed
    most, unless the ``newest`` alone are wanted; then the newest.
    """
    most = MOST if interest is None else MOST_RANKED
    if len(listed) <= most:
        return list(listed)
    by_id = {item.row_id: item for item in listed}
    chosen: dict[int, Listed] = {}

    def take(row_ids: Iterable[int], count: int) -> None:
        for row_id in row_ids:
            if count <= 0 or len(chosen) >= most:
                return
            if row_id in by_id and row_id not in chosen:
                chosen[row_id] = by_id[row_id]
                count -= 1

    if interest is not None:
        take(_with_words(connection, interest, by_id), most // 3)
        take(_nearest(connection, interest, by_id, most), most // 3)
        wanted = set(interest.categories)
        take((i.row_id for i in _newest_first(listed) if wanted.intersection(i.categories)),
             most // 6)  # fmt: skip
    if not newest:
        since = app.now() - NOTICED_FOR
        take(browsing.most_noticed(connection, by_id, since=since, limit=NOTICED), most // 2)
    take((item.row_id for item in _newest_first(listed)), most)
    return list(chosen.values())


def _newest_first(listed: Sequence[Listed]) -> list[Listed]:
    return sorted(listed, key=lambda i: (i.announced_on, i.first_seen_at, i.row_id), reverse=True)


def _with_words(connection: Connection, interest: Interest, row_ids: Iterable[int]) -> list[int]:
    words = [*(term.text for term in interest.terms), *interest.authors]
    ids = list(row_ids)
    return with_any(connection, words, first_id=min(ids), last_id=max(ids), limit=len(ids))


def _nearest(
    connection: Connection, interest: Interest, row_ids: Iterable[int], limit: int
) -> list[int]:
    """Return the papers nearest in meaning, nearest first; those without a vector are left out."""
    texts = [*(term.text for term in interest.terms), interest.text]
    centre = unlearned().encode([text for text in texts if text] or [""]).sum(axis=0)
    if not centre.any():
        return []
    ids, stored = stored_vectors(connection, list(row_ids))
    likeness = stored.likeness(centre)
    return [ids[place] for place in np.argsort(-likeness)[:limit].tolist()]
