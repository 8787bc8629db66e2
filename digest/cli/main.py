"""The entry point: global options, errors to exit codes."""

from __future__ import annotations

import errno
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from digest import __version__, files
from digest.cli._commands import Commands
from digest.cli._globals import Globals
from digest.cli._output import print_error, print_line
from digest.errors import ConfigError, DigestError, StoreError, UsageError

# Recent Typer carries a Click of its own, older ones import the real one: ask Typer for its own.
WRONG_USE: tuple[Any, ...] = tuple(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)
OF_THE_MACHINE = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO,
    errno.ENOTDIR, errno.EISDIR,
}  # fmt: skip
"""Errors of files that are the disk's or its owner's, and no bug."""
EXIT_FAILED = 1
EXIT_USAGE = 2


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as exc:
        raise typer.BadParameter("expected an instant such as 2026-04-14T08:00:00+00:00") from exc
    if instant.tzinfo is None:
        raise typer.BadParameter(f"expected a time zone, such as {text}+00:00")
    return instant


def _version(value: bool) -> None:
    if value:
        print_line(f"digest {__version__}")
        raise typer.Exit


def build() -> typer.Typer:
    """Return the whole command line."""
    app = typer.Typer(
        name="digest",
        cls=Commands,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        help="A self-hosted daily digest of trending papers by email.",
    )

    @app.callback()
    def _globals(
        context: typer.Context,
        config_path: Annotated[
            Path | None,
            typer.Option(
                "--config",
                "-c",
                envvar="DIGEST_CONFIG",
                help="Configuration file; config/digest.toml by default.",
            ),
        ] = None,
        now: Annotated[
            datetime | None,
            typer.Option(
                envvar="DIGEST_NOW",
                parser=_instant,
                metavar="INSTANT",
                help="Act as if it were this instant: replays a day.",
            ),
        ] = None,
        quiet: Annotated[
            bool, typer.Option("--quiet", "-q", help="No progress bars, only results.")
        ] = False,
        log_json: Annotated[
            bool, typer.Option("--log-json", help="Log one JSON object a line.")
        ] = False,
        _version_wanted: Annotated[
            bool,
            typer.Option(
                "--version", "-V", callback=_version, is_eager=True, help="Print the version."
            ),
        ] = False,
    ) -> None:
        context.obj = Globals(config_path=config_path, now=now, quiet=quiet, log_json=log_json)

    return app


def run(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code; never a traceback for an expected error."""
    files.keep_private()
    command = typer.main.get_command(build())
    try:
        result = command.main(arguments, prog_name="digest", standalone_mode=False)
    except WRONG_USE as exc:
        exc.show()
        return EXIT_USAGE
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except (ConfigError, UsageError) as exc:
        print_error(exc)
        return EXIT_USAGE
    except DigestError as exc:
        print_error(exc)
        return EXIT_FAILED
    except OSError as exc:
        if exc.errno not in OF_THE_MACHINE:
            raise
        where = f"{exc.filename}: " if exc.filename else ""
        print_error(StoreError(f"{where}{exc.strerror}: make room, or let this user write there"))
        return EXIT_FAILED
    return result if isinstance(result, int) else 0


def main() -> None:
    """Be the ``digest`` command."""
    sys.exit(run())
