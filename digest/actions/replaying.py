"""Do past diffs again from the raw answers that were kept."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from pathlib import Path

from digest.app import App
from digest.pipeline import replaying
from digest.pipeline.replaying import Replayed

__all__ = ["Replayed", "replay"]


def replay(
    app: App,
    since: date,
    *,
    into: Path | None = None,
    on_progress: Callable[[], None] = lambda: None,
) -> tuple[Replayed, ...]:
    """Replay all polls since a day (UTC) into a new file, or into one that is thrown away."""
    begin = datetime.combine(since, time(), UTC)
    if into is not None:
        return replaying.replay(app, since=begin, into=into, on_progress=on_progress)
    with tempfile.TemporaryDirectory(prefix="digest-replay-") as folder:
        scratch = Path(folder) / "replay.db"
        return replaying.replay(app, since=begin, into=scratch, on_progress=on_progress)
