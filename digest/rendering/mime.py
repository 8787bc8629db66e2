"""Write the RFC 5322 message around encoded bodies: header fields, parts, signature.

No templates here, and no decisions but the order of fields; bodies come quoted-printable encoded
(`pieces`), attachments as bytes.
"""

from __future__ import annotations

from base64 import encodebytes
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from digest.rendering import headers
from digest.rendering.dkim import Signer
from digest.rendering.inert import plain

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


def body(text: bytes, html: bytes) -> list[bytes]:
    """Return a ``multipart/alternative`` body: the text first, the HTML last (RFC 2046 5.1.4)."""
    return [_TEXT_HEAD, text, HTML_HEAD, html, END]


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
) -> bytes:
    """Return the whole message, signed where there is a signer."""
    fields += [_VERSION, _MIXED if mixed else _ALTERNATIVE]
    signature = signer.sign(fields, parts, at) if signer else b""
    return b"".join([signature, *fields, b"\r\n", *parts])


def date_field(at: datetime) -> bytes:
    """Return ``Date``."""
    return f"Date: {format_datetime(at)}\r\n".encode()
