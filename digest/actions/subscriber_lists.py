"""Take lists of subscribers in from CSV files, and give them out again.

Nobody is revived by a file: who left, bounced or complained stays as they are, whatever a row
says. Each new subscriber keeps, as proof, which file and line they came from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection

from digest.actions import own_profiles, profiles
from digest.actions.subscribers import Person, page
from digest.app import App
from digest.errors import UsageError
from digest.model import SubscriberStatus
from digest.store import deliveries, suppressions
from digest.store import profiles as profile_store
from digest.store import subscribers as subscriber_store
from digest.store.profiles import StoredProfile
from digest.store.suppressions import Suppression
from digest.subscribers import slots
from digest.subscribers.addresses import address_hmac, address_key, channel_of
from digest.subscribers.lists import BadRow, ListEntry, ListFormat, ListRow, read_list, write_list

VIA = "import"
_BATCH = 1000
_STRENGTH = (
    SubscriberStatus.CONFIRMED,
    SubscriberStatus.UNCONFIRMED,
    SubscriberStatus.UNSUBSCRIBED,
)
"""Of two rows on one address the one that asks for less mail counts."""


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """What became of a file: its rows are all here, each counted once."""

    rows: int
    """Lines of the file that are not empty, without the header."""
    added: int
    """Subscribers that are new, whatever their status."""
    known: int
    """Subscribers that were here before; their status stays."""
    held: int
    """Addresses that left, bounced or complained before: left alone."""
    duplicates: int
    """Further rows of an address in the same file."""
    bad: tuple[BadRow, ...]
    """Lines that could not be taken, with the reason."""
    subscribed: int
    """New subscriptions to profiles."""
    without_profile: int
    """Confirmed rows that name no profile: nothing is mailed to them yet."""
    encoding: str
    unused_columns: tuple[str, ...]
    wish_columns: tuple[str, ...] = ()
    """Columns that decided who gets mail, as ``name (meaning)``."""
    confirmed: int = 0
    """Addresses of the file by what it says of them: want mail,"""
    unconfirmed: int = 0
    """have not confirmed or never agreed,"""
    unsubscribed: int = 0
    """left, bounced, complained or were blocked."""
    is_dry_run: bool = False


@dataclass
class _Tally:
    added: int = 0
    known: int = 0
    held: int = 0
    subscribed: int = 0
    without_profile: int = 0


@dataclass(frozen=True)
class _Import:
    app: App
    profiles: Mapping[str, StoredProfile]
    name: str
    tally: _Tally = field(default_factory=_Tally)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How the owner wants a file to be read."""

    wanted: ListFormat | None = None
    """Insist on this format."""
    meanings: Mapping[str, str] = field(default_factory=dict)
    """What columns say of their rows, by name."""


AS_IT_IS = Reading()


def import_list(
    app: App,
    content: bytes,
    *,
    name: str,
    profile_names: Sequence[str] = (),
    reading: Reading = AS_IT_IS,
    dry_run: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> ImportReport:
    """Add the subscribers of a CSV file; ``profile_names`` serve the rows that name none.

    Kept in batches, so that a file that was cut short can simply be given again. Raises
    UsageError where the file has no column of addresses or one that may carry a refusal and is
    not understood (``reading.meanings`` explains it), MissingError for an unknown profile.
    """
    read = read_list(content, wanted=reading.wanted, name=name, meanings=reading.meanings)
    profiles.sync(app)
    by_name = {stored.profile.name: stored for stored in profiles.listing(app) if _is_open(stored)}
    for asked in profile_names:
        profiles.get(app, asked)
    rows, bad = _with_known_profiles(read.rows, by_name, tuple(profile_names))
    merged = _merged(rows)
    work = _Import(app, by_name, name)
    told = on_progress or (lambda _count: None)
    for start in range(0, len(merged), _BATCH):
        batch = merged[start : start + _BATCH]
        with app.engine.connect() as connection, connection.begin() as transaction:
            _take(work, connection, batch)
            if dry_run:
                transaction.rollback()
        told(len(batch))
    return ImportReport(
        rows=len(read.rows) + len(read.bad),
        duplicates=len(rows) - len(merged),
        bad=tuple(sorted((*read.bad, *bad), key=lambda item: item.line)),
        encoding=read.encoding,
        unused_columns=read.unused_columns,
        wish_columns=read.wish_columns,
        **{status.value: sum(row.status is status for row in merged) for status in _STRENGTH},
        is_dry_run=dry_run,
        **vars(work.tally),
    )


def reading_of(columns: Sequence[str], wanted: ListFormat | None) -> Reading:
    """Read ``NAME=MEANING`` of columns. Raises UsageError for anything else."""
    found = {}
    for option in columns:
        name, equals, meaning = option.rpartition("=")
        if not equals:
            raise UsageError(
                f"column {option[:80]!r}: expected NAME=MEANING, as in deleted_at=refusal"
            )
        found[name] = meaning.strip().lower()
    return Reading(wanted=wanted, meanings=found)


def export_list(
    app: App, chosen: ListFormat, *, status: SubscriberStatus | None = None
) -> Iterator[str]:
    """Return the lines of a CSV file of all subscribers, or those of one status, as they come.

    listmonk's import takes everybody for subscribed, so that format holds the confirmed ones
    unless another status is named. In our own, a fresh installation with the same profile files
    takes everybody in as they were; who waits for a confirmation asks again.
    """
    if chosen is ListFormat.LISTMONK and status is None:
        status = SubscriberStatus.CONFIRMED
    return write_list(_entries(app, chosen, status), chosen)


def _entries(app: App, chosen: ListFormat, status: SubscriberStatus | None) -> Iterator[ListEntry]:
    after: int | None = 0
    while after is not None:
        part = page(app, status=status, after=after, limit=_BATCH)
        for person in part.items:
            if channel_of(person.address):  # named by a profile's file, and nobody's mailbox
                continue
            if chosen is ListFormat.LISTMONK and person.suppression:
                continue
            yield _entry(app, person)
        after = part.next_after


def _entry(app: App, person: Person) -> ListEntry:
    """Return a person with what is live: a wish that waits ends with the link that confirms it."""
    ids = [
        s.subscription_id for s in person.subscriptions if s.status is SubscriberStatus.CONFIRMED
    ]
    with app.reading() as connection:
        live = profile_store.subscriptions_of(connection, subscription_ids=ids) if ids else []
        own = profile_store.own_profile_ids(connection, {s.profile_id for s in live})
        theirs = own_profiles.packed(connection, [s.profile for s in live if s.profile_id in own])
    return ListEntry(
        address=person.address,
        status=SubscriberStatus.UNSUBSCRIBED if person.suppression else person.status,
        profiles=tuple(s.profile.name for s in live if s.profile_id not in own),
        created_at=person.created_at,
        confirmed_at=person.confirmed_at,
        suppression=person.suppression,
        own_profiles=theirs,
    )


def _is_open(stored: StoredProfile) -> bool:
    """Tell whether anybody may be put on it: a reader's own profile is theirs alone."""
    return stored.origin == profile_store.CONFIG


def _with_known_profiles(
    rows: Sequence[ListRow], known: Mapping[str, StoredProfile], fallback: tuple[str, ...]
) -> tuple[list[ListRow], list[BadRow]]:
    good: list[ListRow] = []
    bad: list[BadRow] = []
    for found in rows:
        row = found if found.own_profiles else replace(found, profiles=found.profiles or fallback)
        missing = [name for name in row.profiles if name not in known]
        try:
            own_profiles.unpacked(row.own_profiles)
        except UsageError as exc:
            bad.append(BadRow(line=row.line, reason=str(exc), cells=(row.address, *row.profiles)))
            continue
        if missing:
            reason = f"there is no profile called {missing[0][:80]!r}"
            bad.append(BadRow(line=row.line, reason=reason, cells=(row.address, *row.profiles)))
        else:
            good.append(row)
    return good, bad


def _merged(rows: Sequence[ListRow]) -> list[ListRow]:
    """Return one row an address: all profiles, and the status that asks for the least mail."""
    found: dict[str, ListRow] = {}
    for row in rows:
        key = address_key(row.address)
        if (first := found.get(key)) is None:
            found[key] = row
            continue
        found[key] = replace(
            first,
            status=max(first.status, row.status, key=_STRENGTH.index),
            profiles=tuple(dict.fromkeys((*first.profiles, *row.profiles))),
            suppression=max(first.suppression, row.suppression, key=_strength),
            own_profiles=first.own_profiles or row.own_profiles,
        )
    return list(found.values())


def _strength(reason: str) -> int:
    return suppressions.REASONS.index(reason) if reason in suppressions.REASONS else -1


def _take(work: _Import, connection: Connection, rows: Sequence[ListRow]) -> None:
    app, now = work.app, work.app.now()
    marks = {row.address: address_hmac(app.secret_keys, row.address) for row in rows}
    held = suppressions.lookup(connection, list(marks.values()))
    known = subscriber_store.known(connection, [row.address for row in rows])
    gone = {key for key, person in known.items() if person.status is SubscriberStatus.UNSUBSCRIBED}
    fresh = [
        row
        for row in rows
        if marks[row.address] not in held and address_key(row.address) not in gone
    ]
    ids: dict[str, int] = {}
    for status in _STRENGTH:
        of_status = [row for row in fresh if row.status is status]
        ids |= subscriber_store.ensure_many(
            connection,
            [row.address for row in of_status],
            status=status,
            now=now,
            via=VIA,
            details={address_key(row.address): _proof(work, row) for row in of_status},
        )
    leaving = [row for row in fresh if row.status is SubscriberStatus.UNSUBSCRIBED]
    _leave(connection, leaving, ids, marks, now)
    _subscribe(work, connection, fresh, ids, now)
    _bring_along(work, connection, [r for r in fresh if address_key(r.address) not in known], ids)
    here = sum(address_key(row.address) in known for row in fresh)
    work.tally.held += len(rows) - len(fresh)
    work.tally.known += here
    work.tally.added += len(fresh) - here


def _proof(work: _Import, row: ListRow) -> dict[str, object]:
    return {"file": work.name[:200], "line": row.line, "since": row.since}


def _leave(
    connection: Connection,
    rows: Sequence[ListRow],
    ids: Mapping[str, int],
    marks: Mapping[str, str],
    now: datetime,
) -> None:
    """Take over that somebody left elsewhere: they are out here too, and suppressed."""
    for row in rows:
        subscriber_id = ids[address_key(row.address)]
        if subscriber_store.set_status(
            connection, subscriber_id, SubscriberStatus.UNSUBSCRIBED, now=now
        ):
            subscriber_store.add_consent(
                connection, subscriber_id, "unsubscribed", now=now, via=VIA,
                detail={"line": row.line},
            )  # fmt: skip
            deliveries.cancel_of_subscriber(connection, subscriber_id)
    suppressions.add(
        connection,
        [
            Suppression(
                address_hmac=marks[row.address],
                reason=_reason(row),
                at=now,
                detail="imported",
            )
            for row in rows
        ],
    )


def _reason(row: ListRow) -> str:
    return row.suppression if row.suppression in suppressions.REASONS else "unsubscribed"


def _bring_along(
    work: _Import, connection: Connection, rows: Sequence[ListRow], ids: Mapping[str, int]
) -> None:
    """Give those who are new here what our own export tells of them; others keep what they have."""
    now = work.app.now()
    times = {
        ids[address_key(row.address)]: (min(row.created_at, now), row.confirmed_at)
        for row in rows
        if row.created_at is not None
    }
    subscriber_store.set_times(connection, times)
    for row in rows:
        if row.status is SubscriberStatus.CONFIRMED and row.own_profiles:
            own = own_profiles.unpacked(row.own_profiles)
            subscriber_id = ids[address_key(row.address)]
            work.tally.subscribed += own_profiles.give(work.app, connection, subscriber_id, own)


def _subscribe(
    work: _Import,
    connection: Connection,
    rows: Sequence[ListRow],
    ids: Mapping[str, int],
    now: datetime,
) -> None:
    """Subscribe the confirmed from their next regular slot on: no flood of first editions."""
    pairs: list[tuple[int, int, datetime | None]] = []
    for row in rows:
        if row.status is not SubscriberStatus.CONFIRMED:
            continue
        work.tally.without_profile += not (row.profiles or row.own_profiles)
        for name in row.profiles:
            stored = work.profiles[name]
            slot = slots.next_slot(stored.profile.schedule, now)
            pairs.append((ids[address_key(row.address)], stored.row_id, slot))
    work.tally.subscribed += profile_store.subscribe_many(
        connection, pairs, status=SubscriberStatus.CONFIRMED, now=now, via=VIA
    )
