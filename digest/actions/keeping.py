"""The papers that a reader gave a page to learn from: an upload, or an ORCID record.

What they mean to the ranking is decided there; formats are ``text.library``'s.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from digest import isolated
from digest.actions.setup.imports import Imported, as_csl
from digest.actions.setup.remote import from_orcid, orcid_id
from digest.app import App
from digest.errors import UnreadableError, UsageError
from digest.model import Profile
from digest.store import libraries, profiles
from digest.text.library import read_library

log = logging.getLogger(__name__)

MOST_PAPERS = 1000
LARGEST_UPLOAD = 2_000_000
READ_S = 2.0
"""Processor time for reading it, in a process of its own."""
MOST_BLOCKS = 20_000
"""Entries of any format; of BibTeX the parser's time grows with the square of blocks that never
end."""
ORCID = "orcid:"
"""Begins the ``library`` of an interest whose reader's own record is still to be read."""
UPLOADED = "uploaded"
"""The ``library`` of an interest whose papers came with the form and are not kept yet."""


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A reader's library, read and cut to size: CSL-JSON, and how many papers it holds."""

    content: bytes
    papers: int


def read_upload(content: bytes, *, name: str) -> Upload:
    """Read an uploaded library; raises UsageError with a sentence for the reader."""
    if len(content) > LARGEST_UPLOAD:
        raise UsageError(f"{name}: larger than {LARGEST_UPLOAD // 1_000_000} MB")
    if content.count(b"@") > MOST_BLOCKS:
        raise UsageError(f"{name}: more than {MOST_BLOCKS:,} entries")
    try:
        library = isolated.call(read_library, content, name, MOST_BLOCKS, cpu_s=READ_S)
    except UnreadableError as exc:
        raise UsageError(f"{name}: {exc}") from exc
    items = library.items[-MOST_PAPERS:]
    if not items:
        raise UsageError(f"{name}: no papers in it")
    return Upload(content=as_csl(items).encode(), papers=len(items))


def orcid_library(text: str) -> str:
    """Return the ``library`` that stands for an ORCID record; raises UsageError."""
    return ORCID + orcid_id(text)


def with_upload(
    app: App, connection: Connection, subscriber_id: int, profile: Profile, upload: Upload
) -> Profile:
    """Keep an upload, and return the profile with its name where ``UPLOADED`` stood."""
    name = libraries.keep(
        connection, subscriber_id, upload.content, papers=upload.papers, now=app.now()
    )
    return renamed(profile, {UPLOADED: name})


def fetch_orcid(app: App, subscriber_id: int, subscription_id: int) -> None:
    """Read the ORCID records that a subscription's interests name, and keep their papers.

    A record that cannot be read is left out and logged: the digest goes by the rest.
    """
    with app.reading() as connection:
        found = profiles.subscription_of(connection, subscriber_id, subscription_id)
    wanted = {
        interest.library
        for interest in (found.profile.interests if found else ())
        if interest.library.startswith(ORCID)
    }
    if found is None or not wanted:
        return
    read = {name: _read_orcid(app, name) for name in wanted}
    with app.writing() as connection:
        names = {
            name: libraries.keep(
                connection,
                subscriber_id,
                imported.library.encode(),
                papers=imported.papers,
                now=app.now(),
            )
            if imported
            else ""
            for name, imported in read.items()
        }
        changed = renamed(found.profile, names)
        profiles.save(connection, changed, origin=profiles.WEB, now=app.now())


def drop_unused_libraries(connection: Connection, subscriber_id: int) -> None:
    """Forget the uploads of a subscriber that no interest names any more."""
    theirs = profiles.subscriptions_of(connection, subscriber_id=subscriber_id)
    libraries.drop_unused(connection, subscriber_id, _names(s.profile for s in theirs))


def renamed(profile: Profile, names: Mapping[str, str]) -> Profile:
    """Return the profile with other names of libraries, where ``names`` has one."""
    interests = tuple(
        replace(interest, library=names.get(interest.library, interest.library))
        for interest in profile.interests
    )
    return replace(profile, interests=interests)


def _names(found: Iterable[Profile]) -> set[str]:
    return {interest.library for profile in found for interest in profile.interests}


def _read_orcid(app: App, name: str) -> Imported | None:
    url = app.config.settings.web.orcid_url
    if not url:
        return None
    try:
        return from_orcid(name.removeprefix(ORCID), base_url=url)
    except UsageError as exc:
        # The sentence names the record, and the record its owner.
        log.warning("orcid record left out error=%s", type(exc.__cause__ or exc).__name__)
        return None
