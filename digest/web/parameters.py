"""Which query parameters each page knows: the rest never reaches it, nor makes it another page."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode

from digest.actions.reading import Order

LIST = frozenset({"sort", "source", "category", "terms", "categories", "authors", "page"})
SEARCH = frozenset({"q", "source", "category", "from", "to", "page"})
INTEREST = frozenset({"terms", "categories", "authors", "papers"})
_EXACT = {"/": LIST, "/search": SEARCH, "/subscribe": INTEREST}
_UNDER = {
    "/papers/": LIST,
    "/feeds/daily.": LIST - {"page"},
    "/feeds/search.": SEARCH - {"page"},
}
_OWN = ("/owner", "/api/")
"""Typed and checked by their own routes; the owner alone gets so far."""
_ORDERS = frozenset({Order.NEWEST.value, Order.INTERESTS.value})
_PAGE = re.compile(r"(?!1$)[1-9][0-9]{0,3}")
LONGEST_VALUE = 2000
MOST_PAIRS = 100


def is_public(path: str) -> bool:
    """Tell whether a page shows everybody the same and costs something to make."""
    return path in {"/", "/search"} or path.startswith((*_UNDER, "/paper/"))


def known(path: str) -> frozenset[str]:
    """Return the names of the parameters that a public page reads."""
    if path in _EXACT:
        return _EXACT[path]
    return next((names for start, names in _UNDER.items() if path.startswith(start)), frozenset())


def normalised(path: str, query: bytes) -> bytes:
    """Return a query string with the known parameters alone: the last of each, in one order.

    What is a page's default, or means nothing to it, is left out.

    >>> normalised("/", b"x=1&page=2&sort=newest&page=3&terms=")
    b'page=3&sort=newest'
    """
    if not query or path.startswith(_OWN):
        return query
    names = known(path)
    if not names:
        return b""
    try:
        pairs = parse_qsl(query.decode("latin-1"), max_num_fields=MOST_PAIRS)
    except ValueError:  # more of them than any page has
        return b""
    last = {name: value[:LONGEST_VALUE] for name, value in pairs if name in names}
    if last.get("sort") not in _ORDERS:
        last.pop("sort", None)
    if not _PAGE.fullmatch(last.get("page", "")):
        last.pop("page", None)
    return urlencode(sorted(last.items())).encode()
