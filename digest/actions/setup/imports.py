"""Read interests from what a reader already has: libraries, alert mails, other tools' settings.

Pure: bytes in, one Imported out. What is read is evidence, and the owner can edit all of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage, Message

from lxml import html

from digest.errors import UsageError
from digest.text.clean import clean
from digest.text.ids import parse_reference
from digest.text.library import LibraryItem, read_library

CATEGORY = re.compile(r"\b(?:[a-z]{1,8}-[a-z]{2,4}|[a-z]{2,8})\.[A-Za-z]{2,}(?:-[a-z]+)?\b")
_ARCHIVES = frozenset(
    (
        "astro-ph",
        "cond-mat",
        "cs",
        "econ",
        "eess",
        "math",
        "nlin",
        "physics",
        "q-bio",
        "q-fin",
        "stat",
    )
)
_ALERT = re.compile(
    r"(?P<what>.+?) [-–] (?P<kind>new (?:results?|articles?|citations?|related research))",
    re.IGNORECASE,
)
MAX_KEYS = 500
MOST_A_DAY = 200


@dataclass(frozen=True, kw_only=True)
class Imported:
    """Interests found in one place.

    ``library`` is CSL-JSON to keep beside the profile, empty where there were no papers.
    """

    origin: str
    terms: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    liked: tuple[str, ...] = ()
    library: str = ""
    papers: int = 0
    address: str = ""
    zotero_user: str = ""
    max_papers: int = 0
    """How many a day the other tool was told to send; 0 where it does not say."""
    on_empty: str = ""
    """``skip`` or ``note``; empty where it does not say."""
    notes: tuple[str, ...] = ()


def read_import(content: bytes, *, name: str) -> Imported:
    """Read one file of any known sort. Raises UsageError, naming it, where it is of none.

    Known: BibTeX, RIS, CSL-JSON, Zotero CSV; Google Scholar alert mails (.eml or mbox);
    settings of zotero-arxiv-daily (environment lines or YAML) and of arxiv-sanity (a query).
    """
    head = content[:4000].decode("utf-8", errors="replace")
    if _is_mail(head):
        return _scholar_alerts(content, name)
    if settings := _other_tool(content.decode("utf-8", errors="replace"), name):
        return settings
    return from_items(read_library(content, name=name).items, origin=name)


def from_items(items: Iterable[LibraryItem], *, origin: str) -> Imported:
    """Make interests of a library: its papers as text, and the keys that are known."""
    found = tuple(items)
    if not found:
        raise UsageError(f"{origin}: no papers in it")
    keys = dict.fromkeys(key for item in found for key in item.keys[:1])
    return Imported(
        origin=origin,
        liked=tuple(keys)[:MAX_KEYS],
        library=as_csl(found),
        papers=len(found),
    )


def as_csl(items: Iterable[LibraryItem]) -> str:
    """Write a library as CSL-JSON, the one format that the profile then reads."""
    return json.dumps(
        [
            {
                "title": item.title,
                "abstract": item.abstract,
                "author": [{"literal": name} for name in item.authors],
                "DOI": next((k[4:] for k in item.keys if k.startswith("doi:")), ""),
                "URL": next(
                    (f"https://arxiv.org/abs/{k[6:]}" for k in item.keys if k.startswith("arxiv:")),
                    "",
                ),
                "tags": [{"tag": word} for word in item.keywords],
            }
            for item in items
        ],
        ensure_ascii=False,
        indent=1,
    )


def categories_in(text: str) -> tuple[str, ...]:
    """Return the arXiv categories that a text names, in order.

    >>> categories_in("cat:cs.CV OR cat:stat.ML, see example.com")
    ('cs.CV', 'stat.ML')
    """
    found = (match[0] for match in CATEGORY.finditer(text))
    return tuple(dict.fromkeys(c for c in found if c.partition(".")[0] in _ARCHIVES))


def _is_mail(head: str) -> bool:
    return head.startswith("From ") or bool(
        re.match(r"[A-Za-z-]+: ", head) and re.search(r"^(From|Subject): ", head, re.MULTILINE)
    )


def _scholar_alerts(content: bytes, name: str) -> Imported:
    terms: list[str] = []
    authors: list[str] = []
    items: list[LibraryItem] = []
    for mail in _mails(content):
        if "scholar" not in str(mail.get("From", "")).lower():
            continue
        found = _ALERT.match(clean(str(mail.get("Subject", ""))))
        if found:
            what = found["what"].strip("\"“”'[] ")
            (terms if "result" in found["kind"].lower() else authors).append(what)
        items += _alert_papers(mail)
    if not terms and not authors and not items:
        raise UsageError(f"{name}: holds no Google Scholar alert")
    keys = dict.fromkeys(key for item in items for key in item.keys[:1])
    return Imported(
        origin=name,
        terms=tuple(dict.fromkeys(terms)),
        authors=tuple(dict.fromkeys(authors)),
        liked=tuple(keys)[:MAX_KEYS],
        library=as_csl(items) if items else "",
        papers=len(items),
    )


def _mails(content: bytes) -> Iterable[EmailMessage]:
    parts = re.split(rb"(?m)^From [^\n]*\n", content) if content.startswith(b"From ") else [content]
    for part in parts:
        if part.strip():
            mail: Message = message_from_bytes(part, policy=policy.default)
            assert isinstance(mail, EmailMessage)
            yield mail


def _alert_papers(mail: EmailMessage) -> Iterable[LibraryItem]:
    body = mail.get_body(preferencelist=("html",))
    text = body.get_content() if body else ""
    if not text.strip():
        return
    for link in html.fromstring(text).iter("a"):
        title = clean("".join(str(part) for part in link.itertext()))
        if "gse_alrt_title" in (link.get("class") or "") and title:
            # The real address is a parameter of Scholar's own redirect.
            target = re.search(r"[?&]url=([^&]+)", link.get("href") or "")
            reference = parse_reference(target[1]) if target else None
            yield LibraryItem(title=title, keys=(reference.key,) if reference else ())


def _other_tool(text: str, name: str) -> Imported | None:
    """Read zotero-arxiv-daily's environment lines or YAML, or an arxiv-sanity query."""
    query = re.search(r"^[^\S\n]*+(?:export\s+)?ARXIV_QUERY\s*[=:]\s*(.+)$", text, re.MULTILINE)
    yaml = re.search(r"^zotero:\s*$", text, re.MULTILINE)
    sanity = re.search(r"\bcat:[a-z-]+\.[A-Za-z]+", text)
    if not query and not yaml and not sanity:
        return None
    categories = categories_in(query[1] if query else text)
    if not categories:
        raise UsageError(f"{name}: names no arXiv category")
    user = _setting(text, "ZOTERO_ID") or _setting(text, "user_id")
    notes = []
    if user:
        notes.append(f"its library: digest init --zotero {user} (key from DIGEST_ZOTERO_KEY)")
    return Imported(
        origin=name,
        categories=categories,
        address=_setting(text, "RECEIVER") or _setting(text, "receiver"),
        zotero_user=user,
        max_papers=_count(_either(text, "max_paper_num")),
        on_empty={"true": "note", "false": "skip"}.get(_either(text, "send_empty").lower(), ""),
        notes=tuple(notes),
    )


def _count(value: str) -> int:
    """Return a number of papers that a profile takes; 0 where it is none."""
    return min(int(value), MOST_A_DAY) if value.isdecimal() and len(value) < 6 else 0


def _either(text: str, key: str) -> str:
    return _setting(text, key.upper()) or _setting(text, key)


def _setting(text: str, key: str) -> str:
    found = re.search(rf"^[^\S\n]*+(?:export\s+)?{key}\s*[=:]\s*(\S.*)$", text, re.MULTILINE)
    value = found[1].split(" #")[0].strip().strip("\"'") if found else ""
    return "" if value.startswith(("$", "<")) else value
