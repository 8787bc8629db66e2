"""The words a reader agrees to, with a version that changes whenever they do. Pure."""

from __future__ import annotations

import hashlib

CONSENT_TEXT = (
    "We mail the papers you asked for to this address until you say stop, with one click in any "
    "of the mails. We keep the address, what you asked for, and what was mailed. Nobody else gets "
    "any of it, and the mails do not track you."
)

CONSENT_VERSION = hashlib.sha256(CONSENT_TEXT.encode()).hexdigest()[:12]
"""Kept with each consent: which words were shown."""
