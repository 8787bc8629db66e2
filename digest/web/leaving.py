"""The unsubscribe page and the one-click POST of mail programs (RFC 8058).

Answers need no cookie, no referrer and no second request, and are never redirects.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse, Response

from digest.actions import unsubscribing
from digest.subscribers.tokens import TokenPurpose
from digest.web.forms import posted
from digest.web.security import PRIVATE_HEADERS
from digest.web.site import Site


def routes(site: Site) -> APIRouter:
    """Return the routes of leaving."""
    router = APIRouter(include_in_schema=False)

    @router.get("/u/{token}")
    def page(token: str) -> Response:
        claims = site.claims(token, TokenPurpose.UNSUBSCRIBE)
        found = unsubscribing.leaving(site.app, claims.subscriber_id, claims.subscription_id)
        return site.page(
            "unsubscribe.html",
            private=True,
            title="Unsubscribe",
            found=found,
            names_one=bool(claims.subscription_id),
            action=site.url(f"/u/{token}"),
        )

    @router.post("/u/{token}")
    async def leave(token: str, request: Request) -> Response:
        claims = site.claims(token, TokenPurpose.UNSUBSCRIBE)
        form = await posted(request)
        # The page names itself, so that whatever else a mail program posts is a wish to leave.
        is_page = form.text("from") == "page"
        if is_page and not site.allows("token", request):
            return site.too_many()
        wants_all = is_page and form.text("scope") == "all"
        left = await run_in_threadpool(
            unsubscribing.leave,
            site.app,
            claims.subscriber_id,
            0 if wants_all else claims.subscription_id,
            via=unsubscribing.PAGE if is_page else unsubscribing.ONE_CLICK,
        )
        if not is_page:
            return PlainTextResponse("Unsubscribed.\n", headers=PRIVATE_HEADERS)
        text = "Nothing more will be sent to you." if left.is_all else "This digest ends here."
        return site.message("You are unsubscribed", text)

    return router
