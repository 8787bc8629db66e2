"""The dead-man's ping: a watchdog elsewhere learns that a run went well, or misses it.

It never holds a run up and never fails one: a watchdog that is down is noticed by its owner.
"""

from __future__ import annotations

import logging
import threading

import httpx

from digest import __version__

log = logging.getLogger(__name__)

TIMEOUT_S = 10
WAIT_S = 3
"""So long a command stays for the answer; a server's thread goes on without it."""


def ping(url: str) -> None:
    """Ask for an address, in a thread of its own; failures are logged without the address."""
    thread = threading.Thread(target=_ask, args=(url,), name="ping", daemon=True)
    thread.start()
    thread.join(WAIT_S)


def _ask(url: str) -> None:
    headers = {"User-Agent": f"paper-digest/{__version__}"}
    try:
        answer = httpx.get(url, headers=headers, timeout=TIMEOUT_S, follow_redirects=True)
        answer.raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        # Not the message: it holds the address, which is a secret of the watchdog's.
        log.warning("ping failed error=%s", type(exc).__name__)
