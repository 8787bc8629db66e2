"""Serve the pages of an open App until a signal stops the process.

Where to listen comes from ``[web]``; nothing else of the program is started here.
"""

from __future__ import annotations

from digest.app import App
from digest.web import serving


def serve(app: App) -> None:
    """Block until the process is signalled. Returns at once where ``web.enabled`` is off."""
    settings = app.config.settings.web
    if settings.enabled:
        serving.serve(app, host=settings.host, port=settings.port)
