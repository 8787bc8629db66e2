"""Keys that sign mails in tests, and the DNS records that publish them."""

from __future__ import annotations

from base64 import b64encode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from digest.rendering.dkim import Signer, load_key

RSA = generate_private_key(public_exponent=65537, key_size=2048)
ED25519 = Ed25519PrivateKey.generate()


def pem(key) -> bytes:  # type: ignore[no-untyped-def]
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def published(name: bytes, timeout: float = 5) -> bytes:
    rsa = RSA.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    raw = ED25519.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {
        b"r._domainkey.example.org.": b"v=DKIM1; k=rsa; p=" + b64encode(rsa),
        b"e._domainkey.example.org.": b"v=DKIM1; k=ed25519; p=" + b64encode(raw),
    }[name]


def a_signer(*, both: bool = True) -> Signer:
    """Sign for example.org by RSA under the selector r, and by Ed25519 under e."""
    keys = [load_key(pem(RSA), "r", where="test")]
    if both:
        keys.append(load_key(pem(ED25519), "e", where="test"))
    return Signer(domain="example.org", keys=tuple(keys))
