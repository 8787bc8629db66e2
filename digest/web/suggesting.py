"""The page where a reader names papers that the digest should look at.

It looks nothing up: what is named waits for the next poll of the inbox.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from digest.actions import submitting
from digest.actions.submitting import Submitted
from digest.errors import UsageError
from digest.subscribers.tokens import TokenPurpose
from digest.web.daily import not_found
from digest.web.forms import posted
from digest.web.site import Site

LONGEST = 8000


def routes(site: Site) -> APIRouter:
    """Return the routes of naming papers."""
    router = APIRouter(include_in_schema=False)

    @router.get("/suggest/{token}")
    def ask(token: str) -> Response:
        claims = site.claims(token, TokenPurpose.FEEDBACK)
        return _page(site, token, claims.subscriber_id)

    @router.post("/suggest/{token}")
    async def say(token: str, request: Request) -> Response:
        claims = site.claims(token, TokenPurpose.FEEDBACK)
        if not site.allows("token", request):
            return site.too_many()
        form = await posted(request)
        lines = [line.strip() for line in form.text("papers", LONGEST).splitlines()]
        named = [line for line in lines if line]
        return await run_in_threadpool(_suggest, site, token, claims.subscriber_id, named)

    return router


def _suggest(site: Site, token: str, subscriber_id: int, named: list[str]) -> Response:
    if submitting.suggestions(site.app, subscriber_id) is None:
        return not_found(site)
    try:
        done = submitting.suggest(site.app, subscriber_id, named)
    except UsageError as exc:
        return _page(site, token, subscriber_id, problem=f"{exc}.", typed="\n".join(named))
    bad = [one for one in done if not one.key]
    problem = f"This names no paper: {bad[0].reference[:100]}" if bad else ""
    typed = "\n".join(one.reference for one in bad)
    return _page(site, token, subscriber_id, problem=problem, typed=typed, done=done)


def _page(
    site: Site,
    token: str,
    subscriber_id: int,
    *,
    problem: str = "",
    typed: str = "",
    done: tuple[Submitted, ...] = (),
) -> Response:
    found = submitting.suggestions(site.app, subscriber_id)
    if found is None:
        return not_found(site)
    return site.page(
        "suggest.html",
        private=True,
        title="Name a paper",
        action=site.url(f"/suggest/{token}"),
        saved=site.url(f"/saved/{token}"),
        found=found,
        problem=problem,
        typed=typed,
        taken=sum(bool(one.key) for one in done),
    )
