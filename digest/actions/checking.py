"""Check what the configuration's reading cannot: profiles against the rest, the way of mails.

Nothing here needs the store or asks anybody; template, key and library files are read.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from digest.app import channels_of, ways_out
from digest.config import Config, ProfileFile, Settings
from digest.config.problems import place_of, read_toml
from digest.errors import AddressError, ConfigError, RenderError
from digest.model import PaperKey, Profile
from digest.pipeline import libraries
from digest.plugins import resolve
from digest.rendering.setup import composer_from, signer_from
from digest.subscribers.addresses import channel_of, destination, normalise
from digest.text.ids import parse_reference


@dataclass(frozen=True, kw_only=True)
class CheckedProfile:
    """A profile as it may be served, and what is wrong with its file."""

    profile: Profile
    """With keys of liked papers, not addresses or bare ids."""
    addresses: tuple[str, ...]
    """Those that can be written to, normalised."""
    is_fit: bool
    """Whether it can be ranked at all."""
    problems: tuple[str, ...]
    """One line each, with file and key."""


def problems(config: Config) -> tuple[str, ...]:
    """Return one line for each mistake in the configuration and the profile files."""
    channels = channels_of(ways_out(config.settings))
    found = [*_settings_problems(config), *config.profile_problems]
    for item in config.profiles:
        found += check_profile(item, channels, config.settings.sources).problems
        if item.profile.community and not config.settings.ranking.community:
            found.append(f"{item.path}: community: means nothing while [ranking] community is off")
    return tuple(found)


def check_profile(
    item: ProfileFile, channels: Collection[str], sources: Collection[str]
) -> CheckedProfile:
    """Check a profile that could be read against the names of chat transports and sources."""
    wrong = [f"{item.path}: {line}" for line in libraries.problems(item.profile)]
    strange = [name for name in item.profile.sources if name not in sources]
    there = ", ".join(sources) or "none"
    wrong += [
        f"{item.path}: sources: there is no source {name!r} (there are: {there})"
        for name in strange
    ]
    is_fit = not strange or len(strange) < len(item.profile.sources)
    try:
        resolve(item.profile.ranker, "digest.ranking", "ranker")
    except ConfigError as exc:
        is_fit = False
        wrong.append(f"{item.path}: ranker: {exc}")
    profile, unknown = _with_keys(item)
    addresses, unusable = _addresses(item, channels)
    return CheckedProfile(
        profile=profile,
        addresses=addresses,
        is_fit=is_fit,
        problems=(*wrong, *unknown, *unusable),
    )


def _settings_problems(config: Config) -> list[str]:
    """Return the mistakes that sending would meet, each with the place of its key."""
    text = read_toml(config.path)[1] if config.path is not None else ""
    file = str(config.path or "environment")
    found = []
    for line in dict.fromkeys((*_address_problems(config.settings), *_mail_problems(config))):
        key = line.partition(": ")[0].split(".")
        found.append(f"{place_of(key, file=file, text=text, environ=os.environ)}: {line}")
    return found


def _address_problems(settings: Settings) -> Iterator[str]:
    mail = settings.mail
    for key, address in (
        ("digest.owner", settings.digest.owner),
        ("mail.sender", mail.sender),
        ("mail.reply_to", mail.reply_to),
        ("mail.unsubscribe_mailto", mail.unsubscribe_mailto),
    ):
        try:
            if address:
                normalise(address)
        except AddressError as exc:
            yield f"{key}: {exc}"


def _mail_problems(config: Config) -> Iterator[str]:
    for make in (composer_from, signer_from):  # each ends at its first mistake
        try:
            make(config.settings)
        except ConfigError as exc:
            yield from exc.problems
        except RenderError as exc:
            yield " ".join(str(exc).split())


def _with_keys(item: ProfileFile) -> tuple[Profile, list[str]]:
    """Turn addresses and bare ids of liked papers into keys."""
    wrong: list[str] = []
    interests = []
    for interest in item.profile.interests:
        where = f"{item.path}: interests.{interest.name}"
        liked, not_liked = _keys(interest.liked, f"{where}.liked")
        disliked, not_disliked = _keys(interest.disliked, f"{where}.disliked")
        wrong += not_liked + not_disliked
        interests.append(replace(interest, liked=liked, disliked=disliked))
    return replace(item.profile, interests=tuple(interests)), wrong


def _keys(texts: Sequence[str], where: str) -> tuple[tuple[PaperKey, ...], list[str]]:
    found = [(text, parse_reference(text)) for text in texts]
    wrong = [
        f"{where}: expected a key or address of a paper, such as arxiv:2401.01234, not {text!r}"
        for text, reference in found
        if reference is None
    ]
    return tuple(reference.key for _, reference in found if reference), wrong


def _addresses(
    item: ProfileFile, channels: Collection[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    good: list[str] = []
    wrong: list[str] = []
    for text in item.addresses:
        try:
            address = destination(text)
        except AddressError as exc:
            wrong.append(f"{item.path}: addresses: {text!r}: {exc}")
            continue
        if (channel := channel_of(address)) and channel not in channels:
            wrong.append(f"{item.path}: addresses: there is no [transports.{channel}] of kind chat")
        else:
            good.append(address)
    return tuple(good), tuple(wrong)
