"""Rendered parts of a mail in the form they travel in, with the personal places cut out.

A part is rendered once with marks where something personal stands, encoded once
(quoted-printable, RFC 2045 section 6.7), and filled per message by joining bytes. Every literal
and every value ends its own line (softly where the text goes on), so pieces join in any order
without a line growing past 76 characters.

One value is repeated in every card: where answers go. In encoded pieces a control character,
which encoded text never holds, stands for it, and a message replaces all of them in one step.

The encoder also keeps lines from beginning with a dot or with ``From ``: dot-stuffing then
changes nothing, and no relay or mbox file alters a signed body.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from digest.errors import RenderError

LINE_LIMIT = 73
"""Three less than allowed: room for the soft break and for escaping a leading dot."""

_UNSAFE = re.compile(rb"[^\x20-\x7e\n]|[ ](?=\n)|[ ]\Z")
"""Beside the equals sign, of which HTML is full."""
_CHUNK = re.compile(rb".{1,%d}(?<!=)(?<!=.)" % LINE_LIMIT)
"""As much as one line takes, never ending inside =XX."""
_SIMPLE = re.compile(rb"[!-<>-~]([ -<>-~]{0,70}[!-<>-~])?")
_LONG = re.compile(rb"[!-<>-~][ -<>-~]*[!-<>-~]")
_MARK = re.compile("\x02([a-z_]+)\x03")
_WORDS = re.compile(r"[!#-%(-;?-~]++(?: [!#-%(-;?-~]++)*+")
"""Words that neither HTML nor quoted-printable has to escape."""

_LINES = re.compile(r"(?:[!#-%(-\-/-;?-EG-~][!#-%(-;?-~]*+(?: [!#-%(-;?-~]++)*+\n)++")
"""Lines of such words, none of which begins as `_guarded` has to look for."""

_ELLIPSIS, _ENCODED_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}", b"=E2=80=A6"

REPEATED = "feedback"
"""The place that every card has three times."""
SHARED = b"\x02"
"""Stands for the repeated value in encoded text."""


@dataclass(frozen=True, slots=True)
class Piece:
    """An encoded part: literals with named places between them (one literal more than places)."""

    literals: tuple[bytes, ...]
    places: tuple[str, ...]
    size: int
    """Length of the literals before encoding."""
    repeated: int = 0
    """How often the repeated value stands in it."""
    form: bytes = field(init=False, repr=False, compare=False)
    _choose: Callable[[Any], Any] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Make of the literals one format, which a message fills in one step."""
        form = b"%b".join(literal.replace(b"%", b"%%") for literal in self.literals)
        object.__setattr__(self, "form", form if self.places else self.literals[0])
        object.__setattr__(self, "_choose", itemgetter(*self.places) if self.places else None)

    def filled(self, values: Mapping[str, bytes]) -> bytes:
        """Return the piece's bytes with its places filled by encoded values."""
        return self.form if self._choose is None else self.form % self._choose(values)

    def __add__(self, other: Piece) -> Piece:
        """Return both as one."""
        *before, last = self.literals
        first, *after = other.literals
        return Piece(
            literals=(*before, last + first, *after),
            places=self.places + other.places,
            size=self.size + other.size,
            repeated=self.repeated + other.repeated,
        )

    def parted(self, place: str) -> tuple[Piece, Piece]:
        """Return what stands before a place and what after it; the first half has the size.

        Raises RenderError where the template has the place not once.
        """
        if self.places.count(place) != 1:
            raise RenderError(f"templates: {{{{ {place} }}}} has to stand once in frame.html")
        at = self.places.index(place)
        first = Piece(self.literals[: at + 1], self.places[:at], self.size, self.repeated)
        return first, Piece(self.literals[at + 1 :], self.places[at + 1 :], 0)


def mark(place: str) -> str:
    """Return what stands for a personal value while a part is rendered.

    Text from outside never holds these control characters: `inert.plain` removes them.
    """
    return f"\x02{place}\x03"


def cut(rendered: str) -> Piece:
    """Encode a rendered part, cut at its marks."""
    first, *rest = _MARK.split(rendered)
    literals, places, size, repeated = [encode(first.encode())], [], len(first.encode()), 0
    for place, literal in zip(rest[0::2], rest[1::2], strict=True):
        content = literal.encode()
        size += len(content)
        if place == REPEATED:
            repeated += 1
            literals[-1] += SHARED + encode(content)
        else:
            places.append(place)
            literals.append(encode(content))
    return Piece(tuple(literals), tuple(places), size, repeated)


def words(text: str) -> bytes | None:
    """Encode words that are the same in HTML and in text; None where they need more care.

    Words that were cut short end with an ellipsis, as most preheaders do.
    """
    end = len(text) - text.endswith(_ELLIPSIS)
    if _WORDS.fullmatch(text, 0, end) is None:
        return None
    content = text[:end].encode()
    if end < len(text):
        content += _ENCODED_ELLIPSIS
    return _folded(content) + b"=\r\n"


def all_words(texts: Sequence[str]) -> list[bytes] | None:
    """Encode many texts at once, each as `words` does; None where one needs more care.

    A mail has a reason for each paper: looked at one by one they cost more than all else in it.
    """
    lines = "\n".join(texts) + "\n"
    if _LINES.fullmatch(lines) is None:
        return None
    encoded = lines.encode().replace(b"\n", b"=\r\n\0").split(b"\0")
    encoded.pop()
    if len(encoded) != len(texts):
        return None  # a text that is of more lines than one
    if len(max(encoded, key=len)) <= LINE_LIMIT + 3:
        return encoded
    return [
        line if len(line) <= LINE_LIMIT + 3 else _folded(line[:-3]) + b"=\r\n" for line in encoded
    ]


def encode(content: bytes) -> bytes:
    """Encode UTF-8 lines; the result is empty or ends with a line end (CRLF).

    Where the content does not end a line, a soft break does, which decodes to nothing.
    """
    if not content:
        return b""
    if _SIMPLE.fullmatch(content) and content[0] not in b".F":
        return content + b"=\r\n"
    if _LONG.fullmatch(content):  # nothing to escape: an address, or plain words
        return _folded(content) + b"=\r\n"
    content = content.replace(b"=", b"=3D")
    escaped = _UNSAFE.sub(lambda match: b"=%02X" % match.group()[0], content)
    *lines, last = escaped.split(b"\n")
    ended = b"".join([_folded(line) + b"\r\n" for line in lines])
    return ended + _folded(last) + b"=\r\n" if last else ended


def _folded(line: bytes) -> bytes:
    """Return an encoded line with soft breaks where it is too long."""
    if len(line) <= LINE_LIMIT:
        return _guarded(line)
    return b"=\r\n".join([_guarded(chunk) for chunk in _CHUNK.findall(line)])


def _guarded(line: bytes) -> bytes:
    if line.startswith(b"."):
        return b"=2E" + line[1:]
    if line.startswith(b"From "):
        return b"=46" + line[1:]
    return line
