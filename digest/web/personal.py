"""The pages that a mail's links open: the edition, preferences, a word on a paper.

Looking changes nothing; each change is a POST of a form on the page itself.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time
from typing import Annotated
from zoneinfo import available_timezones

from fastapi import APIRouter, Request
from fastapi import Path as FromPath
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, Response
from starlette.datastructures import FormData

from digest.actions import personal, preferring
from digest.model import FeedbackKind, Interest, Profile
from digest.subscribers.interests import TypedInterest, read_interest, typed_interest
from digest.subscribers.tokens import TokenPurpose
from digest.web.daily import not_found
from digest.web.forms import posted
from digest.web.site import Site

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MOST_PAPERS = 50
_VERBS = {
    FeedbackKind.MORE: "More like this",
    FeedbackKind.LESS: "Less like this",
    FeedbackKind.SAVED: "Save this paper",
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

    @router.get("/f/{token}/{kind}/{paper}")
    def ask(token: str, kind: FeedbackKind, paper: RowNumber) -> Response:
        claims = site.claims(token, TokenPurpose.FEEDBACK)
        found = preferring.rated_paper(site.app, claims.subscriber_id, paper)
        if found is None or kind not in _VERBS:
            return not_found(site)
        action = site.url(f"/f/{token}/{kind.value}/{paper}")
        return site.page(
            "feedback.html", private=True, title=_VERBS[kind], paper=found, action=action
        )

    @router.post("/f/{token}/{kind}/{paper}")
    def say(token: str, kind: FeedbackKind, paper: RowNumber) -> Response:
        claims = site.claims(token, TokenPurpose.FEEDBACK)
        known = kind in _VERBS and preferring.rate(
            site.app, claims.subscriber_id, paper, kind, edition_id=claims.edition_id
        )
        if not known:
            return not_found(site)
        return site.message("Thank you", "Your next edition will take it into account.")

    _add_preferences(router, site)
    return router


def _add_preferences(router: APIRouter, site: Site) -> None:
    @router.get("/preferences/{token}")
    def show(token: str) -> Response:
        claims = site.claims(token, TokenPurpose.PREFERENCES)
        return _preferences_page(site, token, claims.subscriber_id, claims.subscription_id)

    @router.post("/preferences/{token}")
    async def save(token: str, request: Request) -> Response:
        claims = site.claims(token, TokenPurpose.PREFERENCES)
        ids = (claims.subscriber_id, claims.subscription_id)
        form = (await posted(request)).form

        def keep() -> Response:
            found = preferring.preferences(site.app, *ids)
            if found is None:
                return not_found(site)
            try:
                wanted = read_preferences(form, found.profile)
            except ValueError as exc:
                return _preferences_page(site, token, *ids, problem=str(exc))
            if not preferring.save(site.app, *ids, wanted):
                return site.message(
                    "This digest is kept by its owner", "Ask them to change it.", status=403
                )
            return _preferences_page(site, token, *ids, saved=True)

        return await run_in_threadpool(keep)


def _preferences_page(
    site: Site,
    token: str,
    subscriber_id: int,
    subscription_id: int,
    *,
    saved: bool = False,
    problem: str = "",
) -> HTMLResponse:
    found = preferring.preferences(site.app, subscriber_id, subscription_id)
    if found is None:
        return not_found(site)
    profile = found.profile
    first = profile.interests[0] if profile.interests else None
    return site.page(
        "preferences.html",
        status=422 if problem else 200,
        private=True,
        title="Your digest",
        found=found,
        typed=typed_interest(first) if first else TypedInterest(),
        weekdays=WEEKDAYS,
        most_papers=MOST_PAPERS,
        action=site.url(f"/preferences/{token}"),
        saved=saved,
        problem=problem,
    )


def read_preferences(form: FormData, profile: Profile) -> Profile:
    """Return the profile as the form wants it; raises ValueError with a sentence for the reader."""
    texts = {name: value for name, value in form.items() if isinstance(value, str)}
    chosen = {str(day) for day in form.getlist("weekday")}
    weekdays = tuple(number for number in range(7) if str(number) in chosen)
    if not weekdays:
        raise ValueError("Choose at least one weekday, or unsubscribe.")
    zone = texts.get("time_zone", "").strip()
    if zone not in available_timezones():
        raise ValueError("The time zone is not known: write one such as Europe/Berlin.")
    schedule = replace(
        profile.schedule,
        weekdays=weekdays,
        time_zone=zone,
        send_time=_send_time(texts.get("send_time", "")),
        paused_until=_pause(texts.get("paused_until", "")),
    )
    count = texts.get("max_papers", "")
    if count not in {str(number) for number in range(1, MOST_PAPERS + 1)}:
        raise ValueError(f"The number of papers is from 1 to {MOST_PAPERS}.")
    return replace(
        profile,
        interests=_interests(texts, profile),
        schedule=schedule,
        max_papers=int(count),
    )


def _interests(texts: dict[str, str], profile: Profile) -> tuple[Interest, ...]:
    first = profile.interests[:1]
    typed = TypedInterest(
        name=first[0].name if first else "",
        terms=texts.get("terms-0", "")[:4000],
        categories=texts.get("categories-0", "")[:1000],
        authors=texts.get("authors-0", "")[:4000],
        papers=texts.get("papers-0", "")[:40_000],
    )
    if typed.is_empty:
        return profile.interests[1:]
    read = read_interest(typed)
    if first:
        # What the form does not show stays as it was.
        read = replace(
            first[0], terms=read.terms, categories=read.categories, authors=read.authors,
            liked=read.liked,
        )  # fmt: skip
    return (read, *profile.interests[1:])


def _send_time(text: str) -> time:
    try:
        return time.fromisoformat(text).replace(second=0, microsecond=0, tzinfo=None)
    except ValueError as exc:
        raise ValueError("The hour is not readable: write one such as 07:30.") from exc


def _pause(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as exc:
        raise ValueError("The date is not readable: write one such as 2026-08-31.") from exc
