"""Header fields as bytes: folded, encoded where they must be, unbroken where they must not.

The standard library's ``EmailMessage`` turns a ``List-Unsubscribe`` longer than 78 columns into
encoded words (python/cpython#85725), which RFC 2047 section 5 forbids there and which takes the
unsubscribe button away. Fields are therefore written here.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from functools import lru_cache

from digest.errors import RenderError
from digest.rendering.inert import plain

LINE = 78
WORD = 75
TOKEN_LIMIT = 900

_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_ADDRESS = re.compile(
    r"(?P<local>[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*)@"
    r"(?P<domain>[^\s@<>()\[\],;:\"\\]+)"
)
_Q_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_URI = re.compile(r"[!-;=?-~]+")
_IDENTIFIER = re.compile(r"[!-;=?-~][!-;=?A-~]*+@[!-;=?-~]+")


def text_field(name: str, text: str) -> bytes:
    """Return an unstructured field (Subject), folded, encoded per RFC 2047 where needed."""
    text = plain(text)
    if _needs_encoding(text):
        words = _encoded_words(text, first_column=len(name) + 2)
        return f"{name}: ".encode() + b"\r\n ".join(words) + b"\r\n"
    return _fold(name, text.split(" "))


def address_field(name: str, address: str, display: str = "") -> bytes:
    """Return ``From``, ``To`` or ``Reply-To`` with one address. Raises RenderError."""
    mailbox = f"<{mail_address(address)}>"
    display = plain(display)
    if not display:
        return f"{name}: {mailbox[1:-1]}\r\n".encode()
    if _needs_encoding(display):
        words = _encoded_words(display, first_column=len(name) + 2)
        tokens = [word.decode() for word in words]
    elif _ATOM.fullmatch(display) and len(display) < 60:
        tokens = display.split(" ")
    else:
        quoted = display.replace("\\", "\\\\").replace('"', '\\"')
        tokens = f'"{quoted}"'.split(" ")
    return _fold(name, [*tokens, mailbox])


def mail_address(address: str) -> str:
    """Return the address with its domain A-labelled; raise RenderError where mail cannot carry it.

    Only dot-atoms are taken: a quoted local part, or one outside ASCII (RFC 6531), is refused at
    subscription and would not reach most mailboxes.
    """
    found = _ADDRESS.fullmatch(address)
    if found is None or len(address) > 320:
        raise RenderError("an address cannot be written into a mail: it is not of the form a@b.c")
    domain = found["domain"]
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError as exc:
            raise RenderError("an address has a domain that cannot be A-labelled") from exc
    return f"{found['local']}@{domain}"


def uri_list_field(name: str, uris: Iterable[str]) -> bytes:
    """Return ``<uri>, <uri>``, each URI unbroken, one a line where they do not fit together."""
    checked = list(uris)
    for uri in checked:
        if not _URI.fullmatch(uri) or len(uri) > TOKEN_LIMIT:
            raise RenderError(f"{name}: an address is not a URI that a header can carry")
    return _fold(name, [f"<{uri}>," for uri in checked[:-1]] + [f"<{checked[-1]}>"])


def list_id_field(phrase: str, identifier: str) -> bytes:
    """Return ``List-Id: Phrase <label.domain>`` (RFC 2919); only the phrase may be encoded."""
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+", identifier):
        raise RenderError(f"List-Id: {identifier!r} is not of the form label.domain")
    phrase = plain(phrase)
    if not phrase:
        return f"List-Id: <{identifier}>\r\n".encode()
    if _needs_encoding(phrase) or not _ATOM.fullmatch(phrase):
        tokens = [w.decode() for w in _encoded_words(phrase, first_column=9)]
    else:
        tokens = phrase.split(" ")
    return _fold("List-Id", [*tokens, f"<{identifier}>"])


def token_field(name: str, token: str) -> bytes:
    """Return a field of our own making that must not be altered: no encoding, no folding."""
    if not token.isascii() or not token.isprintable() or len(token) > TOKEN_LIMIT:
        raise RenderError(f"{name}: not printable ASCII")
    return f"{name}: {token}\r\n".encode()


def identifier(message_id: str) -> str:
    """Return a Message-ID in its angle brackets. Raises RenderError."""
    bare = message_id.strip().removeprefix("<").removesuffix(">")
    if not _IDENTIFIER.fullmatch(bare) or len(bare) > 250:
        raise RenderError("a Message-ID is not of the form left@right")
    return f"<{bare}>"


def _needs_encoding(text: str) -> bool:
    return not text.isascii() or "=?" in text or any(len(token) > WORD for token in text.split(" "))


def _fold(name: str, tokens: list[str]) -> bytes:
    lines: list[str] = []
    line = f"{name}:"
    for token in tokens:
        if len(line) + 1 + len(token) > LINE and line.strip():
            lines.append(line)
            line = ""
        line += f" {token}"
    lines.append(line)
    return "\r\n".join(lines).encode("ascii") + b"\r\n"


@lru_cache(maxsize=8192)
def _encoded_words(text: str, first_column: int) -> tuple[bytes, ...]:
    """Split text into encoded words of at most 75 characters, never inside a character.

    B or Q encoding, whichever is shorter for the whole (RFC 2047 section 4). White space between
    adjacent encoded words is dropped by readers, so spaces are inside them.
    """
    content = text.encode()
    use_q = (
        sum(1 if byte in _Q_SAFE or byte == 0x20 else 3 for byte in content)
        <= len(content) * 4 // 3
    )
    words: list[bytes] = []
    room = min(WORD, LINE - first_column) - len("=?utf-8?q?") - 2
    current = b""
    for char in text:
        encoded = _q(char) if use_q else char.encode()
        if _length(current + encoded, use_q) > room and current:
            words.append(_word(current, use_q))
            current, room = b"", WORD - len("=?utf-8?q?") - 2
        current += encoded
    if current:
        words.append(_word(current, use_q))
    return tuple(words)


def _length(content: bytes, use_q: bool) -> int:
    return len(content) if use_q else (len(content) + 2) // 3 * 4


def _word(content: bytes, use_q: bool) -> bytes:
    return b"=?utf-8?q?" + content + b"?=" if use_q else b"=?utf-8?b?" + b64encode(content) + b"?="


def _q(char: str) -> bytes:
    return b"".join(
        b"_" if byte == 0x20 else bytes([byte]) if byte in _Q_SAFE else b"=%02X" % byte
        for byte in char.encode()
    )
