"""Editions as the owner sees them: a paged list, and one with the papers that it picked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from digest.actions.paging import Page, page_of
from digest.app import App
from digest.errors import MissingError
from digest.model import Edition
from digest.store import editions
from digest.store.deliveries import Delivery, of_editions
from digest.store.editions import EditionLine


@dataclass(frozen=True, kw_only=True)
class EditionStory:
    """One edition with the delivery that carries it, if it is mailed."""

    edition: Edition
    delivery: Delivery | None


def page(
    app: App,
    *,
    subscriber_id: int = 0,
    profile: str = "",
    edition_on: date | None = None,
    after: int = 0,
    limit: int = 100,
) -> Page[EditionLine]:
    """Return a page of editions, newest first; ``after`` is the last row id of the page before."""
    with app.reading() as connection:
        found = editions.listed(
            connection,
            subscriber_id=subscriber_id,
            profile=profile,
            edition_on=edition_on,
            before=after,
            limit=limit + 1,
        )
    return page_of(found, limit, lambda line: line.row_id)


def show(app: App, edition_id: int) -> EditionStory:
    """Return an edition. Raises MissingError."""
    with app.reading() as connection:
        found = editions.load_many(connection, [edition_id]).get(edition_id)
        if found is None:
            raise MissingError(f"there is no edition {edition_id}")
        carried = of_editions(connection, [edition_id])
    # Picks one by one: columns are for runs, and no serializer knows them.
    told = replace(found, picks=tuple(found.picks))
    return EditionStory(edition=told, delivery=carried.get(edition_id))
