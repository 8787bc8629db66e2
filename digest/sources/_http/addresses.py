"""Which network addresses a source may be fetched from. Pure.

It resolves nothing: it is given what the resolver said, at the moment of connecting.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

WEB_PORTS = frozenset({80, 443, 8080, 8443})
"""Ports a public source may live on: no feed is read from a mail server or a database."""

GLOBAL_UNICAST = ip_network("2000::/3")
"""All of IPv6 that is given out to anybody (RFC 4291, IANA); what is outside is never public:
IPv4-compatible, mapped and translated (NAT64) addresses, SRv6, unique and site-local ones."""

# Not caught by `is_global` on every supported Python, or global only in form: 6to4 and Teredo
# carry an IPv4 address that may be anybody's, 2001::/23 is kept for protocols.
_REFUSED = tuple(
    ip_network(block)
    for block in (
        *("192.0.0.0/24", "192.88.99.0/24"),
        *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
    )
)


def why_refused(address: str) -> str:
    """Return why an address is not public (``private``, ``loopback``, ...), or nothing."""
    if "%" in address:
        return "bound to an interface"
    try:
        found = ip_address(address)
    except ValueError:
        return "not an address"
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return _why(found)


def why_any_refused(addresses: Iterable[str]) -> str:
    """Return why a name may not be used: one private address among public ones is enough."""
    for address in addresses:
        if reason := why_refused(address):
            return f"{address} is {reason}"
    return ""


def _why(address: IPv4Address | IPv6Address) -> str:
    for is_it, reason in (
        (address.is_unspecified, "unspecified"),
        (address.is_loopback, "a loopback address"),
        (address.is_link_local, "a link-local address"),
        (address.is_multicast, "a multicast address"),
        (any(address in block for block in _REFUSED), "reserved"),
        (address.is_private, "a private address"),
        (address.version == 6 and address not in GLOBAL_UNICAST, "not global unicast"),
        (not address.is_global, "not a public address"),
    ):
        if is_it:
            return reason
    return ""
