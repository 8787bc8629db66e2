"""``digest sources``: how the sources are."""

from __future__ import annotations

from typing import Annotated

import typer

from digest.actions import polling
from digest.cli._context import AsJson, opened
from digest.cli._output import print_line, print_notes, print_table, show
from digest.cli.poll import verdict


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Show how the sources are, and enable one again.")
    group.callback(invoke_without_command=True)(list_sources)
    group.command()(enable)
    app.add_typer(group, name="sources")


def list_sources(context: typer.Context, as_json: AsJson = False) -> None:
    """Print each source's health, completeness and next poll; exit 1 if one is not well."""
    if context.invoked_subcommand is not None:
        return
    with opened(context) as app:
        found = polling.health(app)
    show(found, as_json=as_json, human=_print)
    if not all(source.is_healthy for source in found if source.enabled):
        raise typer.Exit(1)


def enable(
    context: typer.Context, name: Annotated[str, typer.Argument(help="Name of the source.")]
) -> None:
    """Poll a source again that was disabled because it is gone, at once."""
    with opened(context) as app:
        polling.enable(app, name)
    print_line(f"{name}: will be polled by the next run")


def _print(found: tuple[polling.SourceHealth, ...]) -> None:
    print_table(
        ["source", "kind", "", "last success", "next poll", "verdict"],
        (
            (
                source.name,
                source.kind,
                _health(source),
                f"{source.last_success_at:%F %H:%M}" if source.last_success_at else "never",
                f"{source.next_poll_at:%F %H:%M}" if source.next_poll_at else "",
                verdict(source.last_poll) if source.last_poll else "",
            )
            for source in found
        ),
    )
    print_notes(
        {one.name: one.disabled_reason or one.error or one.notice or one.evidence for one in found}
    )


def _health(source: polling.SourceHealth) -> str:
    if not source.enabled:
        return "off"
    if source.disabled_reason:
        return "disabled"
    if source.is_offline:
        return "offline"
    if source.errors:
        return f"failing ({source.errors})"
    if not source.is_healthy:
        return "incomplete"
    return "silent" if source.notice else "well"
