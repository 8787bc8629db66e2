"""What mails are made of, for a whole batch in one statement: the editions, to whom, how.

Every mail of a run passes here, so rows are taken from the driver as they are. It reads nothing
of papers, which readers share.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection

from digest.model import Edition, Frequency, Profile
from digest.model.quickly import made
from digest.papers.content import encode
from digest.rendering import Look
from digest.store._bulk import array_of, fetched
from digest.store.database import is_sqlite
from digest.store.editions import frozen_part

_SELECT = """
    SELECT e.id, e.subscription_id, e.subscriber_id, e.profile_id, {slot_at}, {edition_on},
        {window_start_at}, {window_end_at}, e.frequency, e.content, {made_at}, s.address,
        {document}
    FROM editions e
    JOIN subscriptions u ON u.id = e.subscription_id
    JOIN subscribers s ON s.id = u.subscriber_id
    JOIN profiles p ON p.id = u.profile_id
    WHERE e.id {among}
"""
_INSTANTS = ("slot_at", "edition_on", "window_start_at", "window_end_at", "made_at")
_SQLITE = _SELECT.format(
    **{name: f"e.{name}" for name in _INSTANTS},
    document="p.document",
    among="IN (SELECT value FROM json_each(?))",
)
_POSTGRESQL = _SELECT.format(
    **{name: f"e.{name}::text" for name in _INSTANTS},
    document="p.document::text",
    among="= ANY(%s::bigint[])",
)
_FREQUENCIES = {frequency.value: frequency for frequency in Frequency}
_DEFAULTS = Profile(name="")


class Mailing(NamedTuple):
    """One edition to be mailed, with what is so now: the address, and how its profile looks."""

    edition: Edition
    address: str
    look: Look


def load(connection: Connection, edition_ids: Collection[int]) -> dict[int, Mailing]:
    """Return editions by row id; those that are gone, or whose reader is, are absent."""
    ids = list(edition_ids)
    if not ids:
        return {}
    if is_sqlite(connection):
        rows = fetched(connection, _SQLITE, (encode(ids),))
    else:
        rows = fetched(connection, _POSTGRESQL, (array_of(ids),))
    return {row[0]: Mailing(_edition(row), row[11], _look(row[12])) for row in rows}


def _edition(row: tuple[Any, ...]) -> Edition:
    return made(
        Edition,
        row_id=row[0],
        subscription_id=row[1],
        subscriber_id=row[2],
        profile_id=row[3],
        slot_at=_instant(row[4]),
        edition_on=_day(row[5]),
        window_start_at=_instant(row[6]),
        window_end_at=_instant(row[7]),
        frequency=_FREQUENCIES[row[8]],
        made_at=_instant(row[10]),
        **frozen_part(orjson.loads(row[9])),
    )


def _look(document: str) -> Look:
    """Return what a mail shows of a profile; what an old document lacks is as a new one has it."""
    said = orjson.loads(document).get
    return made(
        Look,
        name=said("name", _DEFAULTS.name),
        title=said("title", _DEFAULTS.title),
        locale=said("locale", _DEFAULTS.locale),
        abstracts=said("abstracts", _DEFAULTS.abstracts),
        all_titles=said("all_titles", _DEFAULTS.all_titles),
    )


@lru_cache(maxsize=4096)
def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@lru_cache(maxsize=256)
def _day(text: str) -> date:
    return date.fromisoformat(text)
