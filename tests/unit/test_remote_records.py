"""Records of ORCID and Zotero: anybody writes his own, and a server may send anything."""

import json

import pytest
from growth import at_most
from scripted import Reply, serving

from digest.actions.setup import remote
from digest.errors import UsageError

IDENTIFIER = "0000-0002-1825-0097"
PATH = f"/{IDENTIFIER}/works"
WORK = {
    "title": {"title": {"value": "A title"}},
    "external-ids": {
        "external-id": [{"external-id-type": "arxiv", "external-id-value": "2604.00001"}]
    },
}
NO_RECORDS = {
    "nested": b'{"group": ' + b"[" * 200_000,
    "a number of 100,000 digits": b'{"group": ' + b"9" * 100_000 + b"}",
    "no object": b"[]",
    "no list": b'{"group": 3}',
    "texts for objects": json.dumps({"group": ["a"]}).encode(),
    "a title that is a text": json.dumps({"group": [{"work-summary": [{"title": "a"}]}]}).encode(),
    "summaries that are no list": json.dumps({"group": [{"work-summary": {"a": 1}}]}).encode(),
    "not UTF-8": b"\xff\xfe\x00",
    "nothing": b"",
}


def record(*summaries):
    return json.dumps({"group": [{"work-summary": [one]} for one in summaries]}).encode()


def test_a_record_gives_its_works():
    with serving() as script:
        script.routes[PATH] = Reply(record(WORK, WORK))
        found = remote.from_orcid(IDENTIFIER, base_url=script.url(""))
    assert "arXiv:2604.00001" in found.library or "2604.00001" in found.library


@pytest.mark.parametrize("name", NO_RECORDS)
def test_what_is_no_record_is_one_error_of_ours(name):
    with serving() as script:
        script.routes[PATH] = Reply(NO_RECORDS[name])
        with pytest.raises(UsageError, match="the answer is not a list of works"):
            remote.from_orcid(IDENTIFIER, base_url=script.url(""))


def test_a_record_without_end_is_given_up(monkeypatch):
    monkeypatch.setattr(remote, "MOST_BYTES", 1 << 20)
    with serving() as script:
        script.routes[PATH] = Reply(b" " * (3 << 20))
        with pytest.raises(UsageError, match="more than 1 MB"):
            remote.from_orcid(IDENTIFIER, base_url=script.url(""))


def test_long_titles_and_many_identifiers_are_cut():
    identifiers = {"external-id": WORK["external-ids"]["external-id"] * 20_000}
    work = {"title": {"title": {"value": "<math>" * 100_000}}, "external-ids": identifiers}
    with at_most(2):
        (item,) = remote.works(record(work))
    assert len(item.title) <= 4000


@pytest.mark.parametrize("total", ["nine", "9" * 5000, "-1", "\u0663"])
def test_a_number_of_items_that_is_none_ends_the_reading(total):
    with serving() as script:
        items = json.dumps([{"data": {"title": "A title"}}]).encode()
        headers = {"Total-Results": total} if total.isascii() else {}
        script.routes["/users/7/items/top"] = Reply(items, headers=headers)
        assert remote.from_zotero("7", base_url=script.url("")).papers == 1
