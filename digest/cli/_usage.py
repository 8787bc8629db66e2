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
    "runs": ("digest runs", "digest runs --latest 200 --json"),
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
    "evaluate": (
        "digest evaluate ada",
        "digest evaluate ada --ranker default --ranker trending",
        "digest evaluate --live default semantic",
        "digest evaluate --stop",
    ),
    "signals": ("digest signals", "digest signals huggingface github"),
    "bounces": ("digest bounces", "digest bounces --latest 50"),
    "submit": ("digest submit 2604.01234 https://doi.org/10.1000/182",),
    "replay": ("digest replay --from 2026-04-01", "digest replay --from 2026-04-01 --into new.db"),
    "web": ("digest web --port 8081",),
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
    "deliveries show": ("digest deliveries show 17",),
    "deliveries cancel": ("digest deliveries cancel 17 18",),
    "deliveries pause": ("digest deliveries pause",),
    "deliveries resume": ("digest deliveries resume",),
    "deliveries retry": ("digest deliveries retry 17 18",),
    "papers": ("digest papers --since 2026-04-14 --new", "digest papers --source arxiv --json"),
    "papers search": (
        "digest papers search fuzzing of compilers",
        "digest papers search '\"protein folding\" -robots' --category cs.LG --json",
    ),
    "papers show": ("digest papers show 2604.01234", "digest papers show doi:10.1000/182"),
    "papers merge": ("digest papers merge arxiv:2604.01234 doi:10.1000/182",),
    "papers split": ("digest papers split 7",),
    "papers doubts": ("digest papers doubts",),
    "papers differ": ("digest papers differ arxiv:2604.01234 doi:10.1000/182",),
    "papers prune": ("digest papers prune --days 730",),
    "sources": ("digest sources", "digest sources --json"),
    "sources enable": ("digest sources enable arxiv",),
    "profiles list": ("digest profiles list",),
    "profiles show": ("digest profiles show ada",),
    "profiles sync": ("digest profiles sync",),
    "subscribers list": ("digest subscribers list", "digest subscribers list ada@example.org"),
    "subscribers add": ("digest subscribers add ada@example.org --profile ada",),
    "subscribers remove": ("digest subscribers remove ada@example.org",),
    "subscribers erase": ("digest subscribers erase ada@example.org --yes",),
    "subscribers import": (
        "digest subscribers import list.csv --profile ada --dry-run",
        "digest subscribers import list.csv --format listmonk --rejected left.csv",
    ),
    "subscribers export": ("digest subscribers export readers.csv --status confirmed",),
    "config show": ("digest config show", "digest config show --json"),
    "templates eject": ("digest templates eject mine",),
    "db status": ("digest db status",),
    "db upgrade": ("digest db upgrade",),
    "docs reference": ("digest docs reference --write README.md",),
    "docs example": ("digest docs example --write config/digest.example.toml",),
    "docs words": ("digest docs words",),
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
        title = "Examples:" if len(USAGE[name]) > 1 else "Example:"
        # The first sign keeps the lines as they are.
        info.epilog = "\n  ".join([f"\b\n{title}", *USAGE[name]])
