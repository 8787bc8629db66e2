"""What the owner watches: health, figures, sources, runs, deliveries, growth; and the few levers.

Sums and lists of what the store holds; addresses appear only where the owner asks for people.
"""

from __future__ import annotations

from sqlalchemy import func, select

from digest.app import App
from digest.errors import StoreError
from digest.store import database, subscribers
from digest.store.tables import (
    deliveries,
    papers,
    sources,
)


def health(app: App) -> str:
    """Return the store's revision; raises StoreError where it, or recent work on it, failed."""
    database.check(app.engine)
    if app.troubles:  # everybody may ask: paths and causes stand in the log
        failing = ", ".join(sorted(app.troubles))
        raise StoreError(f"the store cannot be used ({failing} failed): the log says why")
    return database.head_revision()


def metrics_text(app: App, *, with_readers: bool) -> str:
    """Return figures in Prometheus' text format; no label names a person.

    How many readers and mails there are is the owner's to know: ``with_readers``.
    """
    lines: list[str] = []

    def family(name: str, kind: str, help_text: str, values: dict[str, float]) -> None:
        lines.append(f"# HELP digest_{name} {help_text}")
        lines.append(f"# TYPE digest_{name} {kind}")
        lines.extend(f"digest_{name}{labels} {value:g}" for labels, value in values.items())

    with app.reading() as connection:
        if with_readers:
            states = connection.execute(
                select(deliveries.c.state, func.count()).group_by(deliveries.c.state)
            )
            family(
                "deliveries", "gauge", "Deliveries by state.",
                {f'{{state="{state}"}}': count for state, count in states},
            )  # fmt: skip
            people = subscribers.count_by_status(connection)
            family(
                "subscribers", "gauge", "Subscribers by status.",
                {f'{{status="{status.value}"}}': count for status, count in people.items()},
            )  # fmt: skip
        stored = connection.scalar(select(func.count()).select_from(papers)) or 0
        family("papers", "gauge", "Papers stored.", {"": stored})
        waiting = connection.scalar(
            select(func.min(deliveries.c.created_at)).where(
                deliveries.c.state.in_(["ready", "claimed", "transmitting", "deferred"])
            )
        )
        age = (app.now() - waiting).total_seconds() if waiting else 0.0
        family(
            "oldest_unsent_seconds", "gauge", "Age of the oldest unfinished delivery.", {"": age}
        )
        ages = {
            f'{{source="{_label(row.name)}"}}': (app.now() - row.last_success_at).total_seconds()
            for row in connection.execute(select(sources.c.name, sources.c.last_success_at))
            if row.last_success_at
        }
        family("source_age_seconds", "gauge", "Time since a source's last good poll.", ages)
    return "\n".join(lines) + "\n"


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
