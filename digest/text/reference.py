"""What a text that names a paper comes to: a key and perhaps a version."""

from __future__ import annotations

from dataclasses import dataclass

from digest.model import PaperKey

MAX_VALUE = 280
"""Longest value kept; longer ones are rubbish or attacks."""
MAX_TEXT = 4000
"""Characters of a text in which an identifier is looked for."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A key and, where the text named one, the version."""

    key: PaperKey
    version: int | None = None

    @property
    def scheme(self) -> str:
        """Return the part before the colon."""
        return self.key.partition(":")[0]

    @property
    def value(self) -> str:
        """Return the part after the colon."""
        return self.key.partition(":")[2]
