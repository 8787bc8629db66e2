"""Look again at known papers: popularity, and what other sources know of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from digest.app import App
from digest.pipeline import observing
from digest.pipeline.observing import ObserverReport


def observe(
    app: App,
    names: Sequence[str] = (),
    *,
    on_progress: Callable[[ObserverReport], None] = lambda _report: None,
) -> tuple[ObserverReport, ...]:
    """Let observers look at the papers that are due. Raises UsageError for an unknown name."""
    return observing.observe_due(app, names, on_progress=on_progress)


def names(app: App) -> tuple[str, ...]:
    """Return the configured observers."""
    return tuple(observing.observers(app))
