"""Subscribe by page: the form with its preview, the confirm page, and "this was not me".

Looking changes nothing, and the preview neither. Whatever address is typed, the answer is the
same, and is given before anything is looked up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from starlette.background import BackgroundTask

from digest.actions import keeping, posting, subscribing
from digest.actions.keeping import Upload
from digest.actions.subscribing import Outcome, Wish
from digest.errors import AddressError, TokenError, UsageError
from digest.model import Interest, Profile, Schedule
from digest.rendering.words import SECTION_NAMES
from digest.subscribers.addresses import normalise
from digest.subscribers.cadence import WEEKDAYS, cadence
from digest.subscribers.consent import CONSENT_TEXT
from digest.subscribers.interests import TypedInterest, distinct, read_interests
from digest.subscribers.tokens import TokenPurpose
from digest.web import forms, words
from digest.web.forms import Posted, posted
from digest.web.site import Site

TRAP = "fax"
"""A field that people do not see and robots fill in."""
QUICKEST = timedelta(seconds=1.5)
FORM_LIFE = timedelta(hours=24)
_PROBLEMS = {
    "stale": "This form had been open for long. Press the button once more.",
    "quick": "That was quicker than people type. Press the button once more.",
}


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What the form holds at the moment, and the first thing that is wrong with it."""

    address: str = ""
    typed: tuple[TypedInterest, ...] = ()
    profile: Profile
    upload: Upload | None = None
    orcid: str = ""
    problem: str = ""


def routes(site: Site) -> APIRouter:
    """Return the routes of subscribing."""
    router = APIRouter(include_in_schema=False)

    @router.get("/subscribe")
    def form(request: Request) -> Response:
        if not site.may_subscribe:
            return _closed(site)
        typed = forms.as_query({k: words.inert(v) for k, v in request.query_params.items()})
        draft = Draft(typed=(typed,), profile=_profile(site, read_interests([typed])))
        asked = bool(draft.profile.interests) and site.allows("preview", request)
        return _page(site, draft, shows_preview=asked)

    @router.post("/preview")
    async def preview(request: Request) -> Response:
        if not site.may_subscribe:
            return _closed(site)
        form = await posted(request)
        if not form.is_whole:  # before the limit: what never came in counts for nobody
            return site.torn()
        if not site.allows("preview", request):
            return site.too_many()
        draft = await site.work(_read, site, form)
        return await site.work(
            _page, site, draft, shows_preview=not draft.problem, begun=form.text("begun")
        )

    @router.post("/subscribe")
    async def ask(request: Request) -> Response:
        if not site.may_subscribe:
            return _closed(site)
        form = await posted(request)
        if not form.is_whole:
            return site.torn()
        if not site.allows("subscribe", request):
            return site.too_many()
        draft = await site.work(_read, site, form)
        return await site.work(_ask, site, request, form, draft)

    _add_links(router, site)
    return router


def _add_links(router: APIRouter, site: Site) -> None:
    @router.get("/confirm/{token}")
    def confirm_page(token: str) -> Response:
        claims = site.claims(token, TokenPurpose.CONFIRM)
        found = subscribing.waiting(site.app, claims.subscriber_id, claims.subscription_id)
        if found is None:
            return _used(site)
        return site.page(
            "confirm.html", private=True, title="Confirm your subscription", found=found,
            cadence=cadence(found.profile.schedule), action=site.url(f"/confirm/{token}"),
        )  # fmt: skip

    @router.post("/confirm/{token}")
    def confirm(token: str, request: Request) -> Response:
        claims = site.claims(token, TokenPurpose.CONFIRM)
        if not site.allows("token", request):
            return site.too_many()
        agent = request.headers.get("user-agent", "")
        ids = (claims.subscriber_id, claims.subscription_id)
        if subscribing.confirm(site.app, *ids, agent=agent) is Outcome.GONE:
            return _used(site)
        return site.message(
            "You are subscribed", "The first edition is on its way. Each mail has a link to "
            "change what you get, and one to stop.",
        )  # fmt: skip

    @router.get("/refuse/{token}")
    def refuse_page(token: str) -> Response:
        site.claims(token, TokenPurpose.REFUSE)
        return site.page(
            "ask.html", private=True, title="Was this not you?", button="This was not me",
            text="Nothing was subscribed yet. Say so, and this address is not written to again.",
            action=site.url(f"/refuse/{token}"), is_danger=False,
        )  # fmt: skip

    @router.post("/refuse/{token}")
    def refuse(token: str, request: Request) -> Response:
        claims = site.claims(token, TokenPurpose.REFUSE)
        if not site.allows("token", request):
            return site.too_many()
        subscribing.refuse(site.app, claims.subscriber_id, claims.subscription_id)
        return site.message("Thank you", "Nothing is sent because of that request.")


def _ask(site: Site, request: Request, form: Posted, draft: Draft) -> Response:
    done = _done(site)
    if form.text(TRAP):
        return done
    try:
        address = normalise(form.text("address", 400))
    except AddressError as exc:
        return _page(site, draft, problem=f"Your address: {exc}.", begun=form.text("begun"))
    if draft.problem:
        return _page(site, draft, begun=form.text("begun"))
    if problem := _haste(site, form):
        return _page(site, draft, problem=problem)
    if not posting.admits(site.app, site.network(request)):
        return site.too_many()
    wish = Wish(
        address=address,
        profile=draft.profile,
        upload=draft.upload,
        agent=request.headers.get("user-agent", ""),
    )
    # After the answer: how long it takes tells nobody whether the address is known.
    done.background = BackgroundTask(subscribing.ask, site.app, wish)
    return done


def _haste(site: Site, form: Posted) -> str:
    """Say what the time between showing and posting the form speaks of; empty if nothing."""
    try:
        claims = site.claims(form.text("begun"), TokenPurpose.FORM)
    except TokenError:
        return _PROBLEMS["stale"]
    assert claims.issued_at is not None
    quick = site.app.now() - claims.issued_at < QUICKEST
    return _PROBLEMS["quick"] if quick else ""


def _read(site: Site, form: Posted) -> Draft:
    """Return what was posted; where something cannot be read, the rest and the problem."""
    typed = tuple(forms.typed_interests(form)) or (TypedInterest(),)
    upload, problem = None, ""
    interests = list(read_interests(typed))
    orcid = form.text("orcid", 100)
    file_name, content = form.file("library")
    try:
        if content:
            upload = keeping.read_upload(content, name=words.inert(file_name))
            interests.append(Interest(name="My library", library=keeping.UPLOADED))
        if orcid:
            library = keeping.orcid_library(orcid)
            interests.append(Interest(name="My own papers", library=library))
    except UsageError as exc:
        problem = str(exc)
    profile = _profile(site, distinct(interests))
    try:
        profile = replace(
            profile,
            schedule=forms.read_schedule(form, profile.schedule),
            max_papers=forms.read_length(form, profile.max_papers),
        )
    except ValueError as exc:
        problem = problem or str(exc)
    return Draft(
        address=form.text("address", 400), typed=typed, profile=profile, upload=upload,
        orcid=orcid, problem=problem,
    )  # fmt: skip


def _profile(site: Site, interests: tuple[Interest, ...]) -> Profile:
    settings = site.app.config.settings.digest
    return Profile(
        name="visitor",
        title=forms.title_of(interests),
        interests=interests,
        schedule=Schedule(time_zone=settings.time_zone),
        locale=settings.locale,
    )


def _page(
    site: Site, draft: Draft, *, shows_preview: bool = False, problem: str = "", begun: str = ""
) -> HTMLResponse:
    problem = problem or draft.problem
    at_hand = {keeping.UPLOADED: draft.upload.content} if draft.upload else {}
    now = site.app.now()
    answer = site.page(
        "subscribe.html",
        status=422 if problem else 200,
        headers={"Cache-Control": "no-store"},
        title="Subscribe",
        draft=draft,
        schedule=draft.profile.schedule,
        preview=site.previewer.preview(draft.profile, at_hand=at_hand) if shows_preview else None,
        problem=problem,
        begun=begun
        or site.signer.make(TokenPurpose.FORM, 0, issued_at=now, expires_at=now + FORM_LIFE),
        trap=TRAP,
        consent=CONSENT_TEXT,
        sections=SECTION_NAMES,
        weekdays=WEEKDAYS,
        zones=forms.zones(),
        lengths=forms.LENGTHS,
        offers_orcid=bool(site.app.config.settings.web.orcid_url),
    )
    # While somebody reads or types, what the next preview needs is made ready.
    answer.background = BackgroundTask(site.previewer.refresh)
    return answer


def _done(site: Site) -> HTMLResponse:
    """Answer every wish alike, whatever becomes of it."""
    hint = "If nothing comes within ten minutes, look into the spam folder, then ask again."
    if site.app.config.settings.web.double_opt_in:
        text = ("A mail with a link is on its way to you. You are not subscribed yet: open the "
                f"link within 48 hours and press its button. {hint}")  # fmt: skip
    else:
        text = ("Your first edition is on its way. If we knew the address before, a mail with a "
                f"link comes instead. {hint}")  # fmt: skip
    return site.message("Look into your mailbox", text)


def _used(site: Site) -> HTMLResponse:
    return site.message(
        "This link was used already", "Or a later one took its place. Ask for a new one.",
        status=410,
    )  # fmt: skip


def _closed(site: Site) -> HTMLResponse:
    return site.message(
        "Subscribing by page is off here", "Ask the owner of this installation.", status=404,
        private=False,
    )  # fmt: skip
