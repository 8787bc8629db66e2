"""One paper's page, and the same as JSON and BibTeX."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from pydantic import TypeAdapter

from digest.actions import reading, searching
from digest.actions.reading import PaperPage
from digest.rendering.bibtex import bibtex
from digest.web import charts
from digest.web.daily import PUBLIC_CACHE, not_found
from digest.web.site import Site

_page = TypeAdapter(PaperPage)


def routes(site: Site) -> APIRouter:
    """Return the routes of papers; keys may hold slashes, the ending says which form."""
    router = APIRouter(include_in_schema=False)

    @router.get("/paper/{key:path}.json")
    def as_json(key: str) -> Response:
        found = reading.read_paper(site.app, key)
        if found is None:
            return JSONResponse({"detail": "there is no such paper"}, status_code=404)
        return JSONResponse(_page.dump_python(found, mode="json"), headers=PUBLIC_CACHE)

    @router.get("/paper/{key:path}.bib")
    def as_bibtex(key: str) -> Response:
        found = reading.read_paper(site.app, key)
        if found is None:
            return PlainTextResponse("there is no such paper\n", status_code=404)
        return PlainTextResponse(
            bibtex(found.entry.paper), media_type="application/x-bibtex", headers=PUBLIC_CACHE
        )

    @router.get("/paper/{key:path}")
    def page(key: str) -> Response:
        found = reading.read_paper(site.app, key)
        if found is None:
            return not_found(site)
        kinds = list(dict.fromkeys(o.kind for o in found.observations))
        drawn = [(kind, charts.signal_chart(found.observations, kind)) for kind in kinds]
        return site.page(
            "paper.html",
            found=found,
            paper=found.entry.paper,
            entry=found.entry,
            charts=[(kind, chart) for kind, chart in drawn if chart],
            similar=searching.similar(site.app, found.entry.paper, site.search_index),
            title=found.entry.paper.title,
            headers=PUBLIC_CACHE,
        )

    return router
