"""Compare two rankers in the mails themselves: start it, look at the verdict, stop it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from digest.actions import profiles as profile_actions
from digest.app import App
from digest.errors import ConfigError, ConflictError, MissingError, UsageError
from digest.model import SubscriberStatus
from digest.plugins import resolve
from digest.ranking.evaluation import Interval, shared_wins
from digest.ranking.interleaving import credit
from digest.store import experiment
from digest.store import profiles as profile_store
from digest.store.experiment import Experiment


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two rankers that fill editions in turn, and what readers' marks say of them so far."""

    rankers: tuple[str, str]
    started_at: datetime
    readers: int
    """Subscriptions that take part: their profile names one of the rankers."""
    markers: int
    """Readers who marked papers of these editions."""
    editions: int
    """Editions of which papers were marked."""
    wins: Mapping[str, int]
    even: int
    """Marked editions that neither won."""
    share: Interval
    """The second ranker's share of the wins; holds however often one looks."""
    better: str = ""
    """The ranker that is surely better; empty while neither is."""
    is_new: bool = False
    is_stopped: bool = False


def compare(app: App, rankers: tuple[str, str]) -> Comparison:
    """Start to compare two rankers, or tell how the comparison of them stands.

    Raises ConfigError for a ranker that cannot be used, ConflictError while two others are
    compared, UsageError where no reader would take part.
    """
    profile_actions.sync(app)
    with app.writing() as connection:
        present = experiment.running(connection)
        if present is not None:
            if set(present.rankers) != set(rankers):
                raise ConflictError(
                    f"{' and '.join(present.rankers)} are being compared already; "
                    "digest evaluate --stop ends it"
                )
            return _verdict(connection, present)
        wanted = _checked(app, rankers)
        experiment.start(connection, wanted)
        started = replace(_verdict(connection, wanted), is_new=True)
        if not started.readers:
            raise UsageError(
                f"nobody would take part: no reader's profile has the ranker {rankers[0]} "
                f"or {rankers[1]}"
            )
    return started


def stop(app: App) -> Comparison:
    """End the comparison and tell its last verdict; raises MissingError where none runs."""
    with app.writing() as connection:
        present = experiment.running(connection)
        if present is None:
            raise MissingError("no rankers are being compared; digest evaluate --live A B does")
        experiment.stop(connection)
        return replace(_verdict(connection, present), is_stopped=True)


def _checked(app: App, rankers: tuple[str, str]) -> Experiment:
    if rankers[0] == rankers[1]:
        raise UsageError(f"name two rankers: {rankers[0]} would be compared with itself")
    options = app.config.settings.ranking.model_dump()
    for kind in rankers:
        made = resolve(kind, "digest.ranking", "ranker")(options)
        module = sys.modules.get(type(made).__module__)
        missing = [name for name in getattr(module, "NEEDS", ()) if not options.get(name)]
        if missing:
            raise ConfigError(f"the ranker {kind} needs [ranking] {', '.join(missing)}")
    return Experiment(rankers=rankers, started_at=app.now())


def _verdict(connection: Connection, running: Experiment) -> Comparison:
    first, second = running.rankers
    wins = {first: 0, second: 0}
    count, people = 0, set[int]()
    for marked in experiment.marked_editions(connection, running):
        if marked.teams.keys().isdisjoint(marked.marks):
            continue
        count += 1
        people.add(marked.subscriber_id)
        if side := credit(marked.teams, marked.marks, running.rankers):
            wins[second if side > 0 else first] += 1
    share = shared_wins(wins[first], wins[second])
    readers = sum(
        one.status is SubscriberStatus.CONFIRMED and one.profile.ranker in running.rankers
        for one in profile_store.subscriptions_of(connection)
    )
    return Comparison(
        rankers=running.rankers,
        started_at=running.started_at,
        readers=readers,
        markers=len(people),
        editions=count,
        wins=wins,
        even=count - wins[first] - wins[second],
        share=share,
        better=second if share.low > 0.5 else first if share.high < 0.5 else "",
    )
