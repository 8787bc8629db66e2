"""Semantic Scholar's search and batch look-ups, against a web server on loopback."""

import json

from paged import as_json, asked, fetched, keys_of


def graph(*numbers, **more):
    found = [
        {"paperId": f"a{n}", "title": f"Paper {n}", "externalIds": {"CorpusId": n}} for n in numbers
    ]
    return as_json({"data": found, **more})


def test_semantic_scholar_without_a_search_announces_nothing(script, asking, source_of):
    assert fetched(source_of("semanticscholar", base_url=script.url()), asking()) == []
    assert script.log == []


def test_semantic_scholar_follows_the_token_of_its_search(script, asking, source_of):
    source = source_of("semanticscholar", base_url=script.url(), query="planning", api_key="s3cret")
    script.routes["/graph/v1/paper/search/bulk"] = [graph(1, token="t/1"), graph(2, token=None)]
    assert keys_of(source, fetched(source, asking())) == ["s2:1", "s2:2"]
    assert asked(script, 1)["token"] == "t/1"
    assert script.log[0].headers["x-api-key"] == "s3cret"


def test_semantic_scholar_is_asked_for_many_papers_at_once(script, asking, source_of):
    source = source_of("semanticscholar", base_url=script.url())
    refusal = as_json({"error": "No valid paper ids given"}, status=400)
    script.routes["/graph/v1/paper/batch"] = [as_json([None]), refusal]
    keys = [*(f"arxiv:2604.{n:05}" for n in range(500)), "doi:10.1000/x", "feed:a/b"]
    (body,) = source.enrich(asking(), keys)
    assert source.parse(body).records == ()
    assert json.loads(script.log[0].body)["ids"][0] == "ARXIV:2604.00000"
    assert json.loads(script.log[1].body) == {"ids": ["DOI:10.1000/x"]}
