"""Looks at the language model that judges papers."""

from __future__ import annotations

from collections.abc import Iterator

from digest.actions.doctor.findings import Finding, good, warning
from digest.app import App
from digest.pipeline import judging


def look(app: App) -> Iterator[Finding]:
    """Ask the model of ``[judge]`` for one grade; nothing where there is none."""
    wanted = app.config.settings.judge
    if not wanted.enabled:
        return
    problem = judging.trial(app)
    if problem:
        yield warning(
            "judge",
            f"the language model {wanted.model!r} cannot grade papers: {problem}",
            "check [judge] base_url, model, api_key and timeout_s; until then papers keep the "
            "ranker's order",
        )
    else:
        yield good("judge", f"the language model {wanted.model!r} grades papers")
