"""Run the pages under uvicorn: alone, or in a thread beside the schedule."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from digest.app import App
from digest.errors import UsageError
from digest.web.app import create_app
from digest.web.connections import (
    BoundedConfig,
    BoundedServer,
    Limits,
    affordable,
    raise_descriptors,
)
from digest.web.site import Site

START_TIMEOUT_S = 20


def serve(app: App, *, host: str, port: int) -> None:
    """Serve until a signal stops the process. Raises UsageError where it cannot listen."""
    web = create_app(app)
    server = BoundedServer(_config(app, web, host, port))
    try:
        with _reading_ahead(web.state.site):
            server.run()
    except SystemExit as exc:  # uvicorn's way to say so
        if not server.started:
            raise _cannot_listen(host, port) from exc
        raise


@contextlib.contextmanager
def serving(app: App, *, host: str, port: int) -> Iterator[int]:
    """Serve in a thread while the block runs; gives the port, which 0 leaves to the system.

    Raises UsageError where the address cannot be listened on.
    """
    web = create_app(app)
    server = BoundedServer(_config(app, web, host, port))
    thread = threading.Thread(target=_run_quietly, args=(server,), name="web", daemon=True)
    thread.start()
    try:
        with _reading_ahead(web.state.site):
            yield _port_of(server, thread)
    finally:
        server.should_exit = True
        thread.join(timeout=START_TIMEOUT_S)


@contextlib.contextmanager
def _reading_ahead(site: Site) -> Iterator[None]:
    """Read the search index beside the block, so that no first visitor waits for it."""
    thread = threading.Thread(target=site.search_index.warm, name="search-index", daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _run_quietly(server: uvicorn.Server) -> None:
    # uvicorn leaves by SystemExit where it cannot listen; _port_of tells.
    with contextlib.suppress(SystemExit):
        server.run()


def _port_of(server: uvicorn.Server, thread: threading.Thread) -> int:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise _cannot_listen(server.config.host, server.config.port)
        time.sleep(0.01)
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port


def _cannot_listen(host: str, port: int) -> UsageError:
    return UsageError(
        f"the pages cannot listen on {host}:{port}, which is taken or not allowed: change web.host "
        "or web.port"
    )


def _config(app: App, web: FastAPI, host: str, port: int) -> BoundedConfig:
    settings = app.config.settings.web
    limits = Limits(
        connections=affordable(settings.max_connections, raise_descriptors()),
        exempt=frozenset(settings.trusted_proxies),
    )
    return BoundedConfig(
        web,
        limits=limits,
        host=host,
        port=port,
        # Ours, in create_app, believes web.trusted_proxies only.
        proxy_headers=False,
        server_header=False,
        access_log=False,  # addresses of pages hold tokens
        log_config=None,
        timeout_graceful_shutdown=10,
    )
