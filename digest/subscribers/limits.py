"""How often a mailbox may be written to because somebody typed its address into a page. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from datetime import datetime, timedelta

MAILBOX_LIMITS = (
    (timedelta(minutes=10), 1),
    (timedelta(days=1), 3),
    (timedelta(days=30), 5),
)
"""Spans, and how many mails each allows: a stranger cannot flood a mailbox through us."""

LONGEST_SPAN = max(span for span, _ in MAILBOX_LIMITS)
NETWORK_PER_HOUR = 40
"""Mails asked for from one network in an hour: a lecture hall may, a script may not."""


def may_mail(asked_at: Iterable[datetime], now: datetime) -> bool:
    """Tell whether a mailbox that got mails at these instants may get one more now."""
    instants = list(asked_at)
    return all(sum(at > now - span for at in instants) < most for span, most in MAILBOX_LIMITS)


def network_of(host: str, *, ipv4: int = 24, ipv6: int = 48) -> str:
    """Return the network of this prefix length that a client belongs to; else the host itself."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    prefix = ipv4 if address.version == 4 else ipv6
    return str(ipaddress.ip_network((address, prefix), strict=False))
