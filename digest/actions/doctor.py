"""Look the installation over: each finding says how it is and what to do.

Connects and logs in to every relay but mails nothing, and changes nothing but the store's schema.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from pydantic import ValidationError

from digest.actions import polling
from digest.app import App
from digest.errors import AddressError, DigestError
from digest.store import database
from digest.subscribers.addresses import domain_of, normalise

EARLIEST = datetime(2024, 1, 1, tzinfo=UTC)


class Level(StrEnum):
    """How bad a finding is."""

    GOOD = "good"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    level: Level
    message: str
    advice: str = ""
    """What to do about it; empty where all is well."""


def examine(app: App) -> tuple[Finding, ...]:
    """Look at everything; expected failures are findings, never raised."""
    return (
        *_configuration(app),
        _store(app),
        _clock(app.now()),
        *_sources(app),
        *_relays(app),
        _sender(app.config.settings.mail.sender),
        _pages(app.config.settings.digest.base_url, app.config.settings.mail.unsubscribe_mailto),
    )


def _configuration(app: App) -> Iterator[Finding]:
    config = app.config
    if config.path is None:
        yield _finding("config", Level.WARNING, "there is no file", "run `digest init`")
    for problem in config.profile_problems:
        yield _finding("config", Level.WRONG, problem, "correct the profile file")
    if config.path is not None and not config.profile_problems:
        count = len(config.profiles)
        yield _finding("config", Level.GOOD, f"{config.path}: good, with {count} profiles")


def _store(app: App) -> Finding:
    try:
        database.check(app.engine)
    except DigestError as exc:
        return _finding("store", Level.WRONG, str(exc), "run `digest db upgrade`")
    revision = database.current_revision(app.engine)
    return _finding("store", Level.GOOD, f"answers, at revision {revision}")


def _clock(now: datetime) -> Finding:
    if now < EARLIEST:
        advice = "set the clock: slots, signatures and certificates depend on it"
        return _finding("clock", Level.WRONG, f"it says {now:%Y-%m-%d}", advice)
    return _finding("clock", Level.GOOD, f"{now:%Y-%m-%d %H:%M} UTC")


def _sources(app: App) -> Iterator[Finding]:
    found = [source for source in polling.health(app) if source.enabled]
    if not found:
        yield _finding("sources", Level.WRONG, "none is configured", "add a [sources.NAME] table")
    for source in found:
        name = f"source {source.name}"
        if source.disabled_reason:
            advice = f"correct its address, then run `digest sources enable {source.name}`"
            yield _finding(name, Level.WRONG, source.disabled_reason, advice)
        elif not source.is_healthy:
            said = source.error or "its last poll was not complete"
            advice = f"run `digest poll {source.name} --force` and read what it says"
            yield _finding(name, Level.WRONG, said, advice)
        elif source.last_success_at is None:
            yield _finding(name, Level.WARNING, "never polled", "run `digest poll`")
        else:
            yield _finding(name, Level.GOOD, f"answered {source.last_success_at:%Y-%m-%d %H:%M}")


def _relays(app: App) -> Iterator[Finding]:
    if not app.config.settings.transports:
        advice = "add a [transports.NAME] table"
        yield _finding("relays", Level.WRONG, "no way out for mail is configured", advice)
        return
    try:
        transports = app.transports
    except (DigestError, ValidationError) as exc:
        yield _finding("relays", Level.WRONG, str(exc), "correct the [transports.NAME] table")
        return
    for name, transport in transports.items():
        subject = f"relay {name}"
        try:
            transport.open().close()
        except DigestError as exc:
            advice = "check host, port, security, user and password of its table"
            yield _finding(subject, Level.WRONG, str(exc), advice)
        else:
            yield _finding(subject, Level.GOOD, f"can be used ({transport.kind})")


def _sender(sender: str) -> Finding:
    try:
        domain = domain_of(normalise(sender))
    except AddressError as exc:
        said = str(exc) if sender else "there is none"
        return _finding("mail.sender", Level.WRONG, said, "set it to an address you may send from")
    return _finding("mail.sender", Level.GOOD, f"domain {domain}")


def _pages(base_url: str, mailto: str) -> Finding:
    if base_url.startswith("https://"):
        return _finding("unsubscribe", Level.GOOD, "one click, by HTTPS")
    if base_url:
        advice = "serve the pages by https:// and set digest.base_url to that"
        return _finding("unsubscribe", Level.WARNING, "no one-click link: not HTTPS", advice)
    if mailto:
        return _finding("unsubscribe", Level.GOOD, "by mail only: digest.base_url is not set")
    advice = "set digest.base_url, or mail.unsubscribe_mailto; not needed for yourself alone"
    return _finding("unsubscribe", Level.WARNING, "mails carry no way to unsubscribe", advice)


def _finding(subject: str, level: Level, message: str, advice: str = "") -> Finding:
    return Finding(subject=subject, level=level, message=message, advice=advice)
