"""Put the API together: routes, who may use it, its errors, its description."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.security import HTTPBearer

from digest import __version__
from digest.web.api import mail, papers, subscribers, watching
from digest.web.api.guard import TokenMiddleware
from digest.web.api.problems import Problem, add_handlers, documented
from digest.web.site import Site

PATH = "/api/v1"
ROUTES: tuple[Callable[[Site], APIRouter], ...] = (
    subscribers.routes,
    papers.routes,
    mail.routes,
    watching.routes,
)
_DESCRIPTION = """
Everything that the commands do, for programs. Send the owner's token (`web.owner_token`) as
`Authorization: Bearer ...`. Lists are paged: give `next_after` of one page as `after` for the
next. Errors are problems (RFC 9457). A request that fails has changed nothing.
"""


def create_api(site: Site) -> FastAPI:
    """Return the API as an application of its own, to be mounted at ``PATH``."""
    # Named in the description; the middleware has asked already.
    bearer = Depends(HTTPBearer(auto_error=False, description="The owner's token."))
    api = FastAPI(
        title=f"{site.name}: owner's API",
        version=__version__,
        description=_DESCRIPTION.strip(),
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
        dependencies=[bearer],
        responses=documented(400, 401, 422, 429, 503),
    )
    for routes in ROUTES:
        api.include_router(routes(site))
    add_handlers(api)
    api.add_middleware(TokenMiddleware, site=site)
    api.openapi = lambda: _described(api)  # type: ignore[method-assign]
    return api


def _described(api: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI description, problems included."""
    if api.openapi_schema is None:
        found = get_openapi(
            title=api.title,
            version=api.version,
            description=api.description,
            routes=api.routes,
            servers=api.servers,
        )
        schemas = found["components"]["schemas"]
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= problem.pop("$defs") | {"Problem": problem}
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        # A local time has no offset, which the format "time" asks for (RFC 3339 section 5.6).
        send_time = schemas["Schedule"]["properties"]["send_time"]
        send_time.pop("format", None)
        send_time["description"] = "The reader's local time, such as 07:30:00."
        api.openapi_schema = found
    return api.openapi_schema
