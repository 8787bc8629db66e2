"""What parsers read out of recorded answers, held against the answers themselves."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from corpus import SHARED

from digest.config import load_config
from digest.plugins import resolve
from digest.sources import Body
from digest.text.ids import parse_doi

PAYLOADS = SHARED / "payloads"
pytestmark = pytest.mark.skipif(not PAYLOADS.is_dir(), reason="no folder of recorded answers")

OPTIONS = {
    "openalex": {"search": "x"},
    "crossref": {"query": "x"},
    "pubmed": {"query": "x"},
    "openreview": {"invitations": ["x"]},
    "arxiv": {"categories": ["stat"]},
}


def body(path, label=""):
    return Body(
        url="https://example.org/", content=path.read_bytes(), label=label,
        fetched_at=datetime(2026, 9, 1, tzinfo=UTC),
    )  # fmt: skip


def read(kind, path, label=""):
    source = resolve(kind, "digest.sources", "source")("golden", OPTIONS.get(kind, {}))
    return source.parse(body(PAYLOADS / path, label))


def answer(path):
    return json.loads((PAYLOADS / path).read_text("utf-8"))


@pytest.mark.parametrize("server", ["biorxiv", "medrxiv"])
def test_every_version_of_a_biorxiv_page_is_read_and_only_first_ones_are_new(server):
    path = f"biorxiv/fastpaper_{server}_details.json"
    posted = answer(path)["collection"]
    batch = read("biorxiv", path)
    assert batch.rejected == ()
    found = [(r.key, r.version, r.announce_type == "new", r.withdrawn) for r in batch.records]
    assert found == [
        (f"doi:{one['doi']}", int(one["version"]), one["version"] == "1",
         one["type"] == "withdrawn" or one["title"].startswith("WITHDRAWN"))
        for one in posted
    ]  # fmt: skip
    assert [len(r.authors) for r in batch.records] == [
        len([name for name in one["authors"].split(";") if name.strip(" .,")]) for one in posted
    ]
    linked = [any(link.kind == "published" for link in r.links) for r in batch.records]
    assert linked == [one["published"] != "NA" for one in posted]
    assert not any(re.search(r"\b[OC]_[A-Z]{2}", r.abstract) for r in batch.records)


@pytest.mark.parametrize("name", ["fastpaper_search.json", "researchradar_works.json"])
def test_openalex_works_keep_their_numbers_and_whole_abstracts(name):
    works = answer(f"openalex/{name}")["results"]
    records = read("openalex", f"openalex/{name}").records
    assert [r.key.partition(":")[2] for r in records] == [w["id"].rpartition("/")[2] for w in works]
    assert [r.signals[0].value for r in records] == [w["cited_by_count"] for w in works]
    assert [len(r.authors) for r in records] == [len(w["authorships"]) for w in works]
    for record, work in zip(records, works, strict=True):
        own = [key for key in record.asserted_ids if key.startswith("doi:")]
        assert own == [f"doi:{work['doi'].partition('doi.org/')[2].lower()}"]
        words = work.get("abstract_inverted_index") or {}
        count = sum(map(len, words.values()))
        assert abs(len(record.abstract.split()) - count) <= max(3, count * 0.05)


@pytest.mark.parametrize("name", ["fastpaper_search.json", "fatcat__crossref_api_works.json"])
def test_crossref_works_keep_doi_authors_and_citations(name):
    items = answer(f"crossref/{name}")["message"]["items"]
    records = read("crossref", f"crossref/{name}").records
    assert [r.key for r in records] == [parse_doi(one["DOI"]).key for one in items]
    assert [len(r.authors) for r in records] == [len(one.get("author", [])) for one in items]
    assert [r.signals[0].value for r in records] == [one["is-referenced-by-count"] for one in items]
    assert [bool(r.abstract) for r in records] == ["abstract" in one for one in items]
    assert not any("jats" in r.abstract or "<" in r.title for r in records)


@pytest.mark.parametrize("path", sorted((PAYLOADS / "pubmed").glob("*.xml")), ids=lambda p: p.stem)
def test_pubmed_articles_keep_their_ids_and_authors(path):
    text = path.read_text("utf-8")
    articles = re.findall(r"<PubmedArticle>.*?</PubmedArticle>", text, re.DOTALL)
    records = read("pubmed", path.relative_to(PAYLOADS)).records
    assert [r.key for r in records] == [
        f"pmid:{re.search(r'<PMID[^>]*>([0-9]+)', one)[1]}" for one in articles
    ]
    assert [len(r.authors) for r in records] == [
        len(re.findall(r"<Author [^>]*>|<Author>", one.partition("<CommentsCorrectionsList")[0]))
        for one in articles
    ]
    assert [bool(r.abstract) for r in records] == ["<AbstractText" in one for one in articles]
    assert all((r.published_at and r.announced_on is None) or r.published_at for r in records)
    for record, one in zip(records, articles, strict=True):
        data = one.partition("<ReferenceList")[0]
        doi = re.search(r'<ArticleId IdType="doi">([^<]+)<', data)
        assert [key for key in record.ids if key.startswith("doi:")] == (
            [f"doi:{doi[1].lower()}"] if doi else []
        )


def test_openreview_leaves_imported_records_out():
    path = "openreview/fastpaper_v2_notes_search_first3of10.json"
    assert [r.key for r in read("openreview", path).records] == ["openreview:IefMMX12yk"]
    plain = read("openreview", "openreview/researchpaperscrape_v1_search_trimmed.json").records
    assert plain[0].authors[1].name == "Jona Ballé"


@pytest.mark.parametrize("name", ["fastpaper_search.json", "sotawhat_transformer.json"])
def test_semantic_scholar_papers_keep_their_ids_and_citations(name):
    papers = answer(f"semantic_scholar/{name}")["data"]
    records = read("semanticscholar", f"semantic_scholar/{name}").records
    assert [r.key for r in records] == [f"s2:{p['externalIds']['CorpusId']}" for p in papers]
    for record, paper in zip(records, papers, strict=True):
        ids = paper["externalIds"]
        wanted = [f"arxiv:{ids['ArXiv']}"] if "ArXiv" in ids else []
        assert [key for key in record.asserted_ids if key.startswith("arxiv:")] == wanted
        told = [paper["citationCount"]] if paper.get("citationCount") is not None else []
        assert [signal.value for signal in record.signals] == told


def test_hugging_face_votes_are_the_recorded_ones():
    path = "hf_daily_papers/sotawhat_2026-06-12_full.json"
    items = answer(path)
    records = read("huggingface", path, label="2026-06-12").records
    assert [r.key for r in records] == [f"arxiv:{one['paper']['id']}" for one in items]
    votes = [next(s.value for s in r.signals if s.kind == "hf_upvotes") for r in records]
    assert votes == [one["paper"]["upvotes"] for one in items]


def test_a_whole_recorded_arxiv_day_keeps_its_counts():
    path = "arxiv_rss/aliverti_rss_stat_2024-03-26_full.xml"
    records = read("arxiv", path, label="stat").records
    kinds = [str(record.announce_type) for record in records]
    counts = {kind: kinds.count(kind) for kind in ("new", "cross", "replace", "replace-cross")}
    assert counts == {"new": 35, "cross": 27, "replace": 41, "replace-cross": 20}
    text = (PAYLOADS / path).read_text("utf-8")
    guids = re.findall(r"<guid[^>]*>(oai:arXiv.org:[^<]+)<", text)
    assert sorted(r.native_id for r in records) == sorted(guids)


def test_hacker_news_stories_without_papers_give_no_points():
    observer = resolve("hackernews", "digest.sources.signals", "observer")(load_config().settings)
    path = PAYLOADS / "hn_algolia" / "anthropicnews_search_2026.json"
    hits = answer("hn_algolia/anthropicnews_search_2026.json")["hits"]
    linked = [
        hit for hit in hits if re.search(r"arxiv\.org|doi\.org|openreview", hit.get("url") or "")
    ]
    assert len(observer.parse(body(path))) == len(linked)
