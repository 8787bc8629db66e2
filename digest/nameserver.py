"""Ask a name server for records as text, within a few seconds.

It says what is published, not whether that is right.
"""

from __future__ import annotations

from collections.abc import Callable

from dns.exception import DNSException
from dns.name import from_text
from dns.resolver import NXDOMAIN, NoAnswer, Resolver

Ask = Callable[[str, str], list[str] | None]
"""Name and type of record -> its texts; None where nobody answers."""

TIMEOUT_S = 3.0


def asking(server: str = "") -> Ask:
    """Return a look-up; ``server`` is ``host`` or ``host:port``, empty for the system's own."""
    resolver = Resolver(configure=not server)
    if server:
        host, _, port = server.partition(":")
        resolver.nameservers, resolver.port = [host], int(port or 53)
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
