"""Poll now, and the health of the sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from digest.app import App
from digest.errors import UsageError
from digest.lazily import lazily
from digest.model import PollReport, PollStatus
from digest.pipeline import clock
from digest.sources import _completeness, _notices
from digest.sources import _state as states
from digest.store import alerts
from digest.store import sources as rows

if TYPE_CHECKING:
    from digest.actions import search_index
    from digest.pipeline import _settling, polling
else:
    search_index = lazily("digest.actions.search_index")
    polling = lazily("digest.pipeline.polling")
    _settling = lazily("digest.pipeline._settling")

OLD = timedelta(hours=12)
"""What was read before is of yesterday."""
LOST = timedelta(hours=80)
"""Without a network for so long (a weekend and a day) a machine has lost it for good."""
OVERDUE = timedelta(minutes=30)
"""A source that is due for so long was not asked because the machine was asleep, or off."""


@dataclass(frozen=True, kw_only=True)
class SourceHealth:
    """One configured source: when it was and will be polled, and what the last poll said."""

    name: str
    kind: str
    enabled: bool
    is_healthy: bool
    is_offline: bool
    """Whether this machine could reach nothing when the source was last polled."""
    next_poll_at: datetime | None
    last_poll_at: datetime | None
    last_success_at: datetime | None
    errors: int
    error: str
    disabled_reason: str
    notice: str
    """What is to be known of it though it answers well; mostly empty."""
    evidence: str
    """Where a second place was asked of its days: how many of its papers were there."""
    last_poll: PollReport | None


def poll(
    app: App,
    names: Sequence[str] = (),
    *,
    force: bool = False,
    on_progress: Callable[[PollReport], None] | None = None,
) -> tuple[PollReport, ...]:
    """Poll the sources that are due, or those named; what is new can be searched at once.

    Raises UsageError, StoreError.
    """
    clock.settle(app)
    reports = polling.poll_sources(app, names or None, force=force, on_progress=on_progress)
    search_index.catch_up(app)
    return reports


def due(app: App) -> dict[str, datetime | None]:
    """Return the enabled sources to be polled now, with the instant since which they are."""
    with app.reading() as connection:
        found = rows.due(connection, app.now())
    return {name: at for name, at in found.items() if name in app.sources}


def is_behind(app: App) -> bool:
    """Tell whether sources are about to be asked that a sleep or a missing network kept waiting.

    Until they are, what an edition is made from is of yesterday. A source that was asked in vain
    is not waited for.
    """
    now = app.now()
    with app.reading() as connection:
        found = rows.load(connection, list(app.sources))
        old = [name for name, row in found.items() if _is_old(app, row, now)]
        last = rows.last_polls(connection, old) if old else {}
    return any(
        (found[name].lease_until or now) > now
        or now - (found[name].next_poll_at or now) > OVERDUE
        or (name in last and is_offline(last[name]))
        for name in old
    )


def _is_old(app: App, row: rows.SourceRow, now: datetime) -> bool:
    """Tell a source that may be polled and whose last good poll is long ago."""
    if row.disabled_reason:
        return False
    usual = timedelta(minutes=app.config.settings.sources[row.name].every_minutes)
    return row.last_success_at is None or now - row.last_success_at > usual + OVERDUE


def is_good(report: PollReport) -> bool:
    """Tell a poll that leaves nothing to be done from one that the owner should know of."""
    if report.status is PollStatus.FAILED:
        return False
    if report.status is PollStatus.SKIPPED:
        return report.error_kind not in {"backing-off", "waiting"}
    return report.completeness not in _completeness.UNFINISHED


def is_offline(report: PollReport) -> bool:
    """Tell a poll by a machine that could reach nothing at all."""
    return report.error_kind == states.OFFLINE


def waits_for_network(app: App, reports: Sequence[PollReport]) -> bool:
    """Tell whether this machine could reach nothing now, and could not long ago.

    What it made now would lack the papers of the day, and wait for a relay until it expires.
    """
    asked = [report for report in reports if report.status is not PollStatus.SKIPPED]
    if not asked or not all(map(is_offline, asked)):
        return False
    with app.reading() as connection:
        found = rows.load(connection, list(app.sources))
    latest = max(filter(None, (row.last_success_at for row in found.values())), default=None)
    # One host that is gone looks the same where no other source is due: those answered today.
    return latest is not None and OLD < app.now() - latest < LOST


def notes(reports: Sequence[PollReport]) -> dict[str, str]:
    """Return what there is to say of the sources; of a machine without a network once for all."""
    offline = [report for report in reports if is_offline(report)]
    found = {", ".join(report.source for report in offline): offline[0].error} if offline else {}
    rest = (report for report in reports if not is_offline(report))
    return found | {report.source: report.error or report.notice for report in rest}


def health(app: App) -> tuple[SourceHealth, ...]:
    """Return every configured source in the order of the configuration."""
    sections = app.config.settings.sources
    with app.reading() as connection:
        known = rows.load(connection, list(sections))
        last = rows.last_polls(connection, list(sections))
    found = []
    for name, section in sections.items():
        row = known.get(name) or rows.SourceRow(name=name, kind=section.kind, state={})
        state = states.from_document(row.state)
        poll_report = last.get(name)
        found.append(
            SourceHealth(
                name=name,
                kind=section.kind,
                enabled=section.enabled,
                is_healthy=not row.disabled_reason
                and not state.errors
                and _notices.INCOMPLETE not in state.notices
                and (poll_report is None or is_good(poll_report)),
                is_offline=poll_report is not None and is_offline(poll_report),
                next_poll_at=row.next_poll_at,
                last_poll_at=row.last_poll_at,
                last_success_at=row.last_success_at,
                errors=state.errors,
                error=state.error,
                disabled_reason=row.disabled_reason,
                notice="; ".join(one.text for one in state.notices.values()),
                evidence=_completeness.evidence(state.marks),
                last_poll=poll_report,
            )
        )
    return tuple(found)


def enable(app: App, name: str) -> None:
    """Let a source that was disabled by its answers be polled again. Raises UsageError."""
    with app.writing() as connection:
        row = rows.load(connection, [name]).get(name)
        if row is None:
            raise UsageError(f"there is no source {name!r} that was ever polled")
        fresh = replace(
            states.from_document(row.state),
            errors=0, failing_since=None, error="", error_kind="", told=False,
        )  # fmt: skip
        rows.enable(connection, name, state=states.to_document(fresh))
        alerts.right(connection, _settling.subject_of(name), now=app.now())
