"""Read a reference library: BibTeX, RIS, CSL-JSON, or Zotero's CSV and API JSON.

Pure: bytes in, items out. What an item means to a reader's interests is decided elsewhere.
"""

from __future__ import annotations

import csv
import io
import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import rispy
from bibtexparser import middlewares, model
from bibtexparser.entrypoint import parse_string

from digest.errors import UsageError
from digest.text import bibtex
from digest.text.clean import clean
from digest.text.decoding import decode
from digest.text.html import strip_markup
from digest.text.ids import Reference, parse_arxiv, parse_doi, parse_reference
from digest.text.plain import MAX_RAW
from digest.text.tex import to_text

MAX_BYTES = 50_000_000
MAX_ITEMS = 50_000
MAX_TITLE = 4000
MAX_AUTHORS = 200_000
"""Characters of a field that are looked at; of an abstract, as many as of any text."""
MAX_NAME, MAX_NAMES = 1000, 5000
MAX_NAMED = 5
"""Ids and addresses that are looked for in one field."""
_NAMING = ("url", "howpublished", "note", "journal", "ee", "link", "bdsk-url", "annote", "pdf")
"""How fields begin that may name a paper."""
_ARXIV = re.compile(r"arxiv:\s*+(\S+)", re.IGNORECASE)
_SPELLED_DOI = re.compile(r"\bdoi\s*+:\s*+(10\.\S+)", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://[^\s<>\"{}]+", re.IGNORECASE)
_RIS_TAG = re.compile(r"([A-Z][A-Z0-9])  -(?:\s|\Z)")
_NARROW_TAG = re.compile(r"([A-Z][A-Z0-9]) -(?:\s|\Z)")
"""Of writers who put one space; elsewhere "AI - based" is a line of an abstract."""
_RIS_START = re.compile(r"^[^\S\n]*+TY  - ", re.MULTILINE)

# RecursionError: brackets in brackets in brackets.
_BROKEN = (ValueError, KeyError, TypeError, AttributeError, RecursionError, csv.Error)

logging.getLogger("bibtexparser").addHandler(logging.NullHandler())


@dataclass(frozen=True, kw_only=True)
class LibraryItem:
    """A paper that a reader keeps: plain text, and the keys that its fields hold."""

    title: str
    abstract: str = ""
    authors: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    """Best first: ``arxiv:...``, then ``doi:...``."""


@dataclass(frozen=True, kw_only=True)
class Library:
    """The items that could be read, and how many entries could not."""

    format: str
    items: tuple[LibraryItem, ...]
    skipped: int = 0


def read_library(content: bytes, name: str = "library", most: int = MAX_ITEMS) -> Library:
    """Read a library of any known format, told by its content.

    Raises UsageError, naming ``name``, where it is of no known format, empty, too large, or has
    more than ``most`` entries.
    """
    if len(content) > MAX_BYTES:
        raise UsageError(f"{name}: larger than {MAX_BYTES // 1_000_000} MB")
    text, _ = decode(content)
    if text.count("TY  - ") + text.count("TY - ") > most:
        raise _too_many(name, most)  # its parser reads all of them before the first is ours
    for fits, format_name, read in _FORMATS:
        if fits(text):
            try:
                found = list(islice(read(text), most + 1))
            except _BROKEN as exc:
                raise UsageError(f"{name}: looks like {format_name} but is broken: {exc}") from exc
            if len(found) > most:
                raise _too_many(name, most)
            items = [item for item in found if item is not None]
            if not items:  # taken for a library, it would teach nothing and nobody would know
                raise UsageError(f"{name}: {format_name} without a paper in it")
            return Library(
                format=format_name,
                items=tuple(items),
                skipped=len(found) - len(items),
            )
    raise UsageError(
        f"{name}: not a library that can be read; expected BibTeX, RIS, CSL-JSON or Zotero CSV"
    )


def _too_many(name: str, most: int) -> UsageError:
    return UsageError(f"{name}: more than {most:,} entries")


def _bibtex(text: str) -> Iterable[LibraryItem | None]:
    library = parse_string(
        bibtex.without_comments(text),
        parse_stack=[
            middlewares.ResolveStringReferencesMiddleware(),
            middlewares.RemoveEnclosingMiddleware(),
        ],
    )
    entries = list(library.entries)
    for block in library.failed_blocks:
        # The same key twice is a common slip of reference managers, not a broken entry.
        again = getattr(block, "ignore_error_block", None)
        if isinstance(again, model.Entry):
            entries.append(again)
        else:
            yield None
    for entry in entries:
        fields = {name.lower(): str(field.value) for name, field in entry.fields_dict.items()}
        yield _item(
            title=_tex(fields.get("title", "")),
            abstract=_tex(fields.get("abstract", "")),
            authors=[
                _tex(name) if is_whole else _natural(_tex(name))
                for name, is_whole in bibtex.names_of(_one_line(fields, "author"))
            ],
            keywords=re.split(r"[,;]", _tex(fields.get("keywords", ""))),
            arxiv=[bibtex.plain(_eprint(fields))],
            dois=[bibtex.plain(fields.get("doi", "")[:MAX_TITLE])],
            addresses=[
                bibtex.plain(value[:MAX_TITLE])
                for name, value in fields.items()
                if name.startswith(_NAMING)
            ],
        )


def _one_line(fields: Mapping[str, str], name: str) -> str:
    return " ".join(fields.get(name, "")[:MAX_AUTHORS].split())


def _eprint(fields: Mapping[str, str]) -> str:
    archive = fields.get("archiveprefix", fields.get("eprinttype", "arxiv")).lower()
    return fields.get("eprint", "") if archive == "arxiv" else ""


def _ris(text: str) -> Iterable[LibraryItem | None]:
    """Read records, each from its first tag on: not every writer ends them."""
    ended, started = _ended(text)
    entries = rispy.loads(ended)
    yield from [None] * (started - len(entries))
    for entry in entries:
        yield _item(
            title=entry.get("title") or entry.get("primary_title") or "",
            abstract=entry.get("abstract") or entry.get("notes_abstract") or "",
            authors=[_natural(name) for name in entry.get("authors", ())],
            keywords=entry.get("keywords", ()),
            dois=[entry.get("doi", "")],
            addresses=[
                str(value)
                for name in ("urls", "notes", "custom3", "type_of_work", "file_attachments1")
                for value in _listed(entry.get(name))
            ],
        )


def _listed(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list | tuple) else (value,) if value else ()


def _ended(text: str) -> tuple[str, int]:
    """Return RIS whose records all end with ``ER``, and how many begin."""
    lines: list[str] = []
    pattern = _RIS_TAG if _RIS_START.search(text) else _NARROW_TAG
    started, is_open = 0, False
    for line in text.splitlines():
        tag = pattern.match(line.lstrip())
        name = tag[1] if tag else ""
        if tag:
            line = f"{name}  - {line.lstrip()[tag.end() :].strip()}"  # noqa: PLW2901
        if name == "TY":
            lines += ["ER  - ", ""] if is_open else []
            started += 1
        is_open = name != "ER" and (is_open or name == "TY")
        lines.append(line)
    return "\n".join([*lines, "ER  - " if is_open else ""]), started


def _json(text: str) -> Iterable[LibraryItem | None]:
    values = json.loads(text)
    if isinstance(values, dict):
        values = values.get("items", [values])
    for value in values:
        entry = value.get("data", value) if isinstance(value, dict) else None
        yield _json_item(entry) if isinstance(entry, dict) else None


def _json_item(entry: Mapping[str, Any]) -> LibraryItem | None:
    if entry.get("itemType") in {"attachment", "note", "annotation"}:
        return None
    people = entry.get("author") or entry.get("creators") or ()
    return _item(
        title=str(entry.get("title") or ""),
        abstract=str(entry.get("abstract") or entry.get("abstractNote") or ""),
        authors=[_person(person) for person in people],
        keywords=[
            str(tag.get("tag", "")) if isinstance(tag, dict) else str(tag)
            for tag in entry.get("tags") or ()
        ],
        dois=[str(entry.get("DOI") or "")],
        addresses=[
            str(entry.get(name) or "") for name in ("URL", "url", "archiveID", "extra", "number")
        ],
    )


def _person(person: Any) -> str:
    if not isinstance(person, dict):
        return str(person)
    given = person.get("given") or person.get("firstName") or ""
    family = person.get("family") or person.get("lastName") or ""
    return f"{given} {family}".strip() or str(person.get("literal") or person.get("name") or "")


def _zotero_csv(text: str) -> Iterable[LibraryItem | None]:
    for row in csv.DictReader(io.StringIO(text)):
        yield _item(
            title=row.get("Title") or "",
            abstract=row.get("Abstract Note") or "",
            authors=[_natural(name) for name in (row.get("Author") or "").split(";")],
            keywords=(row.get("Manual Tags") or "").split(";"),
            dois=[row.get("DOI") or ""],
            addresses=[row.get(name) or "" for name in ("Url", "Archive Location", "Extra")],
        )


def _item(
    *,
    title: str,
    abstract: str,
    authors: Iterable[str],
    keywords: Iterable[str],
    arxiv: Iterable[str] = (),
    dois: Iterable[str] = (),
    addresses: Iterable[str] = (),
) -> LibraryItem | None:
    title = clean(strip_markup(title[:MAX_TITLE], declared=False))
    if not title:
        return None
    return LibraryItem(
        title=title,
        abstract=clean(strip_markup(abstract[:MAX_RAW], declared=False)),
        authors=_distinct(authors),
        keywords=_distinct(keywords),
        keys=_keys(arxiv, dois, addresses),
    )


def _keys(arxiv: Iterable[str], dois: Iterable[str], addresses: Iterable[str]) -> tuple[str, ...]:
    found = [parse_arxiv(text) for text in arxiv if text]
    found += [parse_doi(text) for text in dois if text]
    for text in (address[:MAX_TITLE] for address in addresses):
        # "arXiv preprint arXiv:2401.01234" in a journal field, a bare number never
        found += [_spelled(one[1]) for one in islice(_ARXIV.finditer(text), MAX_NAMED)]
        found += [parse_doi(one[1]) for one in islice(_SPELLED_DOI.finditer(text), MAX_NAMED)]
        found += [
            parse_reference(one[0].rstrip(".,;"), bare=False)
            for one in islice(_ADDRESS.finditer(text), MAX_NAMED)
        ]
        found.append(parse_reference(text, bare=False))
    keys = _distinct(reference.key for reference in found if reference)
    return tuple(sorted(keys, key=lambda key: not key.startswith("arxiv:")))


def _spelled(number: str) -> Reference | None:
    return parse_arxiv(number.strip("[](){}.,;"))


def _natural(name: str) -> str:
    """Turn ``Lovelace, Ada`` into ``Ada Lovelace``."""
    family, comma, given = name.partition(",")
    return f"{given.strip()} {family.strip()}" if comma and given.strip() else name


def _tex(text: str) -> str:
    return re.sub(r"(?<!\\)[{}]", "", to_text(" ".join(text[:MAX_RAW].split())))


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    cleaned = (clean(str(text)[:MAX_NAME]) for text in islice(texts, MAX_NAMES))
    return tuple(dict.fromkeys(text for text in cleaned if text))


_Reader = Callable[[str], Iterable[LibraryItem | None]]
_FORMATS: tuple[tuple[Callable[[str], object], str, _Reader], ...] = (
    (lambda text: text.lstrip()[:1] in ("[", "{"), "JSON", _json),
    (re.compile(r"^[^\S\n]*+TY  ?- ", re.MULTILINE).search, "RIS", _ris),
    (re.compile(r"^[^\S\n]*+@[A-Za-z]++\s*+[{(]", re.MULTILINE).search, "BibTeX", _bibtex),
    (re.compile(r'^"?Key"?,"?Item Type"?,').match, "Zotero CSV", _zotero_csv),
)
