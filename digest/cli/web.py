"""``digest web``: serve the pages alone, without the schedule."""

from __future__ import annotations

from typing import Annotated

import typer

from digest.cli._context import opened
from digest.cli._output import print_line
from digest.web.serving import serve


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="web")(web)


def web(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on; web.host if absent.")] = "",
    port: Annotated[int, typer.Option(help="Port; web.port if absent.", max=65535)] = -1,
) -> None:
    """Serve the web pages until stopped (`digest serve` serves them with the schedule)."""
    with opened(context) as app:
        settings = app.config.settings.web
        chosen_host = host or settings.host
        chosen_port = settings.port if port < 0 else port
        print_line(f"serving on http://{chosen_host}:{chosen_port}")
        serve(app, host=chosen_host, port=chosen_port)
