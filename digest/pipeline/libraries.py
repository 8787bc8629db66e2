"""Reference libraries: the papers that a reader keeps teach as liked ones.

Files beside profile files are read when an edition is ranked, so that a library that grows is
followed without a restart; those given to a page are in the store. Where one cannot be read the
edition is made without it. The format is ``digest.text.library``'s.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from digest import isolated
from digest.errors import UnreadableError, UsageError
from digest.model import Author, Interest, Paper, PaperKey, Profile
from digest.store.libraries import STORED
from digest.text.library import MAX_BYTES, LibraryItem, read_library

log = logging.getLogger(__name__)

MOST_ITEMS = 2000
"""The last so many items of a file teach: reference managers append, and each one costs."""
READ_S = 120.0
"""Processor time for reading a file, in a process of its own."""


def read(path: str) -> tuple[Paper, ...]:
    """Return the papers of a library file, the last ones of a long file only.

    Those without a known id get a key made of their title. Raises UsageError naming the file
    where it cannot be read.
    """
    try:
        stat = Path(path).stat()
        if stat.st_size > MAX_BYTES:
            raise UsageError(f"{path}: larger than {MAX_BYTES // 1_000_000} MB")
        return _read(path, stat.st_mtime_ns, stat.st_size)
    except OSError as exc:
        raise UsageError(f"{path}: {exc.strerror or exc}") from exc


def problems(profile: Profile) -> list[str]:
    """Return one line for each library of a profile that cannot be read."""
    found = []
    for interest in profile.interests:
        try:
            if interest.library and not interest.library.startswith(STORED):
                read(interest.library)
        except UsageError as exc:
            found.append(f"interests.{interest.name}.library: {exc}")
    return found


def stored_names(profiles: Iterable[Profile]) -> set[str]:
    """Return the libraries of these profiles that are in the store."""
    named = (interest.library for profile in profiles for interest in profile.interests)
    return {name for name in named if name.startswith(STORED)}


def taught(
    profile: Profile, at_hand: Mapping[str, bytes] | None = None
) -> tuple[Profile, dict[PaperKey, Paper]]:
    """Return the profile with its libraries' papers among the liked ones, and those papers.

    What the profile says it dislikes stays disliked. ``at_hand`` holds the libraries by name
    that are no files.
    """
    if not any(interest.library for interest in profile.interests):
        return profile, {}
    known: dict[PaperKey, Paper] = {}
    interests = []
    for interest in profile.interests:
        kept = {paper.key: paper for paper in _kept(profile, interest, at_hand or {})}
        said = {*interest.liked, *interest.disliked}
        more = tuple(key for key in kept if key not in said)
        interests.append(replace(interest, liked=interest.liked + more))
        known |= kept
    return replace(profile, interests=tuple(interests)), known


def _kept(profile: Profile, interest: Interest, at_hand: Mapping[str, bytes]) -> tuple[Paper, ...]:
    if not interest.library:
        return ()
    try:
        if interest.library in at_hand:
            return _papers(read_library(at_hand[interest.library]).items)
        return read(interest.library)
    except UsageError as exc:
        log.warning("library left out profile=%s error=%s", profile.name, exc)
        return ()


@lru_cache(maxsize=64)
def _read(path: str, _changed_ns: int, _size: int) -> tuple[Paper, ...]:
    """Read a file once for as long as it is the same."""
    content = Path(path).read_bytes()
    try:
        return _papers(isolated.call(read_library, content, path, cpu_s=READ_S).items)
    except UnreadableError as exc:
        raise UsageError(f"{path}: {exc}") from exc


def _papers(items: Sequence[LibraryItem]) -> tuple[Paper, ...]:
    return tuple(_paper(item) for item in items[-MOST_ITEMS:])


def _paper(item: LibraryItem) -> Paper:
    title = " ".join(item.title.casefold().split())
    key = f"library:{hashlib.sha256(title.encode()).hexdigest()[:32]}"
    return Paper(
        row_id=0,
        key=item.keys[0] if item.keys else key,
        title=item.title,
        abstract=item.abstract,
        authors=tuple(Author(name=name) for name in item.authors),
        keywords=item.keywords,
        first_seen_at=datetime(1970, 1, 1, tzinfo=UTC),
    )
