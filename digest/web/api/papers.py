"""Papers and profiles, to read."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from digest.actions import papers, profiles, reading, searching
from digest.errors import MissingError
from digest.model import Paper
from digest.store.search import Filters
from digest.web.api.problems import documented
from digest.web.api.schemas import Day, Line, Name, PageNumber, PaperOut, ProfileOut, SearchOut
from digest.web.site import Site


def routes(site: Site) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.get("/profiles", response_model=list[ProfileOut], tags=["profiles"])
    def list_profiles() -> Any:
        """List the active profiles, those of files and readers' own."""
        return profiles.listing(site.app)

    @router.get(
        "/profiles/{name}", response_model=ProfileOut, responses=documented(404), tags=["profiles"]
    )
    def show_profile(name: Name) -> Any:
        """Show a profile from a file."""
        return profiles.get(site.app, name)

    @router.get("/papers", response_model=list[Paper], tags=["papers"])
    def list_papers(
        first_on: Annotated[Day | None, Query(description="First day (UTC); today.")] = None,
        last_on: Annotated[Day | None, Query(description="Last day (UTC); today.")] = None,
        source: Annotated[Line, Query(description="Announced by this source.")] = "",
        limit: Annotated[int, Query(ge=1, le=1000, description="Papers at most.")] = 200,
    ) -> Any:
        """List the papers first seen on these days, newest first."""
        return papers.listed(
            site.app, first_on=first_on, last_on=last_on, source=source, limit=limit
        )

    @router.get("/papers/search", response_model=SearchOut, tags=["papers"])
    def search_papers(
        q: Annotated[Name, Query(description='Words, "a phrase", -without.')],
        source: Line = "",
        category: Line = "",
        first_on: Day | None = None,
        last_on: Day | None = None,
        page: PageNumber = 1,
    ) -> Any:
        """Search everything stored by words and meaning, the best first."""
        filters = Filters(source=source, category=category, first_on=first_on, last_on=last_on)
        return searching.find(site.app, site.search_index, q, filters=filters, page=page)

    @router.get(
        "/papers/{key:path}", response_model=PaperOut, responses=documented(404), tags=["papers"]
    )
    def show_paper(key: Name) -> Any:
        """Show a paper by its key, such as arxiv:2401.01234."""
        found = reading.read_paper(site.app, key)
        if found is None:
            raise MissingError(f"there is no paper {key!r} in the store")
        return found

    return router
