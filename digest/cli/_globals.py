"""The options that stand before the command."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Globals:
    """The options that stand before the command."""

    config_path: Path | None = None
    now: datetime | None = None
    quiet: bool = False
    log_json: bool = False
