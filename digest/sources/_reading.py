"""What the parsers share: JSON that is what it should be, safe links, aware instants, options.

No kind of source lives here, and nothing does I/O.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

from digest.errors import SourceError
from digest.model import PaperKey
from digest.sources import Body
from digest.text.clean import clean

MAX_URL = 2000
MAX_DATE = 200
"""Characters of a date that are looked at; an address that is longer is none."""
PLAIN_ADDRESS = re.compile(r"https?://[a-z0-9-]+(?:\.[a-z0-9-]+)+/[A-Za-z0-9/_.~%+-]*")
"""An absolute address in which nothing wants changing."""
_RFC_822 = re.compile(
    r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?([0-9]{1,2}) "
    r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) "
    r"([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) (GMT|UTC|[+-][0-9]{4})"
)
"""The usual form of a date in RSS; all others are read more slowly, and alike."""
_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name: number for number, name in enumerate(_NAMES, 1)}
_UTC = frozenset(("GMT", "UTC", "+0000", "-0000"))
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)


def json_of(name: str, body: Body) -> Any:
    """Parse JSON. Raises SourceError for anything else, above all for HTML with status 200."""
    content = body.content.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not content:
        raise SourceError(name, f"{body.url} answered with nothing", kind="empty")
    if content[:1] == b"<":
        raise SourceError(name, f"{body.url} answered with a web page, not JSON", kind="not-json")
    try:
        return json.loads(content, strict=False)
    except (ValueError, RecursionError) as exc:
        reason = f"{body.url} answered with something that is not JSON ({exc})"
        raise SourceError(name, reason, kind="not-json") from exc


def mapping_of(name: str, body: Body) -> Mapping[str, Any]:
    """Parse a JSON object. Raises SourceError."""
    found = json_of(name, body)
    if not isinstance(found, dict):
        raise SourceError(name, f"{body.url} answered with JSON of another shape", kind="not-json")
    return found


def text_of(value: Any) -> str:
    """Return a string value, or an empty one for whatever else stands there."""
    return value if isinstance(value, str) else ""


def list_of(value: Any) -> list[Any]:
    """Return a list, or an empty one for whatever else stands there."""
    return value if isinstance(value, list) else []


def dict_of(value: Any) -> dict[str, Any]:
    """Return a JSON object, or an empty one for whatever else stands there."""
    return value if isinstance(value, dict) else {}


def number_of(value: Any) -> float | None:
    """Return a finite, non-negative number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < 1e12 else None


def instant(text: Any) -> datetime | None:
    """Read ISO 8601 or RFC 2822; None for what is neither or lies before 1900."""
    if not isinstance(text, str) or not (text := text[:MAX_DATE].strip()):
        return None
    if usual := _RFC_822.fullmatch(text):
        day, month, year, hour, minute, second, zone = usual.groups()
        with contextlib.suppress(ValueError):
            return sensible(
                datetime(
                    int(year), _MONTHS[month], int(day), int(hour), int(minute), int(second),
                    tzinfo=UTC if zone in _UTC else _zone(zone),
                )
            )  # fmt: skip
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        try:
            found = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    return sensible(found if found.tzinfo else found.replace(tzinfo=UTC))


def _zone(offset: str) -> timezone:
    sign = -1 if offset[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[3:])))


def from_epoch(seconds: Any) -> datetime | None:
    """Read seconds since 1970; None for what is not a number or out of range."""
    number = number_of(seconds)
    if number is None:
        return None
    try:
        return sensible(datetime.fromtimestamp(number, UTC))
    except (ValueError, OverflowError, OSError):
        return None


def sensible(found: datetime) -> datetime | None:
    """Return the instant in UTC, None for one before 1900."""
    try:
        aware = found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return aware if aware >= _EARLIEST else None


def day(text: Any) -> date | None:
    """Read a date, alone or at the head of an instant."""
    if not isinstance(text, str):
        return None
    try:
        return date.fromisoformat(text.strip()[:10])
    except ValueError:
        return None


def from_parts(parts: Any) -> datetime | None:
    """Read Crossref's ``[2026, 4, 14]`` (one to three numbers) as midnight UTC."""
    numbers = [n for n in list_of(parts) if isinstance(n, int)]
    if not numbers:
        return None
    try:
        year, month, monthday = (*numbers[:3], 1, 1)[:3]
        return sensible(datetime(year, month, monthday, tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


def web_link(url: Any, base: str = "") -> str:
    """Return an absolute http(s) address without credentials, or an empty string.

    ``javascript:``, ``data:`` and the like never pass: the result goes into ``href``.
    """
    if not isinstance(url, str):
        return ""
    url = url[: 2 * MAX_URL]
    url = re.sub(r"[\x00-\x20\x7f]+", "", clean(url)) if "\n" in url else clean(url)
    if not url:
        return ""
    if PLAIN_ADDRESS.fullmatch(url) and len(url) <= MAX_URL:
        return str(url)
    try:
        joined = urljoin(base, url) if base else url
        parts = urlsplit(joined)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        return ""
    if parts.scheme.lower() not in ("http", "https") or not host or len(joined) > MAX_URL:
        return ""
    if "@" in parts.netloc:
        parts = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    written: str = parts.geturl()
    return written.replace(" ", "%20").replace('"', "%22").replace("<", "%3C")


def unique(keys: Iterable[PaperKey | None], *, but: PaperKey = "") -> tuple[PaperKey, ...]:
    """Return the keys in order, each once, without None and without ``but``."""
    return tuple(key for key in dict.fromkeys(keys) if key and key != but)


def since_of(watermark: Mapping[str, Any], *, now: datetime, default: timedelta) -> datetime:
    """Return the instant that the last good poll left, or ``default`` before now."""
    found = instant(watermark.get("since"))
    return min(found, now) if found else now - default
