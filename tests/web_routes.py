"""Every route of the pages, and an address of each that leads somewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from builders import NOON
from starlette.routing import BaseRoute, Mount, Route

from digest.subscribers.tokens import Signer, TokenPurpose

OWNER_TOKEN = "an-owner-token-of-some-length"
BEARER = {"authorization": f"Bearer {OWNER_TOKEN}"}
SUBSTITUTES = {
    "{kind}": "more", "{paper}": "1", "{key:path}": "arxiv:2604.00001", "{number}": "1",
    "{subscriber_id}": "1", "{edition_id}": "1", "{delivery_id}": "1",
}  # fmt: skip


def all_routes(routes: Iterable[BaseRoute], prefix: str = "") -> Iterator[tuple[str, set[str]]]:
    """Return path and methods of every route, those of mounted applications included."""
    for route in routes:
        # Recent FastAPI keeps an included router whole, older ones copy its routes.
        if (inner := getattr(route, "original_router", None)) is not None:
            yield from all_routes(inner.routes, prefix)
        elif isinstance(route, Mount):
            yield from all_routes(route.routes, prefix + route.path)
        elif isinstance(route, Route):
            yield prefix + route.path, set(route.methods or ())


def getting(app: Any) -> list[str]:
    """Return the paths that answer GET."""
    return sorted({path for path, methods in all_routes(app.routes) if "GET" in methods})


def posting(app: Any) -> list[tuple[str, str]]:
    """Return method and path of every route that may change something."""
    return sorted(
        (method, path)
        for path, methods in all_routes(app.routes)
        for method in methods - {"GET", "HEAD", "OPTIONS"}
    )


def tokens_of(web: Any, person: Any) -> list[str]:
    """Return a true token of every purpose."""
    signer = Signer(web.app.secret_keys)
    return [
        signer.make(
            purpose,
            person.subscriber_id,
            subscription_id=person.subscription_id,
            edition_id=1,
            issued_at=NOON,
        )
        for purpose in TokenPurpose
    ]


def filled(path: str, token: str = "", name: str = "2026-04-14") -> str:
    """Return an address of this route."""
    for hole, value in SUBSTITUTES.items():
        path = path.replace(hole, value)
    return path.replace("{token}", token).replace("{name}", name)
