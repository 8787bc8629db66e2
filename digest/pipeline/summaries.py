"""Before the mail goes: ask an endpoint of the owner's for one sentence a picked paper.

Off unless ``[summaries]`` says so. A paper is asked about once in a language, by a request of its
own, so no answer can end up with another paper. The mail never waits long nor fails for it: what
is not there in time is said with the abstract's own words.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Protocol

from digest.app import App
from digest.config import reveal
from digest.model import Paper
from digest.pipeline.completions import ChatModel, NoAnswerError
from digest.plugins import resolve
from digest.rendering.summaries import accepted, messages
from digest.store import papers
from digest.store import summaries as rows
from digest.store.summaries import Summary

log = logging.getLogger(__name__)

ENDPOINT = "openai"
"""The kind of summarizer that is built in."""
STRIKES = 3
"""Requests that may fail before the endpoint is left alone for this pass."""


@dataclass(frozen=True, kw_only=True)
class SummaryReport:
    """What one pass asked for."""

    made: int = 0
    refused: int = 0
    """Answers that were not one plain sentence."""
    failed: int = 0
    """Requests without an answer; asked again on another day."""
    left: int = 0
    """Papers not asked about: the day's budget, or the pass's time, was used up."""


def prepare(app: App) -> SummaryReport:
    """Ask for what the waiting editions still lack, those shown most first; never raises for it.

    Bounded by the day's budget and by ``summaries.pass_limit_s``.
    """
    wanted = app.config.settings.summaries
    if not wanted.enabled:
        return SummaryReport()
    lacking, budget = _lacking(app)
    if not lacking:
        return SummaryReport()
    asked = lacking[:budget]
    made: list[Summary] = []
    failed = 0
    for batch in _timely(asked, wanted.pass_limit_s, wanted.connections):
        with closing(_summarizer(app)) as asking, ThreadPoolExecutor(wanted.connections) as pool:
            answers = list(pool.map(partial(_asked, asking), batch))
        found = [_row(app, paper, said) for paper, said in zip(batch, answers, strict=True)]
        kept = [row for row in found if row is not None]
        failed += len(batch) - len(kept)
        with app.writing() as connection:
            rows.keep(connection, kept)
        made += kept
        if failed >= STRIKES:
            break
    refused = sum(not row.text for row in made)
    report = SummaryReport(
        made=len(made) - refused,
        refused=refused,
        failed=failed,
        left=len(lacking) - len(made) - failed,
    )
    log.info(
        "summarised made=%d refused=%d failed=%d left=%d",
        report.made, report.refused, report.failed, report.left,
    )  # fmt: skip
    return report


def _lacking(app: App) -> tuple[list[Paper], int]:
    """Return picked papers without a sentence, those in most editions first, and the budget."""
    wanted = app.config.settings.summaries
    midnight = datetime.combine(app.now().astimezone(UTC).date(), datetime.min.time(), tzinfo=UTC)
    with app.reading() as connection:
        counts = rows.waiting_picks(connection)
        found = papers.load(connection, counts)
        known = rows.of_papers(connection, found, language=wanted.language)
        left = wanted.daily_budget - rows.count_since(connection, midnight)
    lacking = {
        paper.row_id: paper
        for asked, paper in sorted(found.items(), key=lambda item: (-counts[item[0]], item[0]))
        if asked not in known and paper.abstract and not paper.summary
    }
    return list(lacking.values()), max(0, left)


def _timely(asked: Sequence[Paper], limit_s: float, size: int) -> Iterator[list[Paper]]:
    """Yield the papers in batches for as long as the pass may last."""
    waiting = iter(asked)
    end = time.monotonic() + limit_s
    while time.monotonic() < end and (batch := list(islice(waiting, size))):
        yield batch


def _row(app: App, paper: Paper, said: str | None) -> Summary | None:
    if said is None:
        return None
    wanted = app.config.settings.summaries
    text = accepted(said)
    return Summary(
        paper_id=paper.row_id,
        language=wanted.language,
        fingerprint=rows.fingerprint(paper),
        text=text,
        cause="" if text else "refused",
        model=wanted.model[:200],
        made_at=app.now(),
    )


class Summarizer(Protocol):
    """What says one sentence of a paper; asked from several threads at once."""

    def sentence(self, paper: Paper) -> str | None:
        """Return plain text, one sentence, in the configured language; None where it cannot."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


def _summarizer(app: App) -> Summarizer:
    wanted = app.config.settings.summaries
    if wanted.kind == ENDPOINT:
        return Endpoint(app)
    found: Summarizer = resolve(wanted.kind, "digest.pipeline", "summarizer")(wanted)
    return found


def _asked(summarizer: Summarizer, paper: Paper) -> str | None:
    """Ask; what a stranger's summarizer raises is a sentence less, not a mail less."""
    try:
        return summarizer.sentence(paper)
    except Exception:
        log.exception("no summary paper=%d", paper.row_id)
        return None


class Endpoint:
    """An OpenAI-compatible endpoint, one paper a request."""

    def __init__(self, app: App) -> None:
        self._wanted = wanted = app.config.settings.summaries
        self._model = ChatModel(wanted.base_url, wanted.model, reveal(wanted.api_key), wanted.extra)

    def close(self) -> None:
        """Hold nothing between two requests."""

    def sentence(self, paper: Paper) -> str | None:
        """Return what the model says of a paper, unchecked; None where there is no answer."""
        asked = messages(paper, self._wanted.language)
        try:
            return self._model.complete(asked, timeout_s=self._wanted.timeout_s).text
        except NoAnswerError as exc:
            log.warning("no summary paper=%d error=%s", paper.row_id, exc)
            return None
