"""Which ranker would have served readers best, by what they said of papers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from digest.actions import profiles as profile_actions
from digest.app import App
from digest.errors import ConfigError, UsageError
from digest.model import Subscription
from digest.pipeline import evaluating
from digest.pipeline.evaluating import Session
from digest.plugins import modules_with, resolve
from digest.ranking.evaluation import Interval, interval
from digest.store import profiles as profile_store
from digest.text.counting import counted

SEED = 20260414
FEWEST = 5
"""From fewer sessions no ranker is called better than another."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """One ranker over all sessions."""

    ranker: str
    ndcg: Interval
    recall: Interval
    first: Interval
    """Median rank of the first relevant paper."""
    gain: Interval
    """NDCG beside the first ranker's, session by session."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Feedback replayed through rankers, best ranker first."""

    name: str
    """A profile, an address, or empty for all readers."""
    readers: int
    sessions: int
    relevant: int
    results: tuple[Result, ...]
    base: str
    """The ranker that the others are held against."""
    best: str
    """The ranker to use: the best one where its gain is sure, else the present one."""
    used: str = ""
    """Where ``best`` was put to use, or what to write where; empty where nobody asked."""


def evaluate(
    app: App, name: str = "", *, rankers: Sequence[str] = (), use: bool = False
) -> Evaluation:
    """Replay the feedback of a profile's readers, of an address, or of everybody.

    The first ranker is what the others are held against. With ``use`` profiles that belong to
    the pages rank by the best one from now on; files stay the owner's. Raises UsageError where
    there is no such profile or address, or nothing to judge by; ConfigError for a ranker.
    """
    profile_actions.sync(app)
    with app.reading() as connection:
        subscriptions = _subscriptions(app, connection, name)
        present = subscriptions[0].profile.ranker if subscriptions else "default"
        wanted = tuple(dict.fromkeys(rankers or (present, *_usable(app))))
        found = tuple(evaluating.sessions(app, connection, subscriptions, wanted))
    if not found:
        raise UsageError(
            f"nothing to judge {name or 'readers'} by yet: it needs papers marked more or saved "
            "that were in the window of their day"
        )
    results = tuple(
        sorted((_result(found, kind, wanted[0]) for kind in wanted), key=lambda r: -r.ndcg.value)
    )
    best = results[0].ranker
    is_sure = len(found) >= FEWEST and results[0].gain.low > 0
    chosen = best if is_sure else wanted[0]
    return Evaluation(
        name=name,
        readers=len({session.subscription_id for session in found}),
        sessions=len(found),
        relevant=sum(session.relevant for session in found),
        results=results,
        base=wanted[0],
        best=chosen,
        used=_use(app, subscriptions, chosen) if use else "",
    )


def _usable(app: App) -> Iterator[str]:
    """Yield our own rankers that the configuration gives what they need."""
    options = app.config.settings.ranking.model_dump()
    for module in modules_with("digest.ranking", "ranker"):
        kind = module.__name__.rpartition(".")[2]
        if not all(options.get(name) for name in getattr(module, "NEEDS", ())):
            continue
        with contextlib.suppress(ConfigError):
            resolve(kind, "digest.ranking", "ranker")(options)
            yield kind


def _subscriptions(app: App, connection: Connection, name: str) -> list[Subscription]:
    if not name:
        return profile_store.subscriptions_of(connection)
    if "@" in name:
        return profile_actions.subscribed_as(connection, name)
    stored = profile_actions.get(app, name)
    return profile_store.subscriptions_of(connection, profile_id=stored.row_id)


def _result(found: Sequence[Session], kind: str, base: str) -> Result:
    mine = [session.measured[kind] for session in found]
    theirs = [session.measured[base] for session in found]
    return Result(
        ranker=kind,
        ndcg=interval([m.ndcg for m in mine], seed=SEED),
        recall=interval([m.recall for m in mine], seed=SEED),
        first=interval([m.first for m in mine], seed=SEED, median=True),
        gain=interval([m.ndcg - t.ndcg for m, t in zip(mine, theirs, strict=True)], seed=SEED),
    )


def _use(app: App, subscriptions: Sequence[Subscription], ranker: str) -> str:
    """Put a ranker to use where the pages own the profile; tell what to write elsewhere."""
    profiles: Mapping[int, Subscription] = {s.profile_id: s for s in subscriptions}
    changed, files = 0, set[str]()
    with app.writing() as connection:
        for subscription in profiles.values():
            if subscription.profile.ranker == ranker:
                continue
            if profile_store.is_own(connection, subscription):
                profile = replace(subscription.profile, ranker=ranker)
                profile_store.save(connection, profile, origin=profile_store.WEB, now=app.now())
                changed += 1
            else:
                files.add(subscription.profile.name)
    told = [f"{ranker} ranks for {counted(changed, 'profile')} now"] if changed else []
    told += [f'write ranker = "{ranker}" into the profile {name}' for name in sorted(files)]
    return "; ".join(told) or f"{ranker} is in use already"
