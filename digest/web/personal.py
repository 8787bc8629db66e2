"""The pages that a mail's links open: the edition, a word on a paper, the saved papers.

Looking changes nothing; each change is a POST of a form on the page itself.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi import Path as FromPath
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, Response

from digest.actions import personal, preferring, submitting
from digest.model import FeedbackKind
from digest.subscribers.tokens import Claims, TokenPurpose
from digest.web.daily import not_found
from digest.web.forms import posted
from digest.web.site import Site

_VERBS = {
    FeedbackKind.MORE: "More like this",
    FeedbackKind.LESS: "Fewer like this",
    FeedbackKind.SAVED: "Save this paper",
}
_DONE = {
    FeedbackKind.MORE: ("More like this", "From your next edition on, papers like it rank higher."),
    FeedbackKind.LESS: ("Fewer like this", "From your next edition on, papers like it rank lower."),
    FeedbackKind.SAVED: (
        "Saved",
        "It is on your list. From your next edition on, papers like it rank higher.",
    ),
}
RowNumber = Annotated[int, FromPath(ge=1, le=2**53)]


def routes(site: Site) -> APIRouter:
    """Return the routes of mailed links."""
    router = APIRouter(include_in_schema=False)

    @router.get("/editions/{token}")
    def edition(token: str) -> Response:
        claims = site.claims(token, TokenPurpose.VIEW)
        found = personal.read_edition(site.app, claims.edition_id, claims.subscriber_id)
        if found is None:
            return not_found(site)
        return site.page("edition.html", private=True, title=found.title, found=found)

    @router.get("/saved/{token}")
    def saved(token: str) -> Response:
        claims = site.claims(token, TokenPurpose.FEEDBACK)
        return site.page(
            "saved.html", private=True, title="Your saved papers",
            entries=personal.saved_papers(site.app, claims.subscriber_id),
            suggest=site.url(f"/suggest/{token}")
            if submitting.suggestions(site.app, claims.subscriber_id) else "",
            feedback=site.url(f"/f/{token}/saved/"),
        )  # fmt: skip

    @router.get("/f/{token}")
    def rate(token: str) -> Response:
        claims = site.claims(token, TokenPurpose.FEEDBACK)
        found = personal.read_edition(site.app, claims.edition_id, claims.subscriber_id)
        if found is None:
            return not_found(site)
        return site.page(
            "rate.html", private=True, title="Rate these papers", found=found,
            feedback=site.url(f"/f/{token}"), saved=site.url(f"/saved/{token}"),
        )  # fmt: skip

    @router.get("/f/{token}/{kind}/{paper}")
    def ask(token: str, kind: FeedbackKind, paper: RowNumber) -> Response:
        claims = site.claims(token, TokenPurpose.FEEDBACK)
        return _feedback_page(site, claims, token, kind, paper)

    @router.post("/f/{token}/{kind}/{paper}")
    async def say(token: str, kind: FeedbackKind, paper: RowNumber, request: Request) -> Response:
        claims = site.claims(token, TokenPurpose.FEEDBACK)
        if not site.allows("token", request):
            return site.too_many()
        form = await posted(request)
        is_back = form.has("take_back")
        return await run_in_threadpool(_say, site, claims, token, kind, paper, is_back)

    return router


def _say(
    site: Site, claims: Claims, token: str, kind: FeedbackKind, paper: int, is_back: bool
) -> Response:
    if kind not in _VERBS:
        return not_found(site)
    if is_back:
        preferring.take_back(site.app, claims.subscriber_id, paper, kind)
        return _feedback_page(site, claims, token, kind, paper, said="back")
    known = preferring.rate(
        site.app, claims.subscriber_id, paper, kind, edition_id=claims.edition_id
    )
    return (
        _feedback_page(site, claims, token, kind, paper, said="yes") if known else not_found(site)
    )


def _feedback_page(
    site: Site, claims: Claims, token: str, kind: FeedbackKind, paper: int, *, said: str = ""
) -> HTMLResponse:
    found = preferring.rated_paper(site.app, claims.subscriber_id, paper)
    if found is None or kind not in _VERBS:
        return not_found(site)
    title, text = {
        "": (_VERBS[kind], ""),
        "yes": _DONE[kind],
        "back": ("Taken back", "It no longer counts: your next edition is made without it."),
    }[said]
    return site.page(
        "feedback.html",
        private=True,
        title=title,
        text=text,
        said=said,
        verb=_VERBS[kind],
        paper=found,
        action=site.url(f"/f/{token}/{kind.value}/{paper}"),
        saved=site.url(f"/saved/{token}"),
    )
