"""Get the liked papers that no source announced, and tell which of them cannot be found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from digest.actions.checking import check_profile
from digest.app import App, open_app
from digest.config import Config
from digest.errors import DigestError
from digest.lazily import lazily
from digest.model import PollReport, Profile
from digest.store import database
from digest.store import lookups as rows
from digest.store.lookups import Missing

if TYPE_CHECKING:
    from digest.actions import polling, profiles
    from digest.pipeline import lookups
    from digest.pipeline.lookups import LookupReport
else:
    polling = lazily("digest.actions.polling")
    profiles = lazily("digest.actions.profiles")
    lookups = lazily("digest.pipeline.lookups")


def look_up(app: App) -> LookupReport:
    """Ask by id for the papers that profiles like and the store does not have.

    Also asks arXiv about papers that others announced with its ids. Services that fail are in
    the report, not raised.
    """
    profiles.sync(app)
    lookups.complete(app)
    return lookups.look_up(app)


def poll_source(app: App, name: str) -> tuple[PollReport, ...]:
    """Poll one source that is due; of new papers with arXiv's ids arXiv is asked at once."""
    reports = polling.poll(app, [name])
    if any(report.new for report in reports):
        lookups.complete(app)
    return reports


def count_due(app: App) -> int:
    """Return how many liked papers may be asked for now."""
    if not app.config.settings.signals.look_up:
        return 0
    with app.reading() as connection:
        return rows.count_due(connection, app.now())


def not_found(connection: Connection, of: Iterable[Profile]) -> tuple[str, ...]:
    """Return a sentence for each liked paper of these profiles that the store does not have."""
    keys = {key for profile in of for key in profile.rated}
    return tuple(_sentence(one) for one in rows.missing(connection, keys)) if keys else ()


def not_found_of_files(app: App) -> tuple[str, ...]:
    """Return the same for the profile files."""
    sources = app.config.settings.sources
    profiles_ = [check_profile(one, app.channels, sources).profile for one in app.config.profiles]
    with app.reading() as connection:
        return not_found(connection, profiles_)


def not_found_in_store(config: Config) -> tuple[str, ...]:
    """Return the same where there is a store already; nothing where it cannot be read."""
    if not database.exists(config.store_url):
        return ()
    try:
        with open_app(config, migrate=False) as app:
            return not_found_of_files(app)
    except DigestError:
        return ()


def _sentence(one: Missing) -> str:
    if not one.problem or one.next_at is None:
        return f"{one.key}: liked, but not in the store yet; run `digest poll` to fetch it"
    return (
        f"{one.key}: liked, but not found: {one.problem}; "
        f"check the id (next attempt after {one.next_at:%Y-%m-%d %H:%M} UTC)"
    )
