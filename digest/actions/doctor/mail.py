"""Looks at the way out: relays, the sender, how readers can leave."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from pydantic import ValidationError

from digest.actions import bounces
from digest.actions.doctor.findings import Finding, good, warning, wrong
from digest.app import App
from digest.config.fields import is_local
from digest.config.sections import MailSection
from digest.errors import AddressError, DigestError
from digest.subscribers.addresses import domain_of, normalise
from digest.text.counting import counted


def look(app: App) -> Iterator[Finding]:
    """Find whether mail can leave; connects and logs in to every relay, sends nothing."""
    settings = app.config.settings
    yield from _relays(app)
    yield _sender(settings.mail.sender)
    yield from _alignment(settings.mail)
    yield _leaving(settings.digest.base_url, settings.mail.unsubscribe_mailto)
    yield from _coming_back(app)


def _relays(app: App) -> Iterator[Finding]:
    if not app.config.settings.transports:
        advice = "add a [transports.NAME] table"
        yield wrong("relays", "no way out for mail is configured", advice)
        return
    try:
        transports = {**app.transports, **app.channels}
    except (DigestError, ValidationError) as exc:
        yield wrong("relays", str(exc), "correct the [transports.NAME] table")
        return
    for name, transport in transports.items():
        subject = f"relay {name}"
        try:
            transport.open().close()
        except DigestError as exc:
            advice = "check host, port, security, user and password of its table"
            yield wrong(subject, str(exc), advice)
        else:
            yield good(subject, f"can be used ({transport.kind})")


def _sender(sender: str) -> Finding:
    try:
        domain = domain_of(normalise(sender))
    except AddressError as exc:
        said = str(exc) if sender else "there is none"
        return wrong("mail.sender", said, "set it to an address you may send from")
    return good("mail.sender", f"domain {domain}")


def _alignment(mail: MailSection) -> Iterator[Finding]:
    """DMARC passes where d= (DKIM) or the envelope's domain (SPF) goes with From (RFC 7489 3.1)."""
    try:
        sender = domain_of(normalise(mail.sender))
    except AddressError:
        return
    if mail.dkim.mode == "relay":
        said = (
            "left to the relay: whether it signs List-Unsubscribe and List-Unsubscribe-Post, as "
            "RFC 8058 wants, cannot be seen from here; mail yourself an edition and look for both "
            "in h= of its DKIM-Signature"
        )
        yield good("DKIM by the relay", said)
    wanted = [("mail.bounces.domain", mail.bounces.domain)]
    if mail.dkim.mode == "sign":
        wanted.append(("mail.dkim.domain", mail.dkim.domain))
    for subject, domain in wanted:
        if domain and not _is_aligned(domain.lower(), sender):
            advice = f"use {sender}, or a domain above or below it; else DMARC does not pass by it"
            yield warning(subject, f"{domain} does not go with the sender's {sender}", advice)


def _is_aligned(domain: str, sender: str) -> bool:
    """Tell relaxed alignment, as far as it can be told without the list of public suffixes."""
    return f".{domain}".endswith(f".{sender}") or f".{sender}".endswith(f".{domain}")


def _leaving(base_url: str, mailto: str) -> Finding:
    if is_local(urlsplit(base_url).hostname or "-"):
        advice = "set digest.base_url to the address that readers reach; fine for yourself alone"
        return warning("unsubscribe", f"links in mails lead to {base_url}: this machine", advice)
    if base_url.startswith("https://"):
        return good("unsubscribe", "one click, by HTTPS")
    if base_url:
        advice = "serve the pages by https:// and set digest.base_url to that"
        return warning("unsubscribe", "no one-click link: not HTTPS", advice)
    if mailto:
        return good("unsubscribe", "by mail only: digest.base_url is not set")
    advice = "set digest.base_url, or mail.unsubscribe_mailto; not needed for yourself alone"
    return warning("unsubscribe", "mails carry no way to unsubscribe", advice)


def _coming_back(app: App) -> Iterator[Finding]:
    """Find whether anybody reads what comes back."""
    settings = app.config.settings
    if bounces.is_configured(app):
        try:
            bounces.opened(app).close()
        except DigestError as exc:
            yield wrong("bounces", str(exc), "check the mailbox of [mail.bounces]")
        else:
            yield good("bounces", "the mailbox can be read")
        yield from _put_aside(app)
        return
    if settings.mail.bounces.webhook_secret and settings.digest.base_url:
        yield good("bounces", "mail services may post them to /hooks/bounces/SECRET")
    elif settings.mail.bounces.domain:
        advice = "set maildir or imap_host of [mail.bounces] to where that domain's mail goes"
        yield warning("bounces", "envelope senders are signed, but nobody reads them", advice)
    if settings.mail.unsubscribe_mailto:
        advice = "set [mail.bounces] to the mailbox of mail.unsubscribe_mailto"
        yield warning("unsubscribe by mail", "nobody here reads the requests", advice)


def _put_aside(app: App) -> Iterator[Finding]:
    """Find mails that need a person, and reports that nothing proves."""
    counts = bounces.needing_a_person(app)
    unreadable, unconfirmed = counts["unreadable"], counts["unconfirmed"]
    if unreadable:
        advice = "look at the flagged ones in the mailbox; `digest bounces --latest 50` names them"
        said = f"{counted(unreadable, 'mail')} of the last 30 days cannot be read, and put aside"
        yield warning("bounces put aside", said, advice)
    wanted = app.config.settings.mail.bounces
    if unconfirmed or not (wanted.domain or wanted.trusted_server):
        said = (
            "anybody can write a report about a mail that was passed on: each waits for a second "
            f"one ({unconfirmed} of the last 30 days did)"
        )
        advice = "set mail.bounces.domain, or trusted_server where that cannot be"
        yield warning("bounces unproved", said, advice)
