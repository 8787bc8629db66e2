"""Semantic Scholar: what it knows of papers found elsewhere, and what a search finds lately.

https://api.semanticscholar.org/api-docs/graph. An aggregator: every id but its own is a claim.
Without a search it announces nothing and is only asked for known papers, five hundred at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field

from digest.errors import SourceError
from digest.exact import Exact
from digest.model import Author, Link, PaperKey, Record, Signal
from digest.sources import Batch, Body, Fetcher, Rejected
from digest.sources._asking import Pages, ask, batch_of, first_day, since_now
from digest.sources._reading import (
    dict_of,
    instant,
    json_of,
    list_of,
    number_of,
    text_of,
    unique,
    web_link,
)
from digest.text.clean import clean
from digest.text.ids import make_key, split_key
from digest.text.plain import plain

SITE = "https://api.semanticscholar.org"
IDS_A_CALL = 500
MAX_PAGES = 10
OVERLAP = timedelta(days=3)
FIRST_DAYS = timedelta(days=1)
FIELDS = (
    "externalIds,url,title,abstract,venue,publicationDate,citationCount,fieldsOfStudy,"
    "openAccessPdf,authors"
)
_NAMES = {"arxiv": "ARXIV", "doi": "DOI", "pmid": "PMID", "pmcid": "PMCID", "s2": "CorpusId"}
_CLAIMED = {"ArXiv": "arxiv", "DOI": "doi", "PubMed": "pmid", "PubMedCentral": "pmcid"}


class SemanticScholarOptions(Exact):
    """``[sources.NAME]`` with ``kind = "semanticscholar"``."""

    query: str = Field("", description="Words that new papers must have; empty to enrich only.")
    api_key: str = Field("", description="Free key: a request a second of your own.")
    base_url: str = Field(SITE, description="Address of the API.")


def source(name: str, options: Mapping[str, Any]) -> SemanticScholarSource:
    """Build the source from its block of the configuration."""
    return SemanticScholarSource(name, SemanticScholarOptions.model_validate(dict(options)))


@dataclass(frozen=True)
class SemanticScholarSource:
    """Its graph of papers."""

    name: str
    options: SemanticScholarOptions
    kind: str = "semanticscholar"
    provider: str = "semanticscholar"

    def fetch(
        self, fetcher: Fetcher, *, watermark: Mapping[str, Any], now: datetime
    ) -> Iterator[Body]:
        """Page through what the search finds since the last good poll, if there is a search."""
        if not self.options.query:
            return
        since = first_day(watermark, now=now, overlap=OVERLAP, default=FIRST_DAYS)
        params: dict[str, str | int] = {
            "query": self.options.query,
            "fields": FIELDS,
            "publicationDateOrYear": f"{since}:",
            "sort": "publicationDate:desc",
        }
        pages = Pages(name=self.name, most=MAX_PAGES)
        token = ""
        while True:
            pages.turn(token)
            body = ask(
                fetcher,
                f"{self._base}/paper/search/bulk",
                params={**params, "token": token} if token else params,
                headers=self._headers,
                label=f"search {token[:40]}".strip(),
            )
            yield body
            token = clean(text_of(dict_of(json_of(self.name, body)).get("token")))
            if not token:
                return

    def enrich(self, fetcher: Fetcher, keys: Sequence[PaperKey]) -> Iterator[Body]:
        """Ask for papers by the ids it understands; unknown ones come back as null."""
        ids = [f"{_NAMES[s]}:{value}" for s, value in map(split_key, keys) if s in _NAMES]
        for start in range(0, len(ids), IDS_A_CALL):
            try:
                yield fetcher.post(
                    f"{self._base}/paper/batch?fields={FIELDS},tldr",
                    json={"ids": ids[start : start + IDS_A_CALL]},
                    headers=self._headers,
                    label=f"papers {start}",
                )
            except SourceError as exc:
                if "No valid paper ids" not in exc.reason:  # 400 where it knows none of them
                    raise

    def parse(self, body: Body) -> Batch:
        """Read the answer to a search or to a batch of ids. Raises SourceError."""
        answer = json_of(self.name, body)
        papers = answer if isinstance(answer, list) else dict_of(answer).get("data")
        if not isinstance(papers, list):
            problem = dict_of(answer)
            said = clean(text_of(problem.get("error")) or text_of(problem.get("message")))[:200]
            reason = f"{body.url} answered with: {said or 'JSON of another shape'}"
            raise SourceError(self.name, reason, kind="not-a-list")
        read = (self._record(dict_of(paper)) for paper in papers if paper is not None)
        return batch_of(self.name, body, read)

    def next_watermark(
        self, watermark: Mapping[str, Any], batches: Sequence[Batch], *, now: datetime
    ) -> Mapping[str, Any]:
        """Remember when all pages were read."""
        return since_now(now)

    @property
    def _base(self) -> str:
        return f"{self.options.base_url.rstrip('/')}/graph/v1"

    @property
    def _headers(self) -> Mapping[str, str] | None:
        return {"x-api-key": self.options.api_key} if self.options.api_key else None

    def _record(self, paper: dict[str, Any]) -> Record | Rejected:
        number = clean(text_of(paper.get("paperId")))
        ids = dict_of(paper.get("externalIds"))
        key = make_key("s2", str(ids.get("CorpusId") or ""))
        title = plain(text_of(paper.get("title")))
        if key is None or not title:
            return Rejected(native_id=number[:300], reason="no corpus id or no title")
        cited = number_of(paper.get("citationCount"))
        pdf = web_link(dict_of(paper.get("openAccessPdf")).get("url"))
        return Record(
            source=self.name,
            key=key,
            asserted_ids=unique(make_key(s, str(ids.get(n) or "")) for n, s in _CLAIMED.items()),
            native_id=number or key,
            title=title,
            abstract=plain(text_of(paper.get("abstract"))),
            summary=plain(text_of(dict_of(paper.get("tldr")).get("text"))),
            authors=_authors(paper),
            categories=_texts(paper.get("fieldsOfStudy")),
            url=web_link(paper.get("url")) or f"https://www.semanticscholar.org/paper/{number}",
            links=(Link(kind="pdf", url=pdf),) if pdf else (),
            venue=plain(text_of(paper.get("venue"))),
            published_at=instant(paper.get("publicationDate")),
            signals=() if cited is None else (Signal(kind="citations", value=cited),),
        )


def _texts(values: Any) -> tuple[str, ...]:
    found = (plain(text_of(value)) for value in list_of(values))
    return tuple(dict.fromkeys(text for text in found if text))


def _authors(paper: dict[str, Any]) -> tuple[Author, ...]:
    found = []
    for person in map(dict_of, list_of(paper.get("authors"))):
        name = plain(text_of(person.get("name")))
        number = clean(text_of(person.get("authorId")))
        if any(char.isalpha() for char in name):
            found.append(Author(name=name, ids=(f"s2:{number}",) if number else ()))
    return tuple(found)
