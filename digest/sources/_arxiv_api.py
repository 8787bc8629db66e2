"""arXiv's query API: metadata of known ids, and papers by date. Atom with arXiv's own elements.

https://info.arxiv.org/help/api/user-manual.html. It lags behind the announcements, so it fills
gaps and adds what feeds lack (comments, dates, affiliations); it never says what a day's news is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

from lxml import etree

from digest.errors import SourceError
from digest.model import AnnounceType, Author, Record
from digest.sources import Batch, Body, Fetcher, Rejected
from digest.sources._arxiv_feed import (
    ARXIV_ZONE,
    abstract_page,
    is_withdrawn,
    native_id,
    paper_links,
)
from digest.sources._entries import without_controls
from digest.sources._reading import instant
from digest.text.clean import clean
from digest.text.ids import keys_of_doi, parse_arxiv, split_key
from digest.text.plain import plain

IDS_A_CALL = 100
PAGE = 200
MAX_PAGES = 50
EMPTY_RETRIES = 3

_TO_FEED = (1, 1, 1, 1, 3, 3, 2)
"""Days from the deadline's weekday (Monday first) to the feed that announces."""

_ATOM = "{http://www.w3.org/2005/Atom}"
_ARXIV = "{http://arxiv.org/schemas/atom}"
_SEARCH = "{http://a9.com/-/spec/opensearch/1.1/}"


def is_api_answer(content: bytes) -> bool:
    """Tell the API's Atom from the announcement feeds'."""
    head = content[:4000]
    return b"http://a9.com/-/spec/opensearch" in head or b"arxiv.org/api/" in head


def ask_for_ids(fetcher: Fetcher, api_url: str, keys: Sequence[str]) -> Iterator[Body]:
    """Ask for papers by their ids, a hundred a call; unknown ones are simply absent."""
    ids = [value for scheme, value in map(split_key, keys) if scheme == "arxiv"]
    for start in range(0, len(ids), IDS_A_CALL):
        some = ids[start : start + IDS_A_CALL]
        body = fetcher.get(
            f"{api_url.rstrip('/')}/api/query",
            params={"id_list": ",".join(some), "max_results": len(some)},
            conditional=False,
            label="api:ids",
        )
        if body is not None:
            yield body


def ask_for_days(
    fetcher: Fetcher, api_url: str, category: str, *, since: date, until: date, name: str
) -> Iterator[Body]:
    """Ask for the papers submitted in some days (both included), oldest first.

    The index is rebuilt while one pages, and pages in the middle come back empty now and then:
    an empty page before the promised total is asked for again, and then is an error.
    """
    first, last = since.strftime("%Y%m%d0000"), until.strftime("%Y%m%d2359")
    query = f"cat:{category} AND submittedDate:[{first} TO {last}]"
    start = 0
    for _ in range(MAX_PAGES):
        body, count, total = _page(fetcher, api_url, query, start, name)
        if body is not None:
            yield body
        start += count
        if count == 0 or start >= total:
            return


def _page(
    fetcher: Fetcher, api_url: str, query: str, start: int, name: str
) -> tuple[Body | None, int, int]:
    for _ in range(EMPTY_RETRIES):
        body = fetcher.get(
            f"{api_url.rstrip('/')}/api/query",
            params={
                "search_query": query,
                "start": start,
                "max_results": PAGE,
                "sortBy": "submittedDate",
                "sortOrder": "ascending",
            },
            conditional=False,
            label="api:days",
        )
        assert body is not None
        root = _root(name, body)
        count = len(root.findall(f"{_ATOM}entry"))
        total = int(root.findtext(f"{_SEARCH}totalResults", "0") or 0)
        if count or start >= total:
            return body, count, total
    raise SourceError(name, f"page at {start} of {total} stays empty", kind="empty-page")


def parse_api(name: str, body: Body) -> Batch:
    """Read an answer of the API. Raises SourceError, also for errors that come as an entry."""
    root = _root(name, body)
    if root.tag != f"{_ATOM}feed":
        raise SourceError(name, f"{body.url} is not a feed", kind="not-a-feed")
    read = [_record(name, body, entry) for entry in root.findall(f"{_ATOM}entry")]
    return Batch(
        records=tuple(one for one in read if isinstance(one, Record)),
        rejected=tuple(one for one in read if isinstance(one, Rejected)),
        announced=_total(root),
    )


def _root(name: str, body: Body) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(without_controls(body.content), parser)
    except (etree.XMLSyntaxError, ValueError) as exc:
        reason = f"{body.url} is not the Atom document it should be ({exc})"
        raise SourceError(name, reason, kind="not-a-feed") from exc
    _refuse_error_entry(name, body, root)
    return root


def _refuse_error_entry(name: str, body: Body, root: etree._Element) -> None:
    """Raise for an error that comes as an entry titled Error, with status 200 or 400."""
    for entry in root.findall(f"{_ATOM}entry"):
        number = _text(entry, f"{_ATOM}id")
        if "/api/errors" in number or (
            _text(entry, f"{_ATOM}title") == "Error" and "/abs/" not in number
        ):
            said = _text(entry, f"{_ATOM}summary")[:200]
            reason = f"arXiv refused {body.label or 'the query'}: {said}"
            raise SourceError(name, reason, kind="bad-query", permanent=True)


def _total(root: etree._Element) -> int | None:
    text = root.findtext(f"{_SEARCH}totalResults") or ""
    return int(text) if text.isascii() and text.strip().isdigit() else None


def _record(name: str, body: Body, entry: etree._Element) -> Record | Rejected:
    number = _text(entry, f"{_ATOM}id")
    found = parse_arxiv(number)
    title = plain(_text(entry, f"{_ATOM}title"))
    if found is None or not title:
        return Rejected(native_id=number[:300], reason="no arXiv id or no title")
    published_at = instant(_text(entry, f"{_ATOM}published"))
    abstract = plain(_text(entry, f"{_ATOM}summary"))
    comment = plain(_text(entry, f"{_ARXIV}comment"))
    doi = _text(entry, f"{_ARXIV}doi")
    return Record(
        source=name,
        key=found.key,
        asserted_ids=keys_of_doi(doi),
        native_id=native_id(found),
        version=found.version,
        announce_type=AnnounceType.REPLACE if (found.version or 1) > 1 else AnnounceType.NEW,
        announced_on=_announced_on(instant(_text(entry, f"{_ATOM}updated")), body),
        title=title,
        abstract=abstract,
        authors=_authors(entry),
        categories=_categories(entry),
        url=abstract_page(found),
        links=paper_links(found, doi),
        comment=comment,
        venue=plain(_text(entry, f"{_ARXIV}journal_ref")),
        published_at=published_at,
        withdrawn=is_withdrawn(abstract, comment),
    )


def _announced_on(updated_at: datetime | None, body: Body) -> date | None:
    """Return the announcement's day: submissions until 14:00 in New York go out that evening.

    https://info.arxiv.org/help/availability.html; the feed of an evening bears the next day.
    """
    if updated_at is None:
        return None
    local = updated_at.astimezone(ARXIV_ZONE)
    deadline = local.date() + timedelta(days=0 if local.hour < 14 else 1)
    day = deadline + timedelta(days=_TO_FEED[deadline.weekday()])
    return min(day, body.fetched_at.astimezone(UTC).date())


def _text(entry: etree._Element, path: str) -> str:
    return clean(entry.findtext(path) or "")


def _authors(entry: etree._Element) -> tuple[Author, ...]:
    found = []
    for author in entry.findall(f"{_ATOM}author"):
        name = plain(_text(author, f"{_ATOM}name"))
        places = tuple(plain(place.text or "") for place in author.findall(f"{_ARXIV}affiliation"))
        if any(char.isalpha() for char in name):
            found.append(Author(name=name, affiliations=tuple(p for p in places if p)))
    return tuple(found)


def _categories(entry: etree._Element) -> tuple[str, ...]:
    primary = entry.find(f"{_ARXIV}primary_category")
    terms = [] if primary is None else [primary.get("term", "")]
    terms += [category.get("term", "") for category in entry.findall(f"{_ATOM}category")]
    return tuple(dict.fromkeys(term for term in terms if term))
