"""How long a key must be that signs links or opens pages: a short one can be guessed.

It makes no key and keeps none; ``app`` does.
"""

from __future__ import annotations

from collections.abc import Sequence

from digest.errors import ConfigError

LEAST_LENGTH = 16
"""Characters: 128 bits where each byte is random (NIST SP 800-107, 5.3.2 asks for 112)."""


def flaw_of(key: str | bytes) -> str:
    """Return why a key cannot be used, with what to do; empty where it can."""
    length = len(key.strip())
    if length >= LEAST_LENGTH:
        return ""
    held = f"{length} characters are" if length else "an empty value is"
    return (
        f"{held} too short for a key, which needs at least {LEAST_LENGTH}: make one with "
        "`openssl rand -hex 32`"
    )


def checked(keys: Sequence[bytes]) -> Sequence[bytes]:
    """Return these keys. Raises ConfigError where there is none, or one is too short."""
    if not keys:
        raise ConfigError("signing needs a key, and there is none")
    for key in keys:
        if flaw := flaw_of(key):
            raise ConfigError(f"digest.secret: {flaw}")
    return keys
