"""The kinds that page through an API, against a web server on loopback."""

from urllib.parse import parse_qs, urlsplit

import pytest
from builders import NOON
from paged import YESTERDAY, as_json, asked, fetched, keys_of
from scripted import Reply

from digest.errors import SourceError

# --- bioRxiv ------------------------------------------------------------------------------------


def posts(*numbers, total=None, version=1):
    found = [
        {"doi": f"10.64898/2026.04.10.{n}", "title": f"Paper {n}", "version": str(version),
         "date": "2026-04-13"}
        for n in numbers
    ]  # fmt: skip
    total = len(found) if total is None else total
    return as_json({"messages": [{"status": "ok", "total": str(total)}], "collection": found})


NO_POSTS = as_json({"messages": [{"status": "no posts found"}], "collection": []})


def window(cursor, server="biorxiv"):
    return f"/details/{server}/2026-04-10/2026-04-14/{cursor}/json"


@pytest.fixture
def biorxiv(script, source_of):
    return source_of("biorxiv", base_url=script.url())


def test_biorxiv_goes_on_by_what_a_page_holds_until_one_is_empty(script, asking, biorxiv):
    script.routes[window(0)] = posts(700001, 700002, total=3)
    script.routes[window(2)] = posts(700003, total=3)
    script.routes[window(3)] = NO_POSTS
    found = keys_of(biorxiv, fetched(biorxiv, asking()))
    assert found == [f"doi:10.64898/2026.04.10.70000{n}" for n in (1, 2, 3)]


def test_a_window_of_biorxiv_without_posts_is_a_quiet_answer(script, asking, biorxiv):
    script.routes[window(0)] = NO_POSTS
    (body,) = fetched(biorxiv, asking())
    assert biorxiv.parse(body).records == ()


def test_an_empty_page_in_the_middle_is_asked_for_again_and_then_an_error(script, asking, biorxiv):
    script.routes[window(0)] = posts(700001, total=900)
    script.routes[window(1)] = [posts(total=900), posts(total=900), posts(700002, total=900)]
    script.routes[window(2)] = posts(total=900)
    with pytest.raises(SourceError, match="stays empty"):
        fetched(biorxiv, asking())
    assert len(script.asked(window(1))) == len(script.asked(window(2))) == 3


def test_a_page_of_biorxiv_that_repeats_is_an_error(script, asking, biorxiv):
    script.routes[window(0)] = script.routes[window(1)] = posts(700001, total=2)
    with pytest.raises(SourceError, match="same page twice"):
        fetched(biorxiv, asking())


def test_biorxiv_asks_each_server_and_keeps_the_wanted_categories(script, asking, source_of):
    source = source_of(
        "biorxiv",
        base_url=script.url(),
        servers=["biorxiv", "medrxiv"],
        categories=["Cell_Biology", "ecology"],
    )
    found = [
        {"doi": f"10.64898/2026.04.10.70000{n}", "title": "A", "version": "1", "category": category}
        for n, category in enumerate(["cell biology", "genomics", "Ecology", ""])
    ]
    page = {"messages": [{"status": "ok", "total": "4"}], "collection": found}
    script.routes[window(0)] = as_json(page)
    script.routes[window(4)] = script.routes[window(0, "medrxiv")] = NO_POSTS
    bodies = fetched(source, asking())
    assert [key[-1] for key in keys_of(source, bodies)] == ["0", "2", "3"]
    assert len(bodies) == 2


def test_biorxiv_is_asked_for_all_versions_of_a_doi(script, asking, biorxiv):
    script.routes["/details/biorxiv/10.1101/658153/na/json"] = posts(700001)
    (body,) = biorxiv.enrich(asking(), ["doi:10.1101/658153", "doi:10.1000/x", "pmid:1"])
    assert biorxiv.parse(body).records


# --- OpenAlex -----------------------------------------------------------------------------------


def works(*numbers, cursor=None):
    found = [{"id": f"https://openalex.org/W{n}", "display_name": f"Work {n}"} for n in numbers]
    return as_json({"meta": {"count": 3, "next_cursor": cursor}, "results": found})


@pytest.fixture
def openalex(script, source_of):
    return source_of("openalex", base_url=script.url(), search="field mice", api_key="s3cret")


def by_cursor(pages):
    return lambda one: pages[parse_qs(urlsplit(one.path).query)["cursor"][0]]


def test_openalex_follows_its_cursor_to_the_end(script, asking, openalex):
    script.routes["/works"] = by_cursor({"*": works(1, 2, cursor="b+/="), "b+/=": works(3)})
    assert keys_of(openalex, fetched(openalex, asking())) == [f"openalex:W{n}" for n in (1, 2, 3)]
    first = asked(script)
    assert first["filter"] == "from_publication_date:2026-04-06,to_publication_date:2026-04-14"
    assert (first["search"], first["api_key"]) == ("field mice", "s3cret")


def test_a_cursor_that_comes_back_is_an_error(script, asking, openalex):
    script.routes["/works"] = by_cursor({"*": works(1, cursor="b"), "b": works(2, cursor="b")})
    with pytest.raises(SourceError, match="same page twice"):
        fetched(openalex, asking())


def test_the_key_is_in_no_error(script, asking, openalex):
    script.routes["/works"] = as_json({"error": "no"}, status=500)
    with pytest.raises(SourceError) as caught:
        fetched(openalex, asking())
    assert "s3cret" not in str(caught.value)


def test_openalex_is_asked_for_fifty_papers_at_once(script, asking, source_of):
    source = source_of("openalex", base_url=script.url(), enrich_only=True)
    script.routes["/works"] = works(1)
    keys = [*(f"arxiv:2604.{n:05}" for n in range(1, 61)), "pmid:7", "doi:10.1000/a|b", "hn:1"]
    assert fetched(source, asking()) == []
    assert len(list(source.enrich(asking(), keys))) == 3
    assert asked(script)["filter"].startswith("doi:10.48550/arxiv.2604.00001|10.48550/")
    assert asked(script, 2)["filter"] == "ids.pmid:7"


# --- Crossref -----------------------------------------------------------------------------------


def items(*numbers, cursor="same"):
    found = [{"DOI": f"10.1000/{n}", "title": [f"Work {n}"]} for n in numbers]
    return as_json({"status": "ok", "message": {"next-cursor": cursor, "items": found}})


@pytest.fixture
def crossref(script, source_of):
    return source_of(
        "crossref", base_url=script.url(), issns=["0000-0019", "0000-0027"], mailto="me@example.org"
    )


def test_crossref_ends_at_a_short_page_though_its_cursor_stays(script, asking, crossref):
    script.routes["/works"] = [items(*range(200)), items(*range(200, 230))]
    bodies = fetched(crossref, asking())
    assert len(keys_of(crossref, bodies)) == 230
    assert [asked(script, n)["cursor"] for n in (0, 1)] == ["*", "same"]


def test_crossref_is_asked_by_date_of_creation_and_told_who_asks(script, asking, crossref):
    script.routes["/works"] = items()
    fetched(crossref, asking())
    query = asked(script)
    assert query["filter"].startswith("from-created-date:2026-04-10,until-created-date:2026-04-14,")
    assert "issn:0000-0019,issn:0000-0027,type:journal-article" in query["filter"]
    assert query["mailto"] == "me@example.org"


def test_crossref_that_repeats_a_page_is_an_error(script, asking, crossref):
    script.routes["/works"] = items(*range(200))
    with pytest.raises(SourceError, match="same page twice"):
        fetched(crossref, asking())


def test_crossref_says_what_was_wrong_with_the_query(script, asking, crossref):
    problem = {"type": "parameter-not-allowed", "message": "no such filter"}
    script.routes["/works"] = as_json({"status": "failed", "message": [problem]})
    with pytest.raises(SourceError, match="no such filter"):
        fetched(crossref, asking())


# --- PubMed -------------------------------------------------------------------------------------


def search(*ids, count=None, **more):
    found = [str(one) for one in ids]
    answer = {"count": str(len(found) if count is None else count), "idlist": found, **more}
    return as_json({"esearchresult": answer})


def articles(one):
    ids = parse_qs(urlsplit(one.path).query)["id"][0].split(",")
    found = "".join(
        f"<PubmedArticle><MedlineCitation><PMID>{pmid}</PMID><Article><ArticleTitle>On {pmid}."
        "</ArticleTitle></Article></MedlineCitation></PubmedArticle>"
        for pmid in ids
    )
    return Reply(f"<?xml version='1.0'?><PubmedArticleSet>{found}</PubmedArticleSet>".encode())


@pytest.fixture
def pubmed(script, source_of):
    script.routes["/efetch.fcgi"] = articles
    return source_of(
        "pubmed", base_url=script.url(), query="sleep AND mice", email="me@example.org"
    )


def test_pubmed_searches_and_then_asks_for_two_hundred_at_a_time(script, asking, pubmed):
    script.routes["/esearch.fcgi"] = search(*range(1, 451))
    bodies = fetched(pubmed, asking())
    assert len(bodies) == 3
    assert len(set(keys_of(pubmed, bodies))) == 450
    query = asked(script)
    assert (query["datetype"], query["mindate"], query["maxdate"]) == (
        "edat", "2026/04/10", "2026/04/14",
    )  # fmt: skip
    assert (query["tool"], query["email"]) == ("paper-digest", "me@example.org")


def test_pubmed_that_finds_more_than_is_read_says_truncated(script, asking, pubmed):
    script.routes["/esearch.fcgi"] = search(1, 2, count=90_000)
    (body,) = fetched(pubmed, asking())
    assert pubmed.parse(body).completeness == "truncated"


@pytest.mark.parametrize(
    "answer",
    [
        search(ERROR="Search Backend failed"),
        search(errorlist={"phrasesnotfound": ["mouces"], "fieldsnotfound": []}),
        as_json({"error": "API rate limit exceeded"}),
    ],
)
def test_errors_of_pubmed_with_status_200_are_errors(script, asking, pubmed, answer):
    script.routes["/esearch.fcgi"] = answer
    with pytest.raises(SourceError, match="refused"):
        fetched(pubmed, asking())


# --- OpenReview ---------------------------------------------------------------------------------


def notes(*numbers, at=1_776_100_000_000):
    found = [
        {"id": f"forum{n:05}", "forum": f"forum{n:05}", "tcdate": at, "tmdate": at,
         "content": {"title": {"value": f"Note {n}"}}}
        for n in numbers
    ]  # fmt: skip
    return as_json({"notes": found})


def test_openreview_pages_by_offset(script, asking, source_of):
    source = source_of("openreview", base_url=script.url(), invitations=["F.cc/-/Submission"])
    script.routes["/notes"] = [notes(*range(1000)), notes(1000)]
    assert len(keys_of(source, fetched(source, asking()))) == 1001
    assert asked(script)["invitation"] == "F.cc/-/Submission"
    assert asked(script, 1)["offset"] == "1000"
    assert int(asked(script)["mintcdate"]) == 1_775_908_800_000


def test_openreview_stops_at_what_is_older_than_the_last_poll(script, asking, source_of):
    source = source_of("openreview", base_url=script.url(), venue_ids=["F.cc/2026/Conference"])
    script.routes["/notes"] = notes(*range(1000), at=1_600_000_000_000)
    assert len(fetched(source, asking())) == 1
    assert "mintcdate" not in asked(script)


def test_openreview_says_why_it_refuses(script, asking, source_of):
    source = source_of("openreview", base_url=script.url(), invitations=["F.cc/-/Submission"])
    script.routes["/notes"] = as_json({"name": "RateLimitError", "message": "Too many requests"})
    with pytest.raises(SourceError, match="Too many requests"):
        list(map(source.parse, fetched(source, asking())))


# --- All of them --------------------------------------------------------------------------------

OPTIONS = {
    "biorxiv": {},
    "openalex": {"search": "x"},
    "crossref": {"query": "x"},
    "pubmed": {"query": "x"},
    "openreview": {"invitations": ["F.cc/-/Submission"]},
}
BAD = {
    "http-500": Reply(b"oops", 500),
    "a page": Reply(b"<!DOCTYPE html><html><body>Please log in</body></html>"),
    "half of it": Reply(b'{"messages": [{"sta', length=900),
    "nothing": Reply(b""),
    "another shape": as_json(["hello"]),
}


@pytest.mark.parametrize("kind", OPTIONS)
@pytest.mark.parametrize("bad", BAD)
def test_no_bad_answer_is_a_quiet_day(script, asking, source_of, kind, bad):
    source = source_of(kind, base_url=script.url(), **OPTIONS[kind])
    script.reply = lambda _asked: BAD[bad]
    with pytest.raises(SourceError):
        [source.parse(body) for body in source.fetch(asking(), watermark=YESTERDAY, now=NOON)]


@pytest.mark.parametrize("kind", OPTIONS)
def test_a_long_pause_asks_for_a_month_at_most(script, asking, source_of, kind):
    source = source_of(kind, base_url=script.url(), **OPTIONS[kind])
    script.reply = lambda _asked: Reply(b"{}")
    with pytest.raises(SourceError):
        [
            source.parse(b)
            for b in source.fetch(asking(), watermark={"since": "2020-01-01T00:00:00Z"}, now=NOON)
        ]
    path = script.log[0].path
    assert any(day in path for day in ("2026-03-14", "2026%2F03%2F14", "1773489600000"))


# --- The inbox ----------------------------------------------------------------------------------


@pytest.fixture
def inbox(script, source_of):
    names = ("arxiv", "biorxiv", "crossref", "pubmed", "openreview", "openalex")
    return source_of("inbox", **{f"{name}_url": script.url() for name in names})


@pytest.mark.parametrize(
    ("reference", "key"),
    [
        ("arXiv:2604.00001v2", "arxiv:2604.00001"),
        ("https://huggingface.co/papers/2604.00001", "arxiv:2604.00001"),
        ("https://doi.org/10.1101/2026.04.10.700001v1.full", "doi:10.1101/2026.04.10.700001"),
        ("PMID: 31452104", "pmid:31452104"),
        ("PMC123", "url:https://pmc.ncbi.nlm.nih.gov/articles/PMC123/"),
        ("https://openreview.net/forum?id=aB3_dE-fG1", "openreview:aB3_dE-fG1"),
        ("https://Example.org/a?b=1#c", "url:https://example.org/a?b=1"),
        ("https://news.ycombinator.com/item?id=1", None),
        ("javascript:alert(1)", None),
        ("file:///etc/passwd", None),
        (f"https://example.org/{'a' * 300}", None),
        ("hello", None),
    ],
)
def test_an_inbox_knows_what_a_reference_stands_for(inbox, reference, key):
    assert inbox.key_of(reference) == key


def test_an_inbox_asks_each_id_where_it_comes_from(script, asking, inbox):
    script.routes["/works"] = items(1)
    script.routes["/details/biorxiv/10.1101/658153/na/json"] = posts(700001)
    script.routes["/details/medrxiv/10.1101/658153/na/json"] = NO_POSTS
    script.routes["/efetch.fcgi"] = articles
    script.routes["/notes"] = notes(1)
    waiting = ["doi:10.1000/1", "doi:10.1101/658153", "pmid:7", "openreview:forum00001"]
    bodies = fetched(inbox, asking(), {"waiting": waiting})
    records = [record for body in bodies for record in inbox.parse(body).records]
    assert {record.key.partition(":")[0] for record in records} == {"doi", "pmid", "openreview"}
    assert {(record.source, record.announce_type, record.announced_on) for record in records} == {
        ("a", "new", NOON.date())
    }


def test_an_empty_inbox_asks_nobody(script, asking, inbox):
    assert fetched(inbox, asking(), {}) == []
    assert script.log == []
