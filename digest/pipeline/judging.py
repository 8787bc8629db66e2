"""Before readers are planned for: ask a language model of the owner's to grade their best papers.

Off unless ``[judge]`` says so. What comes back is stored by paper and by what the model was told of
the profile, so readers with one profile share it and nothing is asked twice. Planning never waits
longer than ``judge.pass_limit_s``; without grades it keeps the ranker's order.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from digest.app import App
from digest.config import reveal
from digest.model import Interest, Paper, Picks, Profile, Subscription
from digest.pipeline.completions import ChatModel, Completion, NoAnswerError
from digest.pipeline.editions import Desk, Ranked, chosen
from digest.pipeline.grades import is_judged, questions
from digest.rendering.judging import Question, graded, ids, messages, question
from digest.store import due
from digest.store import grades as rows
from digest.store import profiles as profile_store

log = logging.getLogger(__name__)

BEST = 40
"""Papers graded for a profile, best first."""

STRIKES = 3
"""Requests that may fail before the endpoint is left alone for this pass."""

MOST_PROFILES = 1000
"""Profiles looked at in one pass, those with most readers first."""

KEPT = timedelta(days=60)
"""Grades are kept for longer than a paper can come up again."""

CHARACTERS_A_TOKEN = 4
ANSWER_TOKENS = 60
"""Estimates: of a request's text, and of the answer for one paper."""


@dataclass(frozen=True, kw_only=True)
class JudgeReport:
    """What one pass asked for."""

    profiles: int = 0
    """Different profiles with papers to grade."""
    requests: int = 0
    failed: int = 0
    """Requests without one valid grade."""
    graded: int = 0
    left: int = 0
    """Requests not made: the day's budget or the pass's time was used up, or the endpoint failed.
    """
    requests_today: int = 0
    tokens_today: int = 0


@dataclass(frozen=True, kw_only=True)
class _Request:
    question: Question
    papers: tuple[Paper, ...]

    @property
    def messages(self) -> list[dict[str, str]]:
        return messages(self.question, self.papers)


def prepare(app: App) -> JudgeReport:
    """Ask for the grades of everybody who is due; never raises for what the model does."""
    if not app.config.settings.judge.enabled:
        return JudgeReport()
    now = app.now()
    with app.reading() as connection:
        firsts = due.one_of_each_profile(connection, now, limit=MOST_PROFILES)
        found = profile_store.subscriptions_of(connection, subscription_ids=list(firsts))
    found.sort(key=lambda s: (-firsts[s.row_id], s.row_id))
    return judge(app, [(s, s.next_slot_at or now) for s in found], window_end=now)


def judge(
    app: App, targets: Sequence[tuple[Subscription, datetime]], *, window_end: datetime
) -> JudgeReport:
    """Ask for the grades of subscriptions at their slots, the first ones first."""
    wanted = app.config.settings.judge
    targets = [target for target in targets if is_judged(app, target[0].profile)]
    if not targets:
        return JudgeReport()
    requests = _requests(app, targets, window_end)
    model = _model(app)
    made = failed = count = 0
    waiting = iter(requests)
    end = time.monotonic() + wanted.pass_limit_s
    while failed < STRIKES and (left_s := end - time.monotonic()) > 0:
        batch = list(_affordable(app, islice(waiting, wanted.connections)))
        if not batch:
            break
        made += len(batch)
        for request, answer in zip(
            batch, _answers(model, batch, min(left_s, wanted.timeout_s)), strict=True
        ):
            grades = _kept(app, request, answer)
            count += grades
            failed += not grades
    report = _report(app, requests, made=made, failed=failed, graded=count)
    log.info(
        "judged profiles=%d requests=%d failed=%d graded=%d left=%d",
        report.profiles, report.requests, report.failed, report.graded, report.left,
    )  # fmt: skip
    return report


def trial(app: App) -> str:
    """Ask for a grade of an invented paper; return what is wrong, empty if nothing is.

    Nothing is stored, and it is one small request beside the day's budget.
    """
    wanted = app.config.settings.judge
    paper = Paper(
        row_id=1,
        key="trial:1",
        title="Faster matrix products on small processors",
        abstract="We multiply matrices in half the time.",
        first_seen_at=app.now(),
    )
    profile = Profile(name="trial", interests=(Interest(name="matrix products"),))
    asked = question(profile, {}, wanted.model)
    try:
        answer = _model(app).complete(messages(asked, [paper]), timeout_s=wanted.timeout_s)
    except NoAnswerError as exc:
        return f"it gives no answer ({exc})"
    return "" if graded(answer.text, ids(asked, [paper])) else "its answer is not the JSON asked"


def _model(app: App) -> ChatModel:
    wanted = app.config.settings.judge
    return ChatModel(wanted.base_url, wanted.model, reveal(wanted.api_key), wanted.extra)


def _requests(
    app: App, targets: Sequence[tuple[Subscription, datetime]], window_end: datetime
) -> list[_Request]:
    """Return what to ask: for each different profile its best papers that have no grade yet."""
    size = app.config.settings.judge.papers_per_request
    order = {subscription.row_id: n for n, (subscription, _) in enumerate(targets)}
    wanted: dict[str, tuple[int, list[_Request]]] = {}
    with app.reading() as connection:
        ranked = chosen(Desk(app, window_end), connection, targets, window_end=window_end)
        for one in ranked:
            (question,) = questions(app, [one.reader])
            if question is None or question.fingerprint in wanted:
                continue
            papers = _ungraded(one)
            requests = [
                _Request(question=question, papers=tuple(papers[start : start + size]))
                for start in range(0, len(papers), size)
            ]
            wanted[question.fingerprint] = (order[one.subscription.row_id], requests)
    found = sorted(wanted.values(), key=lambda item: item[0])
    return [request for _, requests in found for request in requests]


def _ungraded(one: Ranked) -> list[Paper]:
    best = [*Picks.of(one.choice.picks).columns.paper_ids, *one.choice.other_ids[:BEST]][:BEST]
    by_id = {paper.row_id: paper for paper in one.pool.papers}
    return [by_id[row_id] for row_id in best if row_id not in one.reader.grades]


def _affordable(app: App, requests: Iterator[_Request]) -> Iterator[_Request]:
    """Yield the requests that the day's budget has room for, and count them as made."""
    wanted = app.config.settings.judge
    for request in requests:
        with app.writing() as connection:
            if not rows.reserve(
                connection,
                _today(app).date(),
                _estimate(request),
                most_requests=wanted.daily_requests,
                most_tokens=wanted.daily_tokens,
            ):
                return
        yield request


def _estimate(request: _Request) -> int:
    characters = sum(len(message["content"]) for message in request.messages)
    return characters // CHARACTERS_A_TOKEN + ANSWER_TOKENS * len(request.papers)


def _answers(
    model: ChatModel, batch: Sequence[_Request], timeout_s: float
) -> list[Completion | None]:
    def ask(request: _Request) -> Completion | None:
        try:
            return model.complete(request.messages, timeout_s=timeout_s)
        except NoAnswerError as exc:
            log.warning("no grades papers=%d error=%s", len(request.papers), exc)
            return None

    with ThreadPoolExecutor(len(batch)) as pool:
        return list(pool.map(ask, batch))


def _kept(app: App, request: _Request, answer: Completion | None) -> int:
    """Store what an answer is good for; return how many grades that is."""
    if answer is None:
        return 0
    made = graded(answer.text, ids(request.question, request.papers))
    with app.writing() as connection:
        rows.keep(connection, request.question.fingerprint, made, now=app.now())
        if answer.tokens is not None:
            rows.correct(connection, _today(app).date(), answer.tokens - _estimate(request))
    return len(made)


def _today(app: App) -> datetime:
    return app.now().astimezone(UTC)


def _report(
    app: App, requests: Sequence[_Request], *, made: int, failed: int, graded: int
) -> JudgeReport:
    with app.writing() as connection:
        rows.forget(connection, app.now() - KEPT)
        requests_today, tokens_today = rows.used(connection, _today(app).date())
    return JudgeReport(
        profiles=len(Counter(request.question.fingerprint for request in requests)),
        requests=made,
        failed=failed,
        graded=graded,
        left=len(requests) - made,
        requests_today=requests_today,
        tokens_today=tokens_today,
    )
