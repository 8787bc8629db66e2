"""Ask a name server for records as text, within a few seconds.

It says what is published, not whether that is right.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from urllib.parse import urlsplit

from dns.exception import DNSException
from dns.name import from_text
from dns.resolver import NXDOMAIN, NoAnswer, NoResolverConfiguration, Resolver

from digest.errors import UsageError

Ask = Callable[[str, str], list[str] | None]
"""Name and type of record -> its texts; None where nobody answers."""

TIMEOUT_S = 3.0


def asking(server: str = "") -> Ask:
    """Return a look-up; ``server`` is ``host`` or ``host:port``, empty for the system's own.

    Raises UsageError where ``server`` is neither, or such a host is not known.
    """
    resolver = Resolver(configure=False)
    if server:
        host, resolver.port = _place(server)
        resolver.nameservers = [host]
    else:
        try:
            resolver = Resolver()
        except NoResolverConfiguration:  # a machine without a network: nobody answers
            resolver.nameservers = []
    resolver.lifetime = TIMEOUT_S

    def ask(name: str, kind: str) -> list[str] | None:
        try:
            asked = from_text(name)
        except (DNSException, UnicodeError):  # nobody can publish anything under such a name
            return []
        try:
            answer = resolver.resolve(asked, kind, search=False)
        except (NXDOMAIN, NoAnswer):
            return []
        except DNSException:
            return None
        if kind == "TXT":
            return [b"".join(row.strings).decode("utf-8", "replace") for row in answer]
        return [row.to_text() for row in answer]

    return ask


def _place(server: str) -> tuple[str, int]:
    """Return the address and the port of a name server."""
    is_bare = server.count(":") > 1 and not server.startswith("[")  # an IPv6 address alone
    try:
        place = urlsplit(f"//[{server}]" if is_bare else f"//{server}")
        found = socket.getaddrinfo(place.hostname or "", place.port or 53, type=socket.SOCK_DGRAM)
    except (OSError, ValueError) as exc:
        wanted = "192.0.2.53, ns.example.org:53 or [2001:db8::53]:53"
        raise UsageError(f"no name server {server!r} ({exc}): expected such as {wanted}") from exc
    return str(found[0][4][0]), place.port or 53
