"""Looks at the sender's domain as others see it: SPF, DKIM, DMARC, MX, and the public pages.

It reads records; it does not evaluate SPF for the relay's addresses, which a relay's own pages
say how to include.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from digest.actions.doctor.findings import Finding, good, warning, wrong
from digest.app import App
from digest.config import Settings
from digest.errors import AddressError, DigestError
from digest.nameserver import Ask, asking
from digest.rendering.dkim import Key
from digest.rendering.setup import signer_from
from digest.subscribers.addresses import domain_of, normalise

TIMEOUT_S = 3.0
SPF_LOOKUPS = 10
"""Questions that RFC 7208 4.6.4 allows a record."""
_ASKING = frozenset({"include", "redirect", "a", "mx", "ptr", "exists"})


def look(app: App, server: str = "") -> Iterator[Finding]:
    """Find how the domain of ``mail.sender`` and ``digest.base_url`` look from outside.

    ``server`` is a name server's address, ``host`` or ``host:port``, to ask in place of the
    system's.
    """
    yield from _pages(app.config.settings.digest.base_url)
    if _stays_here(app.config.settings):
        return
    try:
        domain = domain_of(normalise(app.config.settings.mail.sender))
    except AddressError:
        return
    ask = asking(server)
    yield _mx(ask, "MX", domain)
    if returns := app.config.settings.mail.bounces.domain:
        yield _mx(ask, "MX of mail.bounces.domain", returns)
    yield _spf(ask, domain)
    yield from _dkim(app, ask)
    yield _dmarc(ask, domain)


def _stays_here(settings: Settings) -> bool:
    """Tell whether no mail leaves this machine by us: then nobody judges its sender."""
    ways = {section.kind for section in settings.transports.values()}
    return ways <= {"file", "chat"} and settings.mail.dkim.mode != "sign"


def _mx(ask: Ask, subject: str, domain: str) -> Finding:
    found = ask(domain, "MX")
    if found is None:
        return _unanswered(subject, domain)
    if not found and not ask(domain, "A") and not ask(domain, "AAAA"):
        advice = "add an MX record: refusals and answers go to that domain"
        return wrong(subject, f"{domain} takes no mail and has no address", advice)
    return good(subject, f"{domain} can take refusals and answers")


def _spf(ask: Ask, domain: str) -> Finding:
    """RFC 7208: exactly one record, not open to everybody."""
    found = ask(domain, "TXT")
    if found is None:
        return _unanswered("SPF", domain)
    records = [text for text in found if text.lower().split(" ")[0] == "v=spf1"]
    if not records:
        advice = f'add a TXT record to {domain}: "v=spf1 include:YOUR-RELAY -all"'
        return wrong("SPF", f"{domain} has no record", advice)
    if len(records) > 1:
        return wrong("SPF", f"{domain} has {len(records)} records", "join them into one")
    if records[0].lower().split()[-1] in {"+all", "all"}:
        return wrong("SPF", f"{records[0]} lets everybody send", "end it with -all or ~all")
    asked = _questions(ask, records[0], left=SPF_LOOKUPS)
    if asked > SPF_LOOKUPS:
        advice = "take includes out of it: receivers stop after 10 questions and call it broken"
        return wrong("SPF", f"{records[0]} makes receivers ask more than {SPF_LOOKUPS}", advice)
    return good("SPF", records[0])


def _questions(ask: Ask, record: str, *, left: int) -> int:
    """Count what a receiver has to ask to evaluate a record, up to one more than ``left``."""
    count = 0
    for term in record.lower().split()[1:]:
        name, _, target = term.lstrip("+-~?").replace("redirect=", "redirect:").partition(":")
        if name.partition("/")[0] not in _ASKING:
            continue
        count += 1
        if count > left:
            break
        if name in {"include", "redirect"} and "%" not in target:
            records = ask(target, "TXT") or []
            inner = next((text for text in records if text.lower().startswith("v=spf1")), "")
            count += _questions(ask, inner, left=left - count)
    return count


def _dkim(app: App, ask: Ask) -> Iterator[Finding]:
    """RFC 6376 3.6.1: the published key must be the one that signs."""
    mode = app.config.settings.mail.dkim.mode
    if mode == "relay":  # told of among what needs no network
        return
    try:
        signer = signer_from(app.config.settings)
    except DigestError as exc:
        yield wrong("DKIM", str(exc), "correct [mail.dkim]")
        return
    if signer is None:
        advice = 'set mail.dkim.mode to "sign", or to "relay" where the relay signs'
        yield warning("DKIM", "mails are not signed here", advice)
        return
    for key in signer.keys:
        yield _published(ask, key, signer.domain)


def _published(ask: Ask, key: Key, domain: str) -> Finding:
    name = f"{key.selector}._domainkey.{domain}"
    subject = f"DKIM {key.selector}"
    kind, wanted = _public(key)
    found = ask(name, "TXT")
    if found is None:
        return _unanswered(subject, name)
    published = [_tags(text).get("p", "").replace(" ", "") for text in found]
    if wanted in published:
        return good(subject, f"{name} holds the key that signs")
    said = "another key" if any(published) else "no key"
    return wrong(
        subject, f"{name} has {said}", f'publish the TXT record "v=DKIM1; {kind}p={wanted}"'
    )


def _public(key: Key) -> tuple[str, str]:
    public = key.private.public_key()
    if isinstance(public, RSAPublicKey):
        der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return "k=rsa; ", base64.b64encode(der).decode()
    raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return "k=ed25519; ", base64.b64encode(raw).decode()


def _dmarc(ask: Ask, domain: str) -> Finding:
    """RFC 7489 6.6.3: at the domain itself, else at a domain above it."""
    labels = domain.split(".")
    for start in range(len(labels) - 1):
        name = "_dmarc." + ".".join(labels[start:])
        found = ask(name, "TXT")
        if found is None:
            return _unanswered("DMARC", name)
        if records := [text for text in found if _tags(text).get("v") == "DMARC1"]:
            return good("DMARC", f"{name}: {records[0]}")
    advice = f'add a TXT record to _dmarc.{domain}: "v=DMARC1; p=none; rua=mailto:you@{domain}"'
    return wrong("DMARC", f"{domain} has no record; large providers want one", advice)


def _tags(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _unanswered(subject: str, name: str) -> Finding:
    return warning(subject, f"no name server answered for {name}", "try again, or --dns SERVER")


def _pages(base_url: str) -> Iterator[Finding]:
    if not base_url:
        return
    address = f"{base_url.rstrip('/')}/healthz"
    try:
        status = httpx.get(address, timeout=TIMEOUT_S, follow_redirects=True).status_code
    except httpx.HTTPError as exc:
        advice = "start `digest serve` or `digest web`, and look at the proxy before it"
        yield warning("pages", f"{address} does not answer: {exc}", advice)
        return
    if status != httpx.codes.OK:
        advice = "read what `digest serve` logs, and look at the proxy before it"
        yield warning("pages", f"{address} answers {status}", advice)
    else:
        yield good("pages", f"{base_url} answers")
