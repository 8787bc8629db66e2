"""Lists of subscribers as CSV files, ours and listmonk's: bytes to rows and back. Pure.

Reading loses nothing: every line becomes a row or a refusal that names its line. Whether an
address may be mailed is not asked here.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from digest.errors import AddressError, UsageError
from digest.model import SubscriberStatus
from digest.subscribers.addresses import normalise


class ListFormat(StrEnum):
    """Whose columns a file has."""

    DIGEST = "digest"
    LISTMONK = "listmonk"


COLUMNS = {
    ListFormat.DIGEST: (
        "address",
        "status",
        "profiles",
        "created_at",
        "confirmed_at",
        "suppression",
        "own_profiles",
    ),
    # As its own export names them; its import reads email, name and attributes.
    ListFormat.LISTMONK: ("email", "name", "attributes", "status", "created_at", "updated_at"),
}
_NAMES = {
    "address": "address", "email": "address", "e-mail": "address", "mail": "address",
    "email address": "address", "status": "status", "profile": "profiles",
    "profiles": "profiles", "created_at": "since", "confirmed_at": "since",
    "suppression": "suppression", "own_profiles": "own",
}  # fmt: skip
_STATUSES = {
    "": SubscriberStatus.CONFIRMED,
    "confirmed": SubscriberStatus.CONFIRMED,
    "enabled": SubscriberStatus.CONFIRMED,
    "subscribed": SubscriberStatus.CONFIRMED,
    "unconfirmed": SubscriberStatus.UNCONFIRMED,
    "unsubscribed": SubscriberStatus.UNSUBSCRIBED,
    "disabled": SubscriberStatus.UNSUBSCRIBED,
    "blocklisted": SubscriberStatus.UNSUBSCRIBED,
    "suppressed": SubscriberStatus.UNSUBSCRIBED,
}
_BARRED = ("blocklisted", "suppressed")
_TO_LISTMONK = {
    SubscriberStatus.CONFIRMED: "enabled",
    SubscriberStatus.UNCONFIRMED: "disabled",
    SubscriberStatus.UNSUBSCRIBED: "disabled",
}
_LONGEST_RECORD = 20
"""Lines that one record may span, by line ends inside quotes."""
_TIMES = ("created_at", "confirmed_at")
LONGEST_CELL = 64 * 2**20
"""Characters: a reader's own profiles hold their libraries."""
csv.field_size_limit(LONGEST_CELL)
_DELIMITERS = ",;\t|"
_FORMULA = re.compile(r"'*[=+\-@]")
_PROFILE_SEPARATOR = re.compile(r"[|;]")


@dataclass(frozen=True, kw_only=True)
class ListRow:
    """One good line."""

    line: int
    address: str
    """Normalised."""
    status: SubscriberStatus
    profiles: tuple[str, ...] = ()
    is_barred: bool = False
    """The other program must never mail it again: a complaint, or somebody's decision."""
    since: str = ""
    """What the file says of when they came; proof of consent, kept as it is written."""
    created_at: datetime | None = None
    """Of our own format, as ``confirmed_at`` is."""
    confirmed_at: datetime | None = None
    suppression: str = ""
    """Why our own export says that the address is not mailed."""
    own_profiles: str = ""
    """What they chose themselves, as our own export writes it."""


@dataclass(frozen=True, kw_only=True)
class BadRow:
    """One line that could not be taken, as it stands in the file."""

    line: int
    reason: str
    cells: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ReadList:
    """A file that was read: its lines are ``rows`` and ``bad``, none is missing."""

    rows: tuple[ListRow, ...]
    bad: tuple[BadRow, ...]
    encoding: str
    unused_columns: tuple[str, ...] = ()
    """Columns that hold nothing we keep."""


@dataclass(frozen=True, kw_only=True)
class ListEntry:
    """One subscriber, ready to be written."""

    address: str
    status: SubscriberStatus
    profiles: tuple[str, ...]
    created_at: datetime
    confirmed_at: datetime | None
    suppression: str = ""
    own_profiles: str = ""
    """JSON: the profiles that are this reader's alone, with their libraries."""


def read_list(content: bytes, *, wanted: ListFormat | None = None) -> ReadList:
    """Return the lines of a CSV file, whichever format, encoding and separator it has.

    Without a header the column that holds an @ is taken for the address. Raises UsageError
    where there is no such column, or it is not the format that was ``wanted``.
    """
    text, encoding = _decoded(content)
    records, bad = _records(text)
    if not records:
        return ReadList(rows=(), bad=tuple(bad), encoding=encoding)
    header = [cell.strip().lower() for cell in records[0][1]]
    has_header = not any("@" in cell for cell in header)
    columns = _columns(header) if has_header else _guessed(header)
    if wanted is ListFormat.LISTMONK and not (has_header and "email" in header):
        raise UsageError("the file is not a listmonk export: it has no column called email")
    rows: list[ListRow] = []
    for line, cells in records[1:] if has_header else records:
        found = _row(line, cells, columns, len(header))
        if isinstance(found, BadRow):
            bad.append(found)
        else:
            rows.append(found)
    unused = [
        name for place, name in enumerate(header) if has_header and place not in columns.values()
    ]
    return ReadList(
        rows=tuple(rows),
        bad=tuple(sorted(bad, key=lambda item: item.line)),
        encoding=encoding,
        unused_columns=tuple(unused),
    )


def write_list(entries: Iterable[ListEntry], chosen: ListFormat) -> Iterator[str]:
    """Return the lines of a CSV file, the header first, as they come."""
    yield csv_line(COLUMNS[chosen])
    for entry in entries:
        if chosen is ListFormat.LISTMONK:
            created = _stamp(entry.created_at)
            attributes = json.dumps({"profiles": list(entry.profiles)}, ensure_ascii=False)
            name = entry.address.partition("@")[0]
            status = _TO_LISTMONK[entry.status]
            yield csv_line((entry.address, name, attributes, status, created, created))
        else:
            yield csv_line(
                (
                    entry.address,
                    entry.status.value,
                    "|".join(entry.profiles),
                    _stamp(entry.created_at),
                    _stamp(entry.confirmed_at),
                    entry.suppression,
                    entry.own_profiles,
                )
            )


def csv_line(cells: Iterable[object]) -> str:
    """Return one line of CSV; what a spreadsheet would take for a formula gets a quote in front.

    Reading takes the quote off again (OWASP, CSV injection).
    """
    held = io.StringIO()
    csv.writer(held, lineterminator="\r\n").writerow(
        "'" + text if _FORMULA.match(text := str(cell)) else text for cell in cells
    )
    return held.getvalue()


def _decoded(content: bytes) -> tuple[str, str]:
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if content.startswith(mark):
            return content.decode(encoding, errors="replace"), encoding
    for encoding in ("utf-8", "cp1252"):
        try:
            return content.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1"), "latin-1"


def _records(text: str) -> tuple[list[tuple[int, list[str]]], list[BadRow]]:
    """Return the records with the line each starts on; empty lines are none.

    Each is read from a window of few lines: a quote that is never closed costs its own line,
    not the rest of the file.
    """
    lines = io.StringIO(text, newline="").readlines()
    first = next((line for line in lines if line.strip()), "")
    delimiter = max(_DELIMITERS, key=first.count)
    records: list[tuple[int, list[str]]] = []
    bad: list[BadRow] = []
    place = 0
    while place < len(lines):
        window = csv.reader(
            iter(lines[place : place + _LONGEST_RECORD]), delimiter=delimiter, strict=True
        )
        try:
            cells = next(window)
        except csv.Error as exc:
            cells = [lines[place].rstrip("\r\n")]
            bad.append(BadRow(line=place + 1, reason=f"not CSV: {exc}", cells=tuple(cells)))
            place += 1
            continue
        if any(cell.strip() for cell in cells):
            records.append((place + 1, cells))
        place += window.line_num
    return records, bad


def _columns(header: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for place, name in enumerate(header):
        if (known := _NAMES.get(name)) and (known not in found or known == "since"):
            found[known] = place
    if "own" in found:
        found |= {name: header.index(name) for name in _TIMES if name in header}
    if "address" not in found:
        named = ", ".join(filter(None, header)) or "nothing"
        raise UsageError(f"the file has no column called address or email (its header: {named})")
    return found


def _guessed(first: Sequence[str]) -> dict[str, int]:
    return {"address": next(place for place, cell in enumerate(first) if "@" in cell)}


def _row(line: int, cells: list[str], columns: dict[str, int], width: int) -> ListRow | BadRow:
    def refused(reason: str) -> BadRow:
        return BadRow(line=line, reason=reason, cells=tuple(cells))

    if len(cells) > width:
        return refused(f"has {len(cells)} cells, the header {width}")

    def cell(name: str) -> str:
        place = columns.get(name, len(cells))
        text = cells[place].strip() if place < len(cells) else ""
        return text[1:] if text.startswith("'") and _FORMULA.match(text) else text

    word = cell("status").lower()
    if word not in _STATUSES:
        return refused(
            f"the status {word[:40]!r} is not known ({', '.join(filter(None, _STATUSES))})"
        )
    try:
        address = normalise(cell("address"))
    except AddressError as exc:
        return refused(str(exc))
    names = [name.strip() for name in _PROFILE_SEPARATOR.split(cell("profiles"))]
    return ListRow(
        line=line,
        address=address,
        status=_STATUSES[word],
        profiles=tuple(filter(None, names)),
        is_barred=word in _BARRED,
        since=cell("since")[:40],
        created_at=_instant(cell("created_at")),
        confirmed_at=_instant(cell("confirmed_at")),
        suppression=cell("suppression"),
        own_profiles=cell("own"),
    )


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


def _stamp(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds") if at else ""
