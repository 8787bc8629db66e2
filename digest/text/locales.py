"""Locales by the names that people write: ``de``, ``pt-BR``, ``en_GB``."""

from __future__ import annotations

from functools import lru_cache

from babel import Locale, UnknownLocaleError


@lru_cache(maxsize=256)
def find_locale(name: str) -> Locale | None:
    """Return babel's locale of this name, or None where there is none."""
    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError, TypeError):
        return None
