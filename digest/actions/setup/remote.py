"""Read a reader's papers from ORCID's public record or from a Zotero library, over HTTP.

ORCID: https://info.orcid.org/documentation/api-tutorials/ (public API 3.0, no key for reading).
Zotero: https://www.zotero.org/support/dev/web_api/v3/basics (pages of 100, ``Total-Results``).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, TypeVar

import httpx

from digest import isolated
from digest.actions.setup.imports import Imported, from_items
from digest.errors import UnreadableError, UsageError
from digest.text.clean import clean
from digest.text.ids import parse_arxiv, parse_doi
from digest.text.library import MAX_TITLE, LibraryItem, read_library

T = TypeVar("T")

ORCID = "https://pub.orcid.org/v3.0"
ZOTERO = "https://api.zotero.org"
PAGE = 100
MAX_PAPERS = 2000
MOST_BYTES = 16 << 20
"""Of one answer, decoded: a record of 10,000 works has 12 MB."""
MOST_IDS = 100
TOTAL_S = 60.0
"""Seconds for one answer, however it trickles."""
_ORCID_ID = re.compile(r"(\d{4}-\d{4}-\d{4}-\d{3}[\dX])")


def from_orcid(text: str, *, base_url: str = ORCID) -> Imported:
    """Read the works of an ORCID id (or its address).

    Raises UsageError where the id is not one or the record cannot be read.
    """
    orcid = orcid_id(text)
    name = f"ORCID {orcid}"
    with _client() as client:
        answer = _get(client, f"{base_url}/{orcid}/works", name)
    items = _parsed(works, answer, name, "a list of works")
    return from_items((item for item in items if item.title), origin=name)


def works(content: bytes) -> list[LibraryItem]:
    """Return the works of an ORCID record, as it is sent.

    Raises ValueError, TypeError, LookupError or AttributeError where it is none.
    """
    groups = json.loads(content)["group"]
    return [
        _work(group["work-summary"][0])
        for group in islice(groups, MAX_PAPERS)
        if group.get("work-summary")
    ]


def orcid_id(text: str) -> str:
    """Return the iD in a text such as its address; raises UsageError where there is none."""
    found = _ORCID_ID.search(text.upper())
    if not found or not _checksum_holds(found[1]):
        raise UsageError(f"{text!r} is not an ORCID id; expected one such as 0000-0002-1825-0097")
    return found[1]


def from_zotero(library: str, *, key: str = "", base_url: str = ZOTERO) -> Imported:
    """Read a Zotero library: a user's number, ``groups/NUMBER``, or either with ``/COLLECTION``.

    Raises UsageError where it is not one or cannot be read (private libraries need ``key``).
    """
    found = re.fullmatch(r"(?:(users|groups)/)?(\d+)(?:/([A-Z0-9]{8}))?", library.strip())
    if not found:
        raise UsageError(f"{library!r} is not a Zotero library; expected a number, groups/NUMBER")
    path = f"{found[1] or 'users'}/{found[2]}" + (f"/collections/{found[3]}" if found[3] else "")
    name = f"Zotero {found[2]}"
    headers = {"Zotero-API-Version": "3"} | ({"Zotero-API-Key": key} if key else {})
    with _client(headers) as client:
        entries = list(_zotero_pages(client, f"{base_url}/{path}/items/top", name))
    items = read_library(json.dumps(entries).encode(), name=name).items
    return from_items(items, origin=name)


def _zotero_pages(client: httpx.Client, url: str, name: str) -> Iterator[Any]:
    start = 0
    while start < MAX_PAPERS:
        answer = _get(client, url, name, format="json", limit=PAGE, start=start)
        page = _parsed(json.loads, answer, name, "JSON")
        if not isinstance(page, list):
            raise UsageError(f"{name}: the answer is not a list of items")
        yield from page
        start += len(page)
        if not page or start >= _number(answer.headers.get("Total-Results", "")):
            return


def _number(text: str) -> int:
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0


def _parsed(
    read: Callable[[bytes], list[T]], answer: httpx.Response, name: str, wanted: str
) -> list[T]:
    """Read an answer in a worker process; whatever it is made of, it is an error of ours."""
    try:
        return isolated.call(read, answer.content)
    except (RuntimeError, UnreadableError) as exc:
        raise UsageError(f"{name}: the answer is not {wanted}") from exc


def _work(summary: dict[str, Any]) -> LibraryItem:
    title = str(((summary.get("title") or {}).get("title") or {}).get("value") or "")
    keys: list[str] = []
    for external in ((summary.get("external-ids") or {}).get("external-id") or ())[:MOST_IDS]:
        value = str(external.get("external-id-value") or "")[:MAX_TITLE]
        kind = external.get("external-id-type")
        found = parse_doi(value) if kind == "doi" else None
        found = parse_arxiv(value) if kind == "arxiv" else found
        if found:
            keys.append(found.key)
    ordered = sorted(dict.fromkeys(keys), key=lambda key: not key.startswith("arxiv:"))
    return LibraryItem(title=clean(title[:MAX_TITLE]), keys=tuple(ordered))


def _checksum_holds(orcid: str) -> bool:
    """Check the last character (ISO 7064 mod 11-2): most typing errors end here."""
    total = 0
    for digit in orcid.replace("-", "")[:-1]:
        total = (total + int(digit)) * 2
    rest = (12 - total % 11) % 11
    return orcid[-1] == ("X" if rest == 10 else str(rest))


def _client(headers: dict[str, str] | None = None) -> httpx.Client:
    return httpx.Client(
        headers={"Accept": "application/json", "User-Agent": "paper-digest"} | (headers or {}),
        timeout=httpx.Timeout(30, connect=10),
        follow_redirects=False,  # a key is for one host only
        trust_env=False,
    )


def _get(client: httpx.Client, url: str, name: str, **params: str | int) -> httpx.Response:
    try:
        answer = _whole(client, url, name, params)
    except httpx.HTTPError as exc:
        raise UsageError(f"{name}: cannot be reached: {exc}") from exc
    if answer.status_code == 404:
        raise UsageError(f"{name}: there is no such record")
    if answer.status_code in (401, 403):
        raise UsageError(f"{name}: private; it needs a key with permission to read it")
    if answer.status_code != 200:
        raise UsageError(f"{name}: answered {answer.status_code}")
    return answer


def _whole(
    client: httpx.Client, url: str, name: str, params: dict[str, str | int]
) -> httpx.Response:
    until = time.monotonic() + TOTAL_S
    content = bytearray()
    with client.stream("GET", url, params=params or None) as answer:
        for part in answer.iter_bytes():
            content += part
            if len(content) > MOST_BYTES:
                raise UsageError(f"{name}: answered more than {MOST_BYTES >> 20} MB")
            if time.monotonic() > until:
                raise UsageError(f"{name}: was not done in {TOTAL_S:g} s")
        kept = {k: v for k, v in answer.headers.items() if k.lower() == "total-results"}
        return httpx.Response(answer.status_code, headers=kept, content=bytes(content))
