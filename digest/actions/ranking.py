"""What a profile is worth today: its table of picks, and why any paper came or did not.

Ranks as sending does and changes nothing but the grades of a language model, which are kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Connection

from digest.actions import lookups, reasons
from digest.actions import profiles as profile_actions
from digest.app import App
from digest.errors import UsageError
from digest.model import (
    Paper,
    PaperKey,
    Profile,
    SourceLine,
    Subscriber,
    SubscriberStatus,
    Subscription,
)
from digest.pipeline import editions, judging
from digest.pipeline.editions import Desk, Draft
from digest.pipeline.readers import readers_of
from digest.ranking.nearest import Near, nearest_liked
from digest.ranking.tastes import Known, tastes_of
from digest.store import editions as edition_store
from digest.store import papers
from digest.store import profiles as profile_store
from digest.subscribers import slots
from digest.text.ids import parse_reference

PICKED = "picked"


@dataclass(frozen=True, kw_only=True)
class Scores:
    """A paper in a profile's eyes; scores in [0, 1], ``parts`` by name."""

    key: PaperKey
    title: str
    cause: str
    """``picked``, or why not: ``seen``, ``muted``, ``must``, ``floor``, ``cap``, ..."""
    account: str
    """The cause as a sentence; a pick's reason."""
    score: float | None = None
    interest: float | None = None
    trend: float | None = None
    grade: int | None = None
    """A language model's, 0 to 3; None where it gave none."""
    section: str = ""
    """The pick's section, or the interest that comes nearest."""
    parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """The edition of a profile as it would be made, best paper first."""

    profile: str
    edition_on: date
    window_start_at: datetime
    window_end_at: datetime
    considered: int
    """Papers of the window."""
    picks: tuple[Scores, ...]
    left_out: Mapping[str, int]
    """How many papers were not picked, by cause."""
    not_found: tuple[str, ...] = ()
    """A sentence for each liked paper that the store does not have."""


@dataclass(frozen=True, kw_only=True)
class Dot:
    """A paper of the window between interest and trend; both in [0, 1]."""

    name: str
    """A pick's title, another paper's key."""
    interest: float
    trend: float
    is_picked: bool


@dataclass(frozen=True, kw_only=True)
class Account:
    """Why a profile's next edition is what it is, or why one paper is in it or not."""

    ranking: Ranking
    reader: str
    """Whose ledger and feedback count: an address, or empty where the profile has none."""
    status: SubscriberStatus
    next_slot_at: datetime | None
    last_edition_on: date | None
    last_picks: int
    sources: tuple[SourceLine, ...]
    nearest: tuple[Scores, ...]
    """The best of the papers that were left out, with the cause of each."""
    paper: Scores | None = None
    """The paper that was asked for."""
    near: tuple[Near, ...] = ()
    """The papers that the reader liked and that it is nearest to."""


def rank(app: App, name: str, *, on: date | None = None) -> Ranking:
    """Rank for a profile as for a reader who was shown nothing yet; for an address, for its own.

    Raises UsageError where there is no such profile or address.
    """
    return scattered(app, name, on=on)[0]


def scattered(app: App, name: str, *, on: date | None = None) -> tuple[Ranking, tuple[Dot, ...]]:
    """Rank, and place every paper of the window between interest and trend, best pick first."""
    profile_actions.sync(app)
    with app.reading() as connection:
        target = _targets(app, connection, name)[0]
        if "@" not in name:
            target = _stand_in(target.profile_id, target.profile, app.now())
    slot, end = _slot_and_end(app, target, on)
    judging.judge(app, [(target, slot)], window_end=end)
    with app.reading() as connection:
        made = _draft(app, connection, target, on)
        found = _ranking(connection, made)
    dots = [
        *((row.title, row.interest, row.trend, True) for row in found.picks),
        *((e.key, e.interest_score, e.trend_score, False) for e in made.exclusions),
    ]
    return found, tuple(
        Dot(name=name, interest=interest or 0.0, trend=trend or 0.0, is_picked=is_picked)
        for name, interest, trend, is_picked in dots
    )


def explain(
    app: App, name: str, *, paper: str = "", on: date | None = None, nearest: int = 10
) -> Account:
    """Account for a profile's or an address's next edition; ``paper`` is a key or address of one.

    Where a profile has several addresses, it is the first one's edition. Raises UsageError
    where there is no such profile or address, or ``paper`` names no paper.
    """
    profile_actions.sync(app)
    with app.reading() as connection:
        target = _targets(app, connection, name)[0]
        desk = Desk(app)
        made = _draft(app, connection, target, on, desk)
        asked = _asked(connection, made, paper) if paper else None
        last = edition_store.of_subscription(connection, target.row_id, limit=1)
        return Account(
            ranking=_ranking(connection, made),
            reader=target.subscriber.address,
            status=min(target.status, target.subscriber.status, key=_openness),
            next_slot_at=target.next_slot_at,
            last_edition_on=last[0].edition_on if last else None,
            last_picks=len(last[0].picks) if last else 0,
            sources=made.edition.source_lines,
            nearest=_nearest(connection, made, nearest),
            paper=asked,
            near=_near(desk, connection, made, asked.key) if asked else (),
        )


def _targets(app: App, connection: Connection, name: str) -> list[Subscription]:
    """Return the live subscriptions of a name first; a stand-in where a profile has none."""
    if "@" in name:
        found = profile_actions.subscribed_as(connection, name)
        return sorted(found, key=lambda s: -_openness(s.status))
    stored = profile_actions.get(app, name)
    found = profile_store.subscriptions_of(connection, profile_id=stored.row_id)
    found.sort(key=lambda s: -_openness(s.status))
    return found or [_stand_in(stored.row_id, stored.profile, app.now())]


def _stand_in(profile_id: int, profile: Profile, now: datetime) -> Subscription:
    """Return a reader of the profile of whom the store knows nothing."""
    return Subscription(
        row_id=0,
        subscriber=Subscriber(
            row_id=0, address="", status=SubscriberStatus.CONFIRMED, created_at=now
        ),
        profile_id=profile_id,
        profile=profile,
        status=SubscriberStatus.CONFIRMED,
        next_slot_at=None,
    )


def _openness(status: SubscriberStatus) -> int:
    order = (
        SubscriberStatus.UNSUBSCRIBED, SubscriberStatus.UNCONFIRMED, SubscriberStatus.CONFIRMED,
    )  # fmt: skip
    return order.index(status)


def _draft(
    app: App,
    connection: Connection,
    target: Subscription,
    on: date | None,
    desk: Desk | None = None,
) -> Draft:
    slot, end = _slot_and_end(app, target, on)
    due = [(target, slot)]
    return editions.draft(app, connection, due, window_end=end, explain=True, desk=desk)[0]


def _slot_and_end(app: App, target: Subscription, on: date | None) -> tuple[datetime, datetime]:
    """Return an edition's slot, and where its window ends."""
    if on is None:
        return app.now(), app.now()
    slot = slots.slot_on(target.profile.schedule, on)
    midnight = datetime.combine(on + timedelta(days=1), time(0), tzinfo=UTC)
    return slot, min(app.now(), max(slot, midnight))


def _ranking(connection: Connection, made: Draft) -> Ranking:
    edition = made.edition
    return Ranking(
        profile=made.subscription.profile.name,
        edition_on=edition.edition_on,
        window_start_at=edition.window_start_at,
        window_end_at=edition.window_end_at,
        considered=len(edition.picks) + len(made.exclusions),
        picks=_picks(connection, made),
        left_out=dict(Counter(e.cause for e in made.exclusions).most_common()),
        not_found=lookups.not_found(connection, [made.subscription.profile]),
    )


def _picks(connection: Connection, made: Draft) -> tuple[Scores, ...]:
    edition = made.edition
    known = papers.load(connection, [pick.paper_id for pick in edition.picks])
    return tuple(
        Scores(
            key=pick.key,
            title=known[pick.paper_id].title,
            cause=PICKED,
            account=pick.reason,
            score=pick.score,
            interest=pick.interest_score,
            trend=pick.trend_score,
            grade=_grade(made, pick.paper_id),
            section=pick.section,
            parts=pick.parts,
        )
        for pick in edition.picks
    )


def _grade(made: Draft, paper_id: int) -> int | None:
    grade = made.grades.get(paper_id)
    return grade.value if grade else None


def _nearest(connection: Connection, made: Draft, count: int) -> tuple[Scores, ...]:
    best = sorted(made.exclusions, key=lambda e: (-(e.score or 0.0), e.key))[:count]
    known = papers.load(connection, [e.paper_id for e in best])
    return _excluded(connection, made, [known[e.paper_id] for e in best])


def _excluded(connection: Connection, made: Draft, wanted: Iterable[Paper]) -> tuple[Scores, ...]:
    by_id = {e.paper_id: e for e in made.exclusions}
    subscription = made.subscription
    told = []
    for paper in wanted:
        found = by_id[paper.row_id]
        shown = edition_store.showing(connection, subscription.subscriber.row_id, paper.row_id)
        told.append(
            Scores(
                key=paper.key,
                title=paper.title,
                cause=found.cause,
                account=reasons.account(found, paper, subscription.profile, shown=shown),
                score=found.score,
                interest=found.interest_score,
                trend=found.trend_score,
                grade=_grade(made, paper.row_id),
                section=found.interest,
                parts=found.parts,
            )
        )
    return tuple(told)


def _near(desk: Desk, connection: Connection, made: Draft, key: PaperKey) -> tuple[Near, ...]:
    """Return the nearest of the papers that the reader liked; nothing for an unknown paper."""
    edition = made.edition
    paper = papers.by_key(connection, [key]).get(key)
    if paper is None:
        return ()
    start, end = edition.window_start_at, edition.window_end_at
    pool = desk.pool(connection, start, end, made.subscription.profile.sources)
    (reader,) = readers_of(connection, [made.subscription], pool)
    tastes = tastes_of(reader, Known(reader.known_papers), end)
    return nearest_liked(paper, tastes, pool, now=end)


def _asked(connection: Connection, made: Draft, text: str) -> Scores:
    """Account for one paper, whether or not the window holds it."""
    reference = parse_reference(text)
    key = reference.key if reference else text.strip()
    paper = papers.by_key(connection, [key]).get(key)
    if paper is None:
        if reference is None:
            raise UsageError(
                f"{text!r} names no paper: expected a key or address such as arxiv:2401.01234"
            )
        return Scores(
            key=key, title="", cause="unknown", account="no source has told of this paper"
        )
    for pick in _picks(connection, made):
        if pick.key == paper.key:
            return pick
    if any(e.paper_id == paper.row_id for e in made.exclusions):
        return _excluded(connection, made, [paper])[0]
    shown = edition_store.showing(connection, made.subscription.subscriber.row_id, paper.row_id)
    cause, sentence = reasons.outside(paper, made.edition, made.subscription.profile, shown=shown)
    return Scores(key=paper.key, title=paper.title, cause=cause, account=sentence)
