"""What a reader chose for themselves, as one text: to move with them to another installation.

A JSON list of ``{"profile": ..., "libraries": [...]}``. The profile is as the store keeps it,
without its name; a library that an interest names as ``stored:0`` is the first of the list, as
CSL-JSON.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection

from digest.actions.keeping import LARGEST_UPLOAD, MOST_PAPERS, ORCID, renamed
from digest.app import App
from digest.errors import UsageError
from digest.model import Profile, SubscriberStatus
from digest.store import libraries, profiles
from digest.store.libraries import STORED
from digest.subscribers import slots

MOST_PROFILES = 50


@dataclass(frozen=True, kw_only=True)
class OwnProfile:
    """One profile and the libraries that it names as ``stored:0`` and so on."""

    profile: Profile
    libraries: tuple[bytes, ...]


def packed(connection: Connection, wanted: Sequence[Profile]) -> str:
    """Return profiles as text; empty for none."""
    return (
        json.dumps([_packed(connection, p) for p in wanted], ensure_ascii=False) if wanted else ""
    )


def _packed(connection: Connection, profile: Profile) -> dict[str, Any]:
    named = dict.fromkeys(i.library for i in profile.interests if i.library.startswith(STORED))
    contents = libraries.load(connection, named)
    kept = [name for name in named if name in contents]
    names = dict.fromkeys(named, "") | {name: f"{STORED}{n}" for n, name in enumerate(kept)}
    document = profiles.to_document(renamed(profile, names))
    del document["name"]
    return {"profile": document, "libraries": [json.loads(contents[name]) for name in kept]}


def unpacked(text: str) -> list[OwnProfile]:
    """Return what such a text holds. Raises UsageError."""
    if not text:
        return []
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise UsageError("own_profiles holds no JSON") from exc
    if not isinstance(listed, list) or len(listed) > MOST_PROFILES:
        raise UsageError(f"own_profiles holds no list of at most {MOST_PROFILES} profiles")
    return [_unpacked(entry) for entry in listed]


def _unpacked(entry: object) -> OwnProfile:
    document = entry.get("profile") if isinstance(entry, Mapping) else None
    listed = entry.get("libraries", []) if isinstance(entry, Mapping) else None
    if not isinstance(document, Mapping) or not isinstance(listed, list):
        raise UsageError("own_profiles holds something else than profiles")
    try:
        profile = profiles.from_document({**document, "name": f"web-{secrets.token_hex(8)}"})
    except ValidationError as exc:
        place = ".".join(map(str, exc.errors()[0]["loc"]))
        raise UsageError(f"own_profiles: {place} is not as it should be") from exc
    contents = tuple(_content(library) for library in listed)
    known = {f"{STORED}{number}" for number in range(len(contents))}
    # Another machine's files, and rows of its store, are not here.
    lost = {
        i.library: ""
        for i in profile.interests
        if i.library not in known and not i.library.startswith(ORCID)
    }
    return OwnProfile(profile=renamed(profile, lost), libraries=contents)


def _content(library: object) -> bytes:
    content = json.dumps(library, ensure_ascii=False).encode("utf-8", "replace")
    if not isinstance(library, list) or len(content) > 2 * LARGEST_UPLOAD:
        raise UsageError("own_profiles: a library is no list of papers, or too large")
    if not all(isinstance(paper, Mapping) for paper in library) or len(library) > MOST_PAPERS:
        raise UsageError(f"own_profiles: a library is no list of at most {MOST_PAPERS} papers")
    return content


def give(app: App, connection: Connection, subscriber_id: int, own: Sequence[OwnProfile]) -> int:
    """Subscribe a reader to profiles of their own, from their next slots on; return how many."""
    for one in own:
        names = {
            f"{STORED}{number}": libraries.keep(
                connection, subscriber_id, content, papers=len(json.loads(content)), now=app.now()
            )
            for number, content in enumerate(one.libraries)
        }
        profile = replace(renamed(one.profile, names), name=one.profile.name)
        profile_id, _ = profiles.save(connection, profile, origin=profiles.WEB, now=app.now())
        profiles.subscribe(
            connection,
            subscriber_id=subscriber_id,
            profile_id=profile_id,
            status=SubscriberStatus.CONFIRMED,
            next_slot_at=slots.next_slot(profile.schedule, app.now()),
            now=app.now(),
            via=profiles.WEB,
        )
    return len(own)
