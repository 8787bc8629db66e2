"""PubMed through NCBI's E-utilities: what a query found among recent entries.

https://www.ncbi.nlm.nih.gov/books/NBK25499/. First the ids by the day of entry (a JSON list), then
the articles, two hundred at a time (XML). Errors come with status 200.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import Field

from digest.errors import SourceError
from digest.exact import Exact
from digest.model import PaperKey
from digest.sources import Batch, Body, Fetcher
from digest.sources._asking import ask, first_day, since_now, values_of
from digest.sources._pubmed_xml import parse_articles
from digest.sources._reading import dict_of, list_of, mapping_of, text_of
from digest.text.clean import clean

SITE = "https://eutils.ncbi.nlm.nih.gov/entrez/eutils"
TOOL = "paper-digest"
IDS_A_CALL = 200
MOST_IDS = 9_998
"""No search gives more (retstart stops there): a query that finds more is cut."""
OVERLAP = timedelta(days=3)
FIRST_DAYS = timedelta(days=1)
CUT = "cut"


class PubmedOptions(Exact):
    """``[sources.NAME]`` with ``kind = "pubmed"``."""

    query: str = Field(min_length=1, description="PubMed query, such as sleep[Title] AND mice.")
    email: str = Field("", description="Your address, as NCBI asks; digest.contact is not sent.")
    api_key: str = Field("", description="Raises NCBI's limit from 3 to 10 requests a second.")
    max_papers: int = Field(2000, ge=1, le=MOST_IDS, description="Most articles read at one poll.")
    base_url: str = Field(SITE, description="Address of the E-utilities.")


def source(name: str, options: Mapping[str, Any]) -> PubmedSource:
    """Build the source from its block of the configuration."""
    return PubmedSource(name, PubmedOptions.model_validate(dict(options)))


@dataclass(frozen=True)
class PubmedSource:
    """What one query finds."""

    name: str
    options: PubmedOptions
    kind: str = "pubmed"
    provider: str = "pubmed"

    def fetch(
        self, fetcher: Fetcher, *, watermark: Mapping[str, Any], now: datetime
    ) -> Iterator[Body]:
        """Search the days since the last good poll and three more, then ask for the articles."""
        since = first_day(watermark, now=now, overlap=OVERLAP, default=FIRST_DAYS)
        params: dict[str, str | int] = {
            "term": self.options.query,
            "retmode": "json",
            "retmax": self.options.max_papers,
            "sort": "pub_date",
            "datetype": "edat",
            "mindate": f"{since:%Y/%m/%d}",
            "maxdate": f"{now.astimezone(UTC):%Y/%m/%d}",
        }
        found = self._ask(fetcher, "esearch", params, label="search")
        ids, count = _found(self.name, found)
        yield from self._articles(fetcher, ids, suffix=f" {CUT}" if count > len(ids) else "")

    def enrich(self, fetcher: Fetcher, keys: Sequence[PaperKey]) -> Iterator[Body]:
        """Ask for articles by their PMIDs."""
        yield from self._articles(fetcher, values_of(keys, "pmid"))

    def _articles(
        self, fetcher: Fetcher, ids: Sequence[str], *, suffix: str = ""
    ) -> Iterator[Body]:
        for start in range(0, len(ids), IDS_A_CALL):
            some = ids[start : start + IDS_A_CALL]
            params = {"id": ",".join(some), "retmode": "xml"}
            yield self._ask(fetcher, "efetch", params, label=f"articles {start}{suffix}")

    def _ask(
        self, fetcher: Fetcher, tool: str, params: Mapping[str, str | int], *, label: str
    ) -> Body:
        given = {"email": self.options.email, "api_key": self.options.api_key}
        ours = {name: value for name, value in given.items() if value}
        url = f"{self.options.base_url.rstrip('/')}/{tool}.fcgi"
        params = {"db": "pubmed", **params, "tool": TOOL, **ours}
        return ask(fetcher, url, params=params, label=label)

    def parse(self, body: Body) -> Batch:
        """Read some articles. Raises SourceError if it is not a set of articles."""
        return parse_articles(self.name, body, is_cut=body.label.endswith(CUT))

    def next_watermark(
        self, watermark: Mapping[str, Any], batches: Sequence[Batch], *, now: datetime
    ) -> Mapping[str, Any]:
        """Remember when all articles were read."""
        return since_now(now)


def _found(name: str, body: Body) -> tuple[list[str], int]:
    """Return the ids and how many the query found. Raises SourceError for NCBI's errors."""
    result = dict_of(mapping_of(name, body).get("esearchresult"))
    wrong = text_of(result.get("ERROR")) or ", ".join(
        f"{clean(problem)} {clean(str(term))}"
        for problem, terms in dict_of(result.get("errorlist")).items()
        for term in list_of(terms)
    )
    if not isinstance(result.get("idlist"), list) or wrong:
        said = clean(wrong)[:200] or "JSON of another shape"
        raise SourceError(name, f"PubMed refused the search: {said}", kind="bad-query")
    count = text_of(result.get("count"))
    ids = [clean(text_of(one)) for one in result["idlist"]]
    return [one for one in ids if one.isdigit()], int(count) if count.isdigit() else len(ids)
