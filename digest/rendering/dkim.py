"""DKIM signatures (RFC 6376) made in this process: RSA-2048 (rsa-sha256) and Ed25519 (RFC 8463).

Canonicalisation is relaxed/simple: headers survive refolding, and our quoted-printable body has
nothing that a relay would trim. Verification belongs to receivers (and to the tests).
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from digest.errors import ConfigError

SIGNED = (
    "from", "to", "subject", "date", "message-id", "mime-version", "content-type",
    "content-transfer-encoding", "reply-to", "list-id", "list-post", "list-unsubscribe",
    "list-unsubscribe-post", "auto-submitted", "precedence", "feedback-id",
)  # fmt: skip
"""RFC 8058 section 3.1 wants the two List-Unsubscribe fields covered; the rest is what a reader
or a filter acts on."""

OVERSIGNED = ("from", "to", "subject", "date", "list-unsubscribe", "list-unsubscribe-post")
"""Named once more than they occur: adding a second one breaks the signature."""

RSA_BITS = 2048
_PADDING, _SHA256 = padding.PKCS1v15(), hashes.SHA256()


@dataclass(frozen=True, kw_only=True)
class Key:
    """A private key and the selector its public half is published under."""

    selector: str
    private: RSAPrivateKey | Ed25519PrivateKey

    @property
    def algorithm(self) -> str:
        """Return the ``a=`` tag."""
        return "rsa-sha256" if isinstance(self.private, RSAPrivateKey) else "ed25519-sha256"

    def sign(self, content: bytes) -> bytes:
        """Return the raw signature of canonical header fields."""
        if isinstance(self.private, RSAPrivateKey):
            return self.private.sign(content, _PADDING, _SHA256)
        # RFC 8463 section 3: Ed25519 signs the SHA-256 hash.
        return self.private.sign(hashlib.sha256(content).digest())


@dataclass(frozen=True, kw_only=True)
class Signer:
    """Signs for one domain with one or two keys."""

    domain: str
    keys: tuple[Key, ...]

    def sign(self, fields: Sequence[bytes], body: bytes | memoryview, at: datetime) -> bytes:
        """Return the DKIM-Signature fields, one a key, to stand before the message.

        ``fields`` are whole header fields with their line ends; ``body`` is what follows the
        empty line, ending with one CRLF that is not preceded by another.
        """
        body_hash = b64encode(hashlib.sha256(body).digest()).decode()
        canonical = dict(map(_canonical, fields))
        names = tuple([name for name in SIGNED if name in canonical])
        covered = b"".join([canonical[name] for name in names])
        stamp = int(at.timestamp())
        return b"".join(self._field(key, names, body_hash, stamp, covered) for key in self.keys)

    def _field(
        self, key: Key, names: tuple[str, ...], body_hash: str, stamp: int, covered: bytes
    ) -> bytes:
        head, unsigned = _forms(key.algorithm, self.domain, key.selector, names)
        said = (b"%d" % stamp, body_hash.encode())
        signature = b64encode(key.sign(covered + unsigned % said))
        lines = [signature[at : at + 72] for at in range(0, len(signature), 72)]
        return b"\r\n ".join([head % said, *lines]) + b"\r\n"


def load_key(pem: bytes, selector: str, *, where: str) -> Key:
    """Read a PEM private key; raise ConfigError, naming ``where``, unless it may sign DKIM."""
    try:
        private = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise ConfigError(f"{where}: not an unencrypted PEM private key") from exc
    if isinstance(private, RSAPrivateKey):
        if private.key_size < RSA_BITS:
            raise ConfigError(f"{where}: an RSA key of {private.key_size} bits; 2048 at least")
    elif not isinstance(private, Ed25519PrivateKey):
        raise ConfigError(f"{where}: DKIM knows RSA and Ed25519 keys only")
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", selector):
        raise ConfigError(f"{where}: {selector!r} is not a DNS label for a selector")
    return Key(selector=selector, private=private)


@lru_cache(maxsize=1024)
def _canonical(field: bytes) -> tuple[str, bytes]:
    """Return a field's name and its relaxed form; most fields come with every message."""
    name, _, content = field.partition(b":")
    lowered = name.lower()
    return lowered.decode("ascii"), lowered + b":" + b" ".join(content.split()) + b"\r\n"


@lru_cache(maxsize=64)
def _forms(
    algorithm: str, domain: str, selector: str, names: tuple[str, ...]
) -> tuple[bytes, bytes]:
    """Return our own field up to its signature, as it is sent and as it is signed.

    The instant and the hash of the body are places in both.
    """
    listed = _wrapped(":".join([*names, *OVERSIGNED]))
    tags = f"v=1; a={algorithm}; c=relaxed/simple; d={domain}; s={selector};".replace("%", "%%")
    head = f"DKIM-Signature: {tags}\r\n t=%b; h={listed};\r\n bh=%b; b=".encode()
    return head, b"dkim-signature:" + b" ".join(head.partition(b":")[2].split())


def _wrapped(names: str) -> str:
    """Fold the list of names: a colon may be followed by folding white space."""
    lines = [""]
    for name in names.split(":"):
        if len(lines[-1]) + len(name) > 60:
            lines.append("")
        lines[-1] += f"{name}:"
    return "\r\n ".join(lines).removesuffix(":")
