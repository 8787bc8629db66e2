"""Write the RFC 5322 message around encoded bodies: header fields, parts, signature.

No templates here, and no decisions but the order of fields; bodies come quoted-printable encoded
(`pieces`), attachments as bytes.
"""

from __future__ import annotations

from base64 import encodebytes
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from digest.rendering import headers
from digest.rendering.dkim import Signer
from digest.rendering.inert import plain
from digest.rendering.pieces import SHARED

# "=_" can occur neither in quoted-printable nor in base64 (RFC 2045 section 6.7 (8)).
BOUNDARY = "=_digest-part"
OUTER_BOUNDARY = "=_digest-whole"

_TEXT_HEAD = (
    f"--{BOUNDARY}\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
).encode()
HTML_HEAD = (
    f"\r\n--{BOUNDARY}\r\n"
    "Content-Type: text/html; charset=utf-8\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
).encode()
END = f"\r\n--{BOUNDARY}--\r\n".encode()
_ALTERNATIVE = f'Content-Type: multipart/alternative; boundary="{BOUNDARY}"\r\n'.encode()
_MIXED = f'Content-Type: multipart/mixed; boundary="{OUTER_BOUNDARY}"\r\n'.encode()
_VERSION = b"MIME-Version: 1.0\r\n"


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """A file that goes with a message."""

    name: str
    media_type: str
    content: bytes


def body(text: Iterable[bytes], html: Iterable[bytes]) -> list[bytes]:
    """Return a ``multipart/alternative`` body: the text first, the HTML last (RFC 2046 5.1.4)."""
    return [_TEXT_HEAD, *text, HTML_HEAD, *html, END]


def with_attachments(parts: list[bytes], attachments: Sequence[Attachment]) -> list[bytes]:
    """Return a ``multipart/mixed`` body around a ``multipart/alternative`` one."""
    out = [f"--{OUTER_BOUNDARY}\r\n".encode(), _ALTERNATIVE, b"\r\n", *parts]
    for attachment in attachments:
        name = "".join(c if c.isalnum() or c in "-_." else "-" for c in plain(attachment.name))
        name = name.encode("ascii", "replace").decode().replace("?", "-") or "attachment"
        out += [
            f"\r\n--{OUTER_BOUNDARY}\r\n".encode(),
            headers.token_field("Content-Type", f'{attachment.media_type}; name="{name}"'),
            headers.token_field("Content-Disposition", f'attachment; filename="{name}"'),
            b"Content-Transfer-Encoding: base64\r\n\r\n",
            encodebytes(attachment.content).replace(b"\n", b"\r\n"),
        ]
    out.append(f"\r\n--{OUTER_BOUNDARY}--\r\n".encode())
    return out


def message(
    fields: list[bytes],
    parts: list[bytes],
    *,
    at: datetime,
    signer: Signer | None,
    mixed: bool = False,
    repeated: bytes = b"",
) -> bytes:
    """Return the whole message, signed where there is a signer.

    ``repeated`` is put where `pieces.SHARED` stands, which fields never hold: in the whole at
    once, for a copy of each part would take as long as all that is done to make it.
    """
    fields += [_VERSION, _MIXED if mixed else _ALTERNATIVE]
    whole = b"".join([*fields, b"\r\n", *parts]).replace(SHARED, repeated)
    if signer is None:
        return whole
    body = memoryview(whole)[sum(map(len, fields)) + 2 :]
    return signer.sign(fields, body, at) + whole


def html_of(content: bytes) -> bytes:
    """Return the encoded HTML of a message that ``body`` and ``message`` made."""
    return content[content.index(HTML_HEAD) + len(HTML_HEAD) : content.rindex(END)]


def date_field(at: datetime) -> bytes:
    """Return ``Date``."""
    return f"Date: {format_datetime(at)}\r\n".encode()
