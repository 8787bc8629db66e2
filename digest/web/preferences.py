"""The reader's own pages: preferences by mailed link, the link itself, their data.

There are no accounts: whoever opens the mailbox may change what comes into it. Exporting and
erasing take a link that was just mailed, for a forwarded edition carries the others.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.background import BackgroundTask

from digest.actions import erasing, exporting, keeping, posting, preferring
from digest.actions.keeping import Upload
from digest.actions.preferring import Preferences
from digest.errors import AddressError, UsageError
from digest.model import Interest, Profile
from digest.rendering.words import SECTION_NAMES
from digest.subscribers.addresses import normalise
from digest.subscribers.cadence import WEEKDAYS, cadence
from digest.subscribers.interests import MOST_INTERESTS, TypedInterest, distinct
from digest.subscribers.tokens import Claims, TokenPurpose
from digest.web import forms, words
from digest.web.daily import not_found
from digest.web.forms import Posted, posted
from digest.web.security import PRIVATE_HEADERS
from digest.web.site import Site

_KEPT_BY_OWNER = "This digest is kept by its owner"


def routes(site: Site) -> APIRouter:
    """Return the routes of readers' own pages."""
    router = APIRouter(include_in_schema=False)
    _add_asking(router, site)
    _add_data(router, site)

    @router.get("/preferences/{token}")
    def show(token: str) -> Response:
        return _page(site, site.claims(token, TokenPurpose.PREFERENCES))

    @router.post("/preferences/{token}")
    async def save(token: str, request: Request) -> Response:
        claims = site.claims(token, TokenPurpose.PREFERENCES)
        if not site.allows("token", request):
            return site.too_many()
        return await site.work(_save, site, claims, await posted(request))

    return router


def _add_asking(router: APIRouter, site: Site) -> None:
    @router.get("/preferences")
    def ask_page() -> Response:
        return _asking_page(site)

    @router.post("/preferences")
    async def ask(request: Request) -> Response:
        if not posting.is_possible(site.app):
            return not_found(site)
        form = await posted(request)
        try:
            address = normalise(form.text("address", 400))
        except AddressError as exc:
            return _asking_page(site, problem=f"Your address: {exc}.", address=form.text("address"))
        admitted = site.allows("subscribe", request) and await run_in_threadpool(
            posting.admits, site.app, site.network(request)
        )
        if not admitted:
            return site.too_many()
        answer = site.message(
            "Look into your mailbox", "If this address has a digest here, a link to its settings "
            "is on its way. It works for 7 days.",
        )  # fmt: skip
        # After the answer: how long it takes tells nobody whether the address is known.
        answer.background = BackgroundTask(preferring.mail_link, site.app, address)
        return answer


def _add_data(router: APIRouter, site: Site) -> None:
    @router.post("/preferences/{token}/data")
    def mail_links(token: str, request: Request) -> Response:
        claims = site.claims(token, TokenPurpose.PREFERENCES)
        if not site.allows("token", request):
            return site.too_many()
        answer = site.message(
            "Look into your mailbox", "Links to fetch your data, and to erase it, are on their "
            "way. They work for 48 hours.",
        )  # fmt: skip
        answer.background = BackgroundTask(
            preferring.mail_data_links, site.app, claims.subscriber_id
        )
        return answer

    @router.post("/preferences/{token}/feed")
    async def mail_feed(token: str, request: Request) -> Response:
        claims = site.claims(token, TokenPurpose.PREFERENCES)
        if not site.allows("token", request):
            return site.too_many()
        is_new = (await posted(request)).has("renew")
        said = " Addresses that you got before stop working." if is_new else ""
        answer = site.message(
            "Look into your mailbox", f"The address of your private feed is on its way.{said}"
        )
        answer.background = BackgroundTask(
            preferring.mail_feed_link, site.app, claims.subscriber_id, claims.subscription_id,
            is_new=is_new,
        )  # fmt: skip
        return answer

    @router.get("/export/{token}")
    def export(token: str) -> Response:
        claims = site.claims(token, TokenPurpose.EXPORT)
        found = exporting.export(site.app, claims.subscriber_id)
        if found is None:
            return not_found(site)
        name = {"Content-Disposition": 'attachment; filename="my-digest-data.json"'}
        return JSONResponse(found, headers=dict(PRIVATE_HEADERS) | name)

    @router.get("/erase/{token}")
    def erase_page(token: str) -> Response:
        site.claims(token, TokenPurpose.ERASE)
        return site.page(
            "ask.html", private=True, title="Erase everything about you?", button="Erase it all",
            text="Your subscriptions end at once, and your address, interests, feedback and "
            "history are deleted. What stays is a fingerprint of the address, so that nobody "
            "subscribes it again without you. It cannot be undone.",
            action=site.url(f"/erase/{token}"), is_danger=True,
        )  # fmt: skip

    @router.post("/erase/{token}")
    def erase(token: str, request: Request) -> Response:
        claims = site.claims(token, TokenPurpose.ERASE)
        if not site.allows("token", request):
            return site.too_many()
        erasing.erase(site.app, claims.subscriber_id, via="page")
        return site.message("Everything about you is erased", "Nothing more will be sent to you.")


def _save(site: Site, claims: Claims, form: Posted) -> Response:
    found = preferring.preferences(site.app, claims.subscriber_id, claims.subscription_id)
    if found is None:
        return not_found(site)
    try:
        wanted, upload = _wanted(form, found.profile, site.app.now().date())
    except (ValueError, UsageError) as exc:
        return _page(site, claims, problem=str(exc), form=form)
    kept = preferring.save(
        site.app, claims.subscriber_id, found.subscription_id, wanted, upload=upload
    )
    if not kept:
        return site.message(_KEPT_BY_OWNER, "Ask them to change it.", status=403)
    return _page(site, claims, saved=True)


def _wanted(form: Posted, before: Profile, today: date) -> tuple[Profile, Upload | None]:
    """Return the profile that the form asks for; raises ValueError, UsageError."""
    interests = list(forms.changed_interests(form, before))
    upload = None
    file_name, content = form.file("library")
    if content:
        upload = keeping.read_upload(content, name=words.inert(file_name))
        interests.append(Interest(name="My library", library=keeping.UPLOADED))
    found = distinct(interests)
    title = " ".join(words.inert(form.text("title", 120)).split())
    wanted = replace(
        before,
        title=title or forms.title_of(found),
        interests=found,
        schedule=forms.read_schedule(form, before.schedule, today=today),
        max_papers=forms.read_length(form, before.max_papers),
        **forms.read_sections(form, before),
    )
    return wanted, upload


def _page(
    site: Site, claims: Claims, *, saved: bool = False, problem: str = "",
    form: Posted | None = None,
) -> HTMLResponse:  # fmt: skip
    found = preferring.preferences(site.app, claims.subscriber_id, claims.subscription_id)
    if found is None:
        return not_found(site)
    return site.page(
        "preferences.html",
        status=422 if problem else 200,
        private=True,
        title="Your digest",
        found=found,
        typed=forms.typed_interests(form, with_removed=True)
        if form
        else forms.typed_of(found.profile),
        blank=TypedInterest(),
        most_interests=MOST_INTERESTS,
        cadence=cadence(found.profile.schedule),
        weekdays=WEEKDAYS,
        zones=forms.zones(),
        lengths=forms.LENGTHS,
        weights=forms.WEIGHTS,
        sections=SECTION_NAMES,
        links=_links(site, claims, found),
        saved=saved,
        problem=problem,
    )


def _links(site: Site, claims: Claims, found: Preferences) -> dict[str, str]:
    """Return what else the reader may open, each by a link of its own purpose."""

    def link(path: str, purpose: TokenPurpose, ending: str = "", row_id: int = 0) -> str:
        token = site.signer.make(
            purpose,
            claims.subscriber_id,
            subscription_id=row_id or found.subscription_id,
            issued_at=claims.issued_at,
            expires_at=claims.expires_at,
        )
        return site.url(f"/{path}/{token}{ending}")

    own = link("preferences", TokenPurpose.PREFERENCES)
    others = {
        f"other-{row_id}": link("preferences", TokenPurpose.PREFERENCES, row_id=row_id)
        for row_id, _ in found.others
    }
    return others | {
        "save": own,
        "data": f"{own}/data",
        "saved": link("saved", TokenPurpose.FEEDBACK),
        "unsubscribe": link("u", TokenPurpose.UNSUBSCRIBE),
        "feed": f"{own}/feed",
    }


def _asking_page(site: Site, *, problem: str = "", address: str = "") -> HTMLResponse:
    if not posting.is_possible(site.app):
        return not_found(site)
    return site.page(
        "preferences-link.html", status=422 if problem else 200, title="Your settings",
        problem=problem, address=address,
    )  # fmt: skip
