"""``digest verify`` and ``digest deliveries``: is every mail accounted for, and what to do."""

from __future__ import annotations

from typing import Annotated

import typer

from digest.actions import outbox
from digest.cli._context import AsJson, opened
from digest.cli._output import print_line, print_table, show
from digest.model import DeliveryState
from digest.store.deliveries import Delivery

Ids = Annotated[list[int], typer.Argument(help="Numbers of deliveries, as `list` shows them.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(verify)
    group = typer.Typer(no_args_is_help=True, help="Look into the outbox; retry, cancel, pause.")
    for name, command in (
        ("list", list_deliveries),
        ("show", show_delivery),
        ("retry", retry),
        ("cancel", cancel),
        ("pause", pause),
        ("resume", resume),
    ):
        group.command(name=name)(command)
    app.add_typer(group, name="deliveries")


def verify(context: typer.Context, as_json: AsJson = False) -> None:
    """Check that every planned mail is accounted for; exit 1 where one needs a look."""
    with opened(context) as app:
        found = outbox.verify(app)

    def human(report: outbox.Verification) -> None:
        parts = [f"{count} {state}" for state, count in report.counts.items() if count]
        print_line(f"{report.planned} planned = {' + '.join(parts) or 0}")
        for problem in report.problems:
            print_line(f"wrong: {problem}")
        if report.uncertain:
            print_line("uncertain (the reply to the final dot was never read; not sent again):")
            _table(report.uncertain)
        for line in report.skipped:
            print_line(line)
        if report.is_paused:
            after = " after a restore (what waits may have been sent since)"
            print_line(
                f"sending is paused{after if report.is_restored else ''}: digest deliveries resume"
            )

    show(found, as_json=as_json, human=human)
    if not found.is_ok:
        raise typer.Exit(1)


def list_deliveries(
    context: typer.Context,
    state: Annotated[DeliveryState | None, typer.Option(help="Only in this state.")] = None,
    edition: Annotated[int | None, typer.Option(help="Only of this edition.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List deliveries, newest first."""
    with opened(context) as app:
        found = outbox.listed(app, state=state, edition_id=edition, limit=limit)
    show(found, as_json=as_json, human=_table)


def show_delivery(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="Number of the delivery.")],
    as_json: AsJson = False,
) -> None:
    """Show one delivery and each of its attempts."""
    with opened(context) as app:
        found = outbox.story(app, number)

    def human(story: outbox.DeliveryStory) -> None:
        _table((story.delivery,))
        print_line(f"Message-ID {story.delivery.message_id}")
        for attempt in story.attempts:
            print_line(
                f"  {attempt.at:%F %T}  {attempt.transport}  {attempt.phase}: {attempt.outcome}  "
                f"{attempt.code or ''} {attempt.enhanced_code} {attempt.reply}".rstrip()
            )

    show(found, as_json=as_json, human=human)


def retry(context: typer.Context, numbers: Ids) -> None:
    """Make unsent deliveries due now, even late ones (an uncertain one may come twice)."""
    with opened(context) as app:
        print_line(f"{outbox.retry(app, numbers)} due again: digest send, or the next run")


def cancel(context: typer.Context, numbers: Ids) -> None:
    """End deliveries that are not sent."""
    with opened(context) as app:
        print_line(f"{outbox.cancel(app, numbers)} cancelled")


def pause(context: typer.Context) -> None:
    """Hold all sending, at once and on every machine."""
    with opened(context) as app:
        outbox.pause(app)
    print_line("sending is paused: digest deliveries resume")


def resume(
    context: typer.Context,
    accept_clone: Annotated[
        bool,
        typer.Option("--accept-clone", help="Send from this copy of a store from now on."),
    ] = False,
) -> None:
    """Let sending go on."""
    with opened(context) as app:
        outbox.resume(app, accept_clone=accept_clone)
    print_line("sending goes on")


def _table(rows: object) -> None:
    assert isinstance(rows, list | tuple)
    print_table(
        ("number", "edition", "domain", "state", "tries", "reply"),
        [_row(row) for row in rows],
        right="number edition tries",
    )


def _row(row: Delivery) -> tuple[object, ...]:
    said = " ".join(filter(None, (str(row.code or ""), row.enhanced_code, row.reply)))
    return row.row_id, row.edition_id, row.domain, row.state.value, row.attempts, said[:80]
