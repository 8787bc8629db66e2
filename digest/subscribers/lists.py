"""Lists of subscribers as CSV files, ours and other programs': bytes to rows and back. Pure.

Reading loses nothing: every line becomes a row or a refusal that names its line. Whether an
address may be mailed is not asked here.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from digest.errors import AddressError, UsageError
from digest.model import SubscriberStatus
from digest.subscribers.addresses import normalise
from digest.subscribers.columns import Meaning, meaning_of
from digest.subscribers.standing import Columns, Wish, least, of_file, understand
from digest.text.decoding import decode


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
    "profile": "profiles", "profiles": "profiles", "created_at": "since", "confirmed_at": "since",
    "suppression": "suppression", "own_profiles": "own",
}  # fmt: skip
_TO_LISTMONK = {
    SubscriberStatus.CONFIRMED: "enabled",
    SubscriberStatus.UNCONFIRMED: "disabled",
    SubscriberStatus.UNSUBSCRIBED: "disabled",
}
_LONGEST_RECORD = 20
"""Lines that one record may span, by line ends inside quotes."""
_TIMES = ("created_at", "confirmed_at")
_NOTHING: Mapping[str, str] = {}
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
    since: str = ""
    """What the file says of when they came; proof of consent, kept as it is written."""
    created_at: datetime | None = None
    """Of our own format, as ``confirmed_at`` is."""
    confirmed_at: datetime | None = None
    suppression: str = ""
    """Why the address is not mailed, of the suppression list's reasons; empty if it is."""
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
    wish_columns: tuple[str, ...] = ()
    """Columns that decide who gets mail, as ``name (meaning)``."""


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


def read_list(
    content: bytes,
    *,
    wanted: ListFormat | None = None,
    name: str = "",
    meanings: Mapping[str, str] = _NOTHING,
) -> ReadList:
    """Return the lines of a CSV file, whichever format, encoding and separator it has.

    Without a header the column that holds an @ is taken for the address. ``name`` is the file's:
    that of a list of people who left makes every row one of them. ``meanings`` maps columns to
    what the owner says of them. Raises UsageError where there is no column of addresses, it is
    not the format that was ``wanted``, or a column may carry a refusal and is not understood.
    """
    text, encoding = decode(content)
    records, bad = _records(text)
    everybody = of_file(name)
    if not records:
        return ReadList(rows=(), bad=tuple(bad), encoding=encoding)
    first = records[0][1]
    header = [cell.strip().lower() for cell in first]
    has_header = not any("@" in cell for cell in header)
    if wanted is ListFormat.LISTMONK and not (has_header and "email" in header):
        raise UsageError("the file is not a listmonk export: it has no column called email")
    lines = records[1:] if has_header else records
    cells = [line for _, line in lines]
    columns = _columns(first, cells, meanings) if has_header else _guessed(header)
    wishes = understand(
        first if has_header else [""] * len(first),
        cells,
        skip=_settled(header, columns),
        chosen=meanings,
        is_named=has_header,
    )
    rows: list[ListRow] = []
    for line, row in lines:
        found = _row(line, row, columns, len(header), wishes, everybody)
        if isinstance(found, BadRow):
            bad.append(found)
        else:
            rows.append(found)
    used = {*columns.values(), *wishes.meanings}
    return ReadList(
        rows=tuple(rows),
        bad=tuple(sorted(bad, key=lambda item: item.line)),
        encoding=encoding,
        unused_columns=tuple(
            label for place, label in enumerate(header) if has_header and place not in used
        ),
        wish_columns=tuple(
            f"{header[place] if has_header else place + 1} ({meaning})"
            for place, meaning in wishes.meanings.items()
        ),
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


def _columns(
    header: Sequence[str], rows: Sequence[Sequence[str]], meanings: Mapping[str, str]
) -> dict[str, int]:
    found: dict[str, int] = {}
    lower = [name.strip().lower() for name in header]
    for place, name in enumerate(lower):
        if (known := _NAMES.get(name)) and (known not in found or known == "since"):
            found[known] = place
    if "own" in found:
        found |= {name: lower.index(name) for name in _TIMES if name in lower}
    asked = {name.strip().lower() for name, meaning in meanings.items() if meaning == "address"}
    places = [place for place, name in enumerate(lower) if name in asked] or [
        place for place, name in enumerate(header) if meaning_of(name) is Meaning.ADDRESS
    ]
    if not places:
        named = ", ".join(filter(None, lower)) or "nothing"
        raise UsageError(f"the file has no column called address or email (its header: {named})")
    # "address" may be where they live, beside "email".
    found["address"] = next((p for p in places if _holds_addresses(rows, p)), places[0])
    return found


def _holds_addresses(rows: Sequence[Sequence[str]], place: int) -> bool:
    return any("@" in row[place] for row in rows if place < len(row))


def _settled(header: Sequence[str], columns: Mapping[str, int]) -> frozenset[int]:
    """Return the columns that say nothing of who wants mail, as far as is known by name."""
    settled = {place for name, place in columns.items() if name not in ("since", "suppression")}
    settled |= {place for place, name in enumerate(header) if name == "created_at"}
    if "profiles" in header:  # ours: its status says all
        settled |= {place for place, name in enumerate(header) if name == "confirmed_at"}
    return frozenset(settled)


def _guessed(first: Sequence[str]) -> dict[str, int]:
    return {"address": next(place for place, cell in enumerate(first) if "@" in cell)}


def _row(
    line: int,
    cells: list[str],
    columns: dict[str, int],
    width: int,
    wishes: Columns,
    everybody: Wish,
) -> ListRow | BadRow:
    def refused(reason: str) -> BadRow:
        return BadRow(line=line, reason=reason, cells=tuple(cells))

    if len(cells) > width:
        return refused(f"has {len(cells)} cells, the header {width}")

    def cell(name: str) -> str:
        place = columns.get(name, len(cells))
        text = cells[place].strip() if place < len(cells) else ""
        return text[1:] if text.startswith("'") and _FORMULA.match(text) else text

    try:
        wish = least(everybody, wishes.wish(cells))
        address = normalise(cell("address"))
    except (ValueError, AddressError) as exc:
        return refused(str(exc))
    names = [name.strip() for name in _PROFILE_SEPARATOR.split(cell("profiles"))]
    return ListRow(
        line=line,
        address=address,
        status=wish.status,
        profiles=tuple(filter(None, names)),
        since=cell("since")[:40],
        created_at=_instant(cell("created_at")),
        confirmed_at=_instant(cell("confirmed_at")),
        suppression=cell("suppression") or wish.reason,
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
