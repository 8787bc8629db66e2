"""What every command shares: the global options, and the App made of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Annotated

import typer

from digest import files, logs
from digest.app import App, open_app
from digest.cli._globals import Globals
from digest.config import Config, load_config

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def options_of(context: typer.Context) -> Globals:
    """Return the global options of this call."""
    found = context.find_object(Globals)
    return found or Globals()


def config_of(context: typer.Context) -> Config:
    """Read the configuration that the global options name. Raises ConfigError."""
    return load_config(options_of(context).config_path)


@contextlib.contextmanager
def opened(context: typer.Context, *, migrate: bool = True) -> Iterator[App]:
    """Open the App that the global options describe. Raises ConfigError, StoreError."""
    config = config_of(context)
    start_logging(context, config)
    files.keep_private(config.data_dir)
    with open_app(config, now=options_of(context).now, migrate=migrate) as app:
        yield app


def start_logging(context: typer.Context, config: Config) -> None:
    """Begin a run whose log lines look as the configuration and ``--log-json`` say."""
    wanted = config.settings.log
    logs.configure(level=wanted.level, json_lines=wanted.json_lines or options_of(context).log_json)
    logs.new_run()
