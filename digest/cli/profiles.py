"""``digest profiles``: what the profile files say."""

from __future__ import annotations

from typing import Annotated

import typer

from digest.actions import profiles
from digest.cli._context import AsJson, opened
from digest.cli._output import print_line, print_table, show
from digest.store.profiles import StoredProfile
from digest.text.counting import counted


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Interest profiles.")
    group.command(name="list")(list_profiles)
    group.command(name="show")(show_profile)
    group.command()(sync)
    app.add_typer(group, name="profiles")


def list_profiles(context: typer.Context, as_json: AsJson = False) -> None:
    """List the profiles that are served."""
    with opened(context) as app:
        profiles.sync(app)
        found = profiles.listing(app)

    def human(items: list[StoredProfile]) -> None:
        rows = [
            (
                item.profile.name,
                item.origin,
                ", ".join(interest.name for interest in item.profile.interests),
                f"{item.profile.schedule.send_time:%H:%M} {item.profile.schedule.time_zone}",
            )
            for item in items
        ]
        print_table(("profile", "origin", "interests", "sent at"), rows)

    show(found, as_json=as_json, human=human)


def show_profile(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of a profile.")],
    as_json: AsJson = False,
) -> None:
    """Print one profile as it is in force."""
    with opened(context) as app:
        profiles.sync(app)
        found = profiles.get(app, name)

    def human(item: StoredProfile) -> None:
        profile = item.profile
        print_line(f"{profile.name}: {profile.title or profile.name}")
        for interest in profile.interests:
            print_line(f"  {interest.name}")
            for field in ("terms", "authors", "institutions", "categories", "liked", "disliked"):
                if values := getattr(interest, field):
                    shown = ", ".join(getattr(value, "text", value) for value in values)
                    print_line(f"    {field}: {shown}")

    show(found, as_json=as_json, human=human)


def sync(context: typer.Context, as_json: AsJson = False) -> None:
    """Bring the store in line with the profile files (every run does); exit 1 on mistakes."""
    with opened(context) as app:
        report = profiles.sync(app)

    def human(found: profiles.SyncReport) -> None:
        print_line(
            f"{counted(found.profiles, 'profile')}, {found.changed} changed, "
            f"{found.removed} removed"
        )
        for problem in found.problems:
            print_line(problem)

    show(report, as_json=as_json, human=human)
    if report.problems:
        raise typer.Exit(1)
