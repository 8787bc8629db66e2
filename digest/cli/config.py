"""``digest config``: check it, show it."""

from __future__ import annotations

import typer

from digest.actions import checking, lookups
from digest.cli._context import AsJson, config_of
from digest.cli._output import print_json, print_line, show
from digest.config import Config, masked
from digest.errors import ConfigError
from digest.text.counting import counted


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Check and show the configuration.")
    group.command()(check)
    group.command(name="show")(show_config)
    app.add_typer(group, name="config")


def check(context: typer.Context, as_json: AsJson = False) -> None:
    """Check configuration, templates, keys and profile files; exit 2 and name each mistake.

    Asks nobody; liked papers that an existing store could not find are named too.
    """
    problems: tuple[str, ...] = ()
    config: Config | None = None
    try:
        config = config_of(context)
        problems = checking.problems(config)
    except ConfigError as exc:
        problems = exc.problems
    warnings = lookups.not_found_in_store(config) if config is not None and not problems else ()
    if as_json:
        print_json({"ok": not problems, "problems": problems, "warnings": warnings})
        raise typer.Exit(2 if problems else 0)
    if problems or config is None:
        raise ConfigError(*problems)
    where = config.path or "defaults (no configuration file)"
    print_line(
        f"{where}: good; {counted(len(config.settings.sources), 'source')}, "
        f"{counted(len(config.profiles), 'profile')}, "
        f"{counted(len(config.settings.transports), 'transport')}"
    )
    for warning in warnings:
        print_line(f"warning: {warning}")


def show_config(context: typer.Context, as_json: AsJson = False) -> None:
    """Print the configuration in force, environment included, with secrets masked."""
    values = masked(config_of(context))

    def human(tables: dict[str, object]) -> None:
        for name, table in tables.items():
            print_line(f"[{name}]")
            for line in _lines(table):
                print_line(line)
            print_line()

    show(values, as_json=as_json, human=human)


def _lines(table: object, prefix: str = "") -> list[str]:
    if not isinstance(table, dict):
        return [f"{prefix.rstrip('.') or 'value'} = {table!r}"]
    lines: list[str] = []
    for key, value in table.items():
        if isinstance(value, dict):
            lines += _lines(value, f"{prefix}{key}.")
        else:
            lines.append(f"{prefix}{key} = {value!r}")
    return lines
