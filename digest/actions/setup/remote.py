"""Read a reader's papers from ORCID's public record or from a Zotero library, over HTTP.

ORCID: https://info.orcid.org/documentation/api-tutorials/ (public API 3.0, no key for reading).
Zotero: https://www.zotero.org/support/dev/web_api/v3/basics (pages of 100, ``Total-Results``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx

from digest.actions.setup.imports import Imported, from_items
from digest.errors import UsageError
from digest.text.clean import clean
from digest.text.ids import parse_arxiv, parse_doi
from digest.text.library import LibraryItem, read_library

ORCID = "https://pub.orcid.org/v3.0"
ZOTERO = "https://api.zotero.org"
PAGE = 100
MAX_PAPERS = 2000
_ORCID_ID = re.compile(r"(\d{4}-\d{4}-\d{4}-\d{3}[\dX])")


def from_orcid(text: str, *, base_url: str = ORCID) -> Imported:
    """Read the works of an ORCID id (or its address).

    Raises UsageError where the id is not one or the record cannot be read.
    """
    orcid = orcid_id(text)
    name = f"ORCID {orcid}"
    with _client() as client:
        answer = _get(client, f"{base_url}/{orcid}/works", name)
    try:
        groups = json.loads(answer.content)["group"]
        items = [_work(group["work-summary"][0]) for group in groups if group.get("work-summary")]
    except (ValueError, KeyError, TypeError) as exc:
        raise UsageError(f"{name}: the answer is not a list of works") from exc
    return from_items((item for item in items if item.title), origin=name)


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
        try:
            page = answer.json()
        except ValueError as exc:
            raise UsageError(f"{name}: the answer is not JSON") from exc
        if not isinstance(page, list):
            raise UsageError(f"{name}: the answer is not a list of items")
        yield from page
        start += len(page)
        if not page or start >= int(answer.headers.get("Total-Results", "0")):
            return


def _work(summary: dict[str, Any]) -> LibraryItem:
    title = clean(str(((summary.get("title") or {}).get("title") or {}).get("value") or ""))
    keys: list[str] = []
    for external in (summary.get("external-ids") or {}).get("external-id") or ():
        value = str(external.get("external-id-value") or "")
        kind = external.get("external-id-type")
        found = parse_doi(value) if kind == "doi" else None
        found = parse_arxiv(value) if kind == "arxiv" else found
        if found:
            keys.append(found.key)
    ordered = sorted(dict.fromkeys(keys), key=lambda key: not key.startswith("arxiv:"))
    return LibraryItem(title=title, keys=tuple(ordered))


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
        answer = client.get(url, params=params or None)
    except httpx.HTTPError as exc:
        raise UsageError(f"{name}: cannot be reached: {exc}") from exc
    if answer.status_code == 404:
        raise UsageError(f"{name}: there is no such record")
    if answer.status_code in (401, 403):
        raise UsageError(f"{name}: private; it needs a key with permission to read it")
    if answer.status_code != 200:
        raise UsageError(f"{name}: answered {answer.status_code}")
    return answer
