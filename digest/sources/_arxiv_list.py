"""arXiv's page of a category's present listing: which papers its feed has to hold.

https://arxiv.org/list/cs.LG/new, the page that readers see. It states its day and names every
paper, so it is held against the feed; records come from the feed, whose text is whole.
"""

from __future__ import annotations

import re
from datetime import date, datetime

from digest.errors import SourceError
from digest.sources import Body, Stated
from digest.text.ids import parse_arxiv

_DAY = re.compile(r"Showing new listings for\s+[A-Z][a-z]+,\s*(\d{1,2})\s+([A-Z][a-z]+)\s+(\d{4})")
_REPLACED = re.compile(r"<h3>\s*Replacement", re.IGNORECASE)
_PAPER = re.compile(r"<a\s[^<>]{0,40}?href\s*=\s*\"/abs/([^\"<>]{6,40})\"")


def parse_list(name: str, body: Body) -> Stated:
    """Read the day and what was new or cross-listed on it. Raises SourceError."""
    page = body.content.decode("utf-8", "replace")
    found = _DAY.search(page)
    on = _date(*found.groups()) if found else None
    if found is None or on is None:
        reason = f"{body.url} is not the listing that it should be"
        raise SourceError(name, reason, kind="not-a-listing")
    replaced = _REPLACED.search(page)
    part = page[found.end() : replaced.start() if replaced else len(page)]
    references = (parse_arxiv(one[1]) for one in _PAPER.finditer(part))
    return Stated(on=on, keys=frozenset(one.key for one in references if one))


def _date(day: str, month: str, year: str) -> date | None:
    try:
        return datetime.strptime(f"{day} {month[:3]} {year}", "%d %b %Y").date()  # noqa: DTZ007
    except ValueError:
        return None
