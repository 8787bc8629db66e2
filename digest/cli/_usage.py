"""Examples of calls, for ``--help`` and the reference; each is tried in a test."""

from __future__ import annotations

from typing import Any

import typer

USAGE: dict[str, tuple[str, ...]] = {
    "demo": ("digest demo --out /tmp/demo",),
    "init": (
        'digest init ada --address ada@example.org -i "sparse attention" --relay gmail',
        "digest init ada --address ada@example.org --import thesis.bib --send",
        "digest init ada --address ada@example.org --orcid 0000-0002-1825-0097 --no-ask",
    ),
    "run": ("digest run", "digest -q --log-json run --json", "digest run --no-poll"),
    "serve": ("digest serve", "digest serve --no-work"),
    "worker": (
        "digest worker --concurrency 4",
        "digest worker --queue mail",
        "digest worker --once",
    ),
    "workers": ("digest workers", "digest workers --json"),
    "workers free": (
        "digest workers free",
        "digest workers free 17 18",
        "digest workers free --failed",
    ),
    "send": (
        "digest send ada",
        "digest send ada --dry-run",
        "digest send ada --to me@example.org --date 2026-04-14",
    ),
    "preview": ("digest preview ada --open", "digest preview ada --out /tmp/look"),
    "edition": ("digest edition --date 2026-04-14 --profile ada --out then",),
    "explain": ("digest explain ada --paper arxiv:2604.01234",),
    "rank": ("digest rank ada",),
    "poll": ("digest poll", "digest poll arxiv --force"),
    "stats": ("digest stats --days 90", "digest stats --out stats.svg", "digest stats --json"),
    "doctor": ("digest doctor", "digest doctor --json"),
    "prune": ("digest prune --dry-run", "digest prune"),
    "backup": ("digest backup digest-2026-04-14.gz", "digest backup --portable everything.gz"),
    "restore": (
        "digest restore --check digest-2026-04-14.gz",
        "digest restore digest-2026-04-14.gz --force",
        "DIGEST_STORE__URL=postgresql://digest@db/digest digest restore everything.gz",
    ),
    "verify": ("digest verify",),
    "deliveries list": ("digest deliveries list --state uncertain",),
    "deliveries retry": ("digest deliveries retry 17 18",),
    "config check": ("digest config check", "digest -c /etc/digest.toml config check"),
}
"""By the command's name behind ``digest``."""


def add_examples(app: typer.Typer, prefix: str = "") -> None:
    """Put the examples under the help of every command that has some."""
    for command in app.registered_commands:
        _set(command, prefix + (command.name or _name_of(command)))
    for group in app.registered_groups:
        inner = group.typer_instance
        name = f"{prefix}{group.name or ''}"
        if inner is not None:
            add_examples(inner, f"{name} ")
            if inner.registered_callback is not None:
                _set(inner.registered_callback, name)


def _name_of(command: Any) -> str:
    return str(command.callback.__name__).replace("_", "-")


def _set(info: Any, name: str) -> None:
    if name in USAGE:
        # Typer takes blank lines for the ends of lines, and brackets for markup.
        lines = [line.replace("[", "\\[") for line in USAGE[name]]
        info.epilog = "\n\n".join([f"[dim]Example{'s' if len(lines) > 1 else ''}:[/]", *lines])
