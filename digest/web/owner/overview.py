"""Login, the first page, sources, runs, and what came back."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from digest.actions import outbox, polling, watching
from digest.actions.alerting import name_of
from digest.actions.stats import Stats
from digest.web import charts
from digest.web.api.guard import is_owner
from digest.web.charts import Chart
from digest.web.forms import posted
from digest.web.owner.gate import HOME, Gate
from digest.web.site import Site


def routes(site: Site, gate: Gate) -> APIRouter:
    """Return the routes."""
    router = APIRouter(include_in_schema=False)
    _add_login(router, site, gate)

    @router.get(HOME)
    def home(request: Request) -> Response:
        gate.ask(request)
        found = watching.overview(site.app)
        return gate.page(
            request,
            "home.html",
            title="Overview",
            found=found,
            name_of=name_of,
            growth=_growth(found.growth),
        )

    @router.get(f"{HOME}/sources")
    def sources(request: Request) -> Response:
        gate.ask(request)
        pages = watching.source_pages(site.app)
        return gate.page(request, "sources.html", title="Sources", pages=pages)

    @router.post(HOME + "/sources/{name}/enable")
    async def enable(name: str, request: Request) -> Response:
        await gate.form(request)
        await run_in_threadpool(polling.enable, site.app, name)
        return gate.go(f"{HOME}/sources", said="enabled")

    @router.get(f"{HOME}/runs")
    def runs(request: Request) -> Response:
        gate.ask(request)
        return gate.page(request, "runs.html", title="Runs", runs=watching.runs(site.app))

    @router.get(f"{HOME}/bounces")
    def bounces(request: Request) -> Response:
        gate.ask(request)
        found = watching.returned(site.app)
        return gate.page(request, "bounces.html", title="Bounces", found=found)

    return router


def _add_login(router: APIRouter, site: Site, gate: Gate) -> None:
    def login_page(problem: str = "", status: int = 200) -> Response:
        return site.page(
            "owner/login.html", private=True, status=status, title="Log in", problem=problem
        )

    @router.get(f"{HOME}/login")
    def ask_token() -> Response:
        return login_page()

    @router.post(f"{HOME}/login")
    async def login(request: Request) -> Response:
        form = await posted(request)
        if not site.allows("login", request):
            return login_page("Too many attempts: wait ten minutes.", 429)
        if not is_owner(site, form.text("owner_token", 4096)):
            return login_page("This is not the owner's token.", 403)
        return await run_in_threadpool(gate.open)

    @router.post(f"{HOME}/logout")
    async def logout(request: Request) -> Response:
        await gate.form(request)
        return await run_in_threadpool(gate.close)

    @router.post(HOME + "/sending")
    async def hold(request: Request) -> Response:
        form = await gate.form(request)
        is_pause = form.text("hold") == "on"
        await run_in_threadpool(outbox.pause if is_pause else outbox.resume, site.app)
        return gate.go(HOME, said="paused" if is_pause else "resumed")


def _growth(found: Stats) -> Chart | None:
    readers = [
        series.values
        for panel in found.panels
        for series in panel.series
        if (panel.name, series.name) == ("growth", "confirmed")
    ]
    return charts.growth_chart(found.days, readers[0]) if readers else None
