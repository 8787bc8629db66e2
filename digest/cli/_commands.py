"""The commands by name, with module and line of help: none is loaded to list them.

A test holds every line to the first one of the command's own help.
"""

from __future__ import annotations

import importlib
from collections import UserDict
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from digest.cli._usage import add_examples


class Known(NamedTuple):
    """What is known of a command before it is loaded."""

    module: str
    """Name of the module in ``digest.cli`` that registers it."""
    summary: str


COMMANDS: dict[str, Known] = {
    "demo": Known(
        "demo",
        "Play two sample days on this machine: poll, rank, compose, deliver. Nothing leaves it.",
    ),
    "run": Known("run", "Do one full pass: poll, rank, and mail what is due. Fit for cron."),
    "serve": Known(
        "run",
        "Poll and mail on schedule until stopped; each job is also a command, for cron.",
    ),
    "runs": Known(
        "runs",
        "List the latest passes, newest first: when, how they ended, what went wrong.",
    ),
    "worker": Known(
        "workers",
        "Do jobs until stopped, beside any number of other workers on one PostgreSQL.",
    ),
    "send": Known("send", "Make and mail a profile's edition now, to its addresses or to one."),
    "preview": Known(
        "send",
        "Show the very bytes that would be sent, their size, and what the lint says of them.",
    ),
    "edition": Known(
        "edition",
        "Build a past day's edition again, and prove it the same bytes or say what has changed.",
    ),
    "rank": Known(
        "rank",
        "Print today's table for a profile: score, its interest and trend parts, the reason.",
    ),
    "explain": Known(
        "rank",
        "Say why mail came or did not, and why an edition or one paper is what it is.",
    ),
    "evaluate": Known(
        "evaluate",
        "Replay readers' own feedback in time order through each ranker, and compare.",
    ),
    "poll": Known("poll", "Ask the sources for new papers; exit 1 if one failed or is incomplete."),
    "signals": Known(
        "signals",
        "Observe votes, stars, points and citations of the last weeks' papers; exit 1 on failure.",
    ),
    "verify": Known(
        "outbox",
        "Check that every planned mail is accounted for; exit 1 where one needs a look.",
    ),
    "bounces": Known(
        "bounces",
        "Read the mailbox of refusals and complaints once; suppress who is gone or complains.",
    ),
    "submit": Known("submit", "Add papers by address or id; exit 1 if one is not found."),
    "replay": Known(
        "replay",
        "Rebuild the diff from the raw answers that were kept; the real store stays as it is.",
    ),
    "web": Known(
        "web",
        "Serve the web pages until stopped (`digest serve` serves them with the schedule).",
    ),
    "prune": Known(
        "retention",
        "Remove what is older than store.keep_papers_days, keep_bodies_days, keep_history_days.",
    ),
    "backup": Known(
        "backups",
        "Write store and signing secret into one compressed file and read it again to verify it.",
    ),
    "restore": Known(
        "backups",
        "Bring an installation back from a backup; stop `digest serve` and workers first.",
    ),
    "init": Known(
        "init",
        "Write config/digest.toml and a first profile, commented, from flags or a few questions.",
    ),
    "doctor": Known(
        "doctor",
        "Check configuration, store, clock, disk, outbox, sources, relays, domain and pages.",
    ),
    "stats": Known("stats", "Show papers, picks, feedback, mail and readers, day by day."),
    "workers": Known("workers", "See queues, lag, throughput and stuck jobs; free them."),
    "deliveries": Known("outbox", "Look into the outbox; retry, cancel, pause."),
    "papers": Known("papers", "List papers, or look at one."),
    "sources": Known("sources", "Show how the sources are, and enable one again."),
    "profiles": Known("profiles", "Interest profiles."),
    "subscribers": Known("subscribers", "Who gets mail."),
    "config": Known("config", "Check and show the configuration."),
    "templates": Known("templates", "Copy the shipped templates, to change them."),
    "db": Known("db", "Look after the database."),
    "docs": Known("docs", "Print the documentation's generated parts."),
}
"""In the order of ``digest --help``."""


class _Loaded(UserDict[str, Any]):
    """The commands themselves, each loaded when it is asked for."""

    def __init__(self) -> None:
        super().__init__(dict.fromkeys(COMMANDS))

    def __getitem__(self, name: str) -> Any:
        if self.data[name] is None:
            self.data.update(_commands_of(COMMANDS[name].module))
        return self.data[name]


class Commands(TyperGroup):
    """The group of all commands: lists and completes them from the table, loads what is called."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = _Loaded()

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return what lists a command, without loading it; None where there is none."""
        known = COMMANDS.get(cmd_name)
        return known and TyperCommand(cmd_name, help=known.summary, short_help=known.summary)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the name, the loaded command and the rest of the arguments."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command and self.commands[str(name)], rest


def _commands_of(module: str) -> dict[str, Any]:
    app = typer.Typer(rich_markup_mode=None)
    importlib.import_module(f"digest.cli.{module}").register(app)
    add_examples(app)
    found: dict[str, Any] = dict(typer.main.get_group(app).commands)
    for command in found.values():
        _tell_whole_summaries(command)
    return found


def _tell_whole_summaries(command: Any) -> None:
    """Keep the lists of commands from cutting a summary short."""
    command.short_help = (command.help or "").partition("\n")[0]
    for inner in getattr(command, "commands", {}).values():
        _tell_whole_summaries(inner)
