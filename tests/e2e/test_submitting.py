import io
import json

import pytest
from builders import NOON
from scripted import Reply, serving
from sqlalchemy import insert, select

from digest.actions import polling, submitting
from digest.app import App
from digest.cli.main import run
from digest.config import load_config
from digest.errors import UsageError
from digest.pipeline.polling import poll_sources
from digest.sources._pdf import packet_of
from digest.store import papers, submissions, tables


@pytest.fixture
def web():
    with serving() as script:
        yield script


@pytest.fixture
def app(engine, web):
    inbox = {"kind": "inbox", "allow_private": True} | dict.fromkeys(
        ("arxiv_url", "biorxiv_url", "crossref_url", "pubmed_url", "openreview_url"), web.url()
    )
    settings = {"sources": {"inbox": inbox}, "limits": {"inbox": {"every_s": 0.001}}}
    return App(load_config(overrides=settings), lambda: NOON, engine)


def crossref(*dois):
    items = [{"DOI": doi, "title": [f"The work {doi}"]} for doi in dois]
    return Reply(json.dumps({"status": "ok", "message": {"items": items}}).encode())


PAGE = Reply(
    b"<html><head><meta name=citation_title content='A paper on a page'></head></html>",
    headers={"Content-Type": "text/html"},
)


def outcome(found):
    return [(str(one.state), one.key, one.title) for one in found]


def test_a_doi_and_a_page_become_papers_that_are_news(app, web):
    web.routes["/works"] = crossref("10.1000/x")
    web.routes["/paper"] = PAGE
    address = web.url("/paper")
    assert outcome(submitting.submit(app, ["https://doi.org/10.1000/X", address])) == [
        ("found", "doi:10.1000/x", "The work 10.1000/x"),
        ("found", f"url:{address}", "A paper on a page"),
    ]
    with app.reading() as connection:
        found = papers.candidates(
            connection, window_start=NOON, window_end=NOON.replace(hour=13), sources=["inbox"]
        )
    assert len(found) == 2


def test_what_names_no_paper_is_told_and_asks_nobody(app, web):
    (one,) = submitting.submit(app, ["hello there"])
    assert (str(one.state), one.key) == ("failed", "")
    assert "names no paper" in one.problem
    assert web.log == []


def test_one_dead_archive_stops_no_other(app, web):
    web.routes["/works"] = Reply(b"oops", 500)
    web.routes["/paper"] = PAGE
    doi, page = submitting.submit(app, ["10.1000/x", web.url("/paper")])
    assert (str(doi.state), str(page.state)) == ("waiting", "found")
    assert "500" in doi.problem


def test_what_nobody_knows_yet_is_asked_for_again_until_enough(app, web, monkeypatch):
    monkeypatch.setattr(submissions, "MOST_ATTEMPTS", 2)
    web.routes["/works"] = [crossref(), crossref(), crossref("10.1000/x")]
    (first,) = submitting.submit(app, ["10.1000/x"])
    assert (str(first.state), first.problem) == (
        "waiting", "nobody knows it yet: it will be asked for again",
    )  # fmt: skip
    poll_sources(app, ["inbox"], force=True)
    assert [str(one.state) for one in submitting.submitted(app)] == ["failed"]
    poll_sources(app, ["inbox"], force=True)
    assert len(web.log) == 2
    (again,) = submitting.submit(app, ["10.1000/x"])
    assert str(again.state) == "found"


def test_a_paper_named_twice_is_one_submission(app, web):
    web.routes["/works"] = crossref("10.1000/x")
    submitting.submit(app, ["10.1000/x", "doi:10.1000/X"], look_up=False)
    assert [one.reference for one in submitting.submitted(app)] == ["10.1000/x"]


def test_a_page_on_a_private_address_is_not_asked(engine, web):
    web.routes["/paper"] = PAGE
    settings = {"sources": {"inbox": {"kind": "inbox"}}, "http": {"ports": [web.port]}}
    app = App(load_config(overrides=settings), lambda: NOON, engine)
    (one,) = submitting.submit(app, [web.url("/paper")])
    assert str(one.state) == "waiting"
    assert "private" in one.problem
    assert web.log == []


@pytest.mark.parametrize(
    "reply", [Reply(b"gone", 404), Reply(b"<html>hello</html>"), Reply(b"%PDF")]
)
def test_a_bad_page_fails_alone_and_the_inbox_stays_well(app, web, reply):
    web.routes["/bad"], web.routes["/works"] = reply, crossref("10.1000/x")
    bad, good = submitting.submit(app, [web.url("/bad"), "10.1000/x"])
    assert (str(bad.state), str(good.state)) == ("waiting", "found")
    assert web.url("/bad") in bad.problem
    (inbox,) = polling.health(app)
    assert inbox.is_healthy


def pdf(title="A paper in print", creator="Ada Lovelace", doi="10.1000/print"):
    rdf = "xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'"
    packet = (
        f"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF {rdf}><rdf:Description "
        "xmlns:dc='http://purl.org/dc/elements/1.1/' "
        "xmlns:prism='http://prismstandard.org/namespaces/basic/2.0/'>"
        f"<dc:title><rdf:Alt><rdf:li>{title}</rdf:li></rdf:Alt></dc:title>"
        f"<dc:creator><rdf:Seq><rdf:li>{creator}</rdf:li></rdf:Seq></dc:creator>"
        f"<prism:doi>{doi}</prism:doi></rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    body = b"%PDF-1.7\n" + bytes(range(256)) * 4000 + packet.encode() + b"\n%%EOF"
    return Reply(body, headers={"Content-Type": "application/pdf"})


def test_a_pdf_is_the_paper_that_it_says_it_is(app, web):
    web.routes["/paper.pdf"] = pdf()
    address = web.url("/paper.pdf")
    assert outcome(submitting.submit(app, [address])) == [
        ("found", f"url:{address}", "A paper in print"),
    ]
    with app.reading() as connection:
        (paper,) = papers.by_key(connection, [f"url:{address}"]).values()
    assert [author.name for author in paper.authors] == ["Ada Lovelace"]
    assert [(link.kind, link.url) for link in paper.links] == [("pdf", address)]


@pytest.mark.parametrize("reply", [pdf(title="main", doi=""), pdf("A title", "", ""), pdf("<x>")])
def test_a_pdf_that_does_not_say_so_is_told_how_to_be_named(app, web, reply):
    web.routes["/paper.pdf"] = reply
    (found,) = submitting.submit(app, [web.url("/paper.pdf")])
    assert str(found.state) == "waiting"
    assert "give its web page, DOI or arXiv id" in found.problem


@pytest.mark.parametrize("filling", [b"<x:xmpmeta ", b"</x:xmpmeta>", b"<x:xmpmeta</x:xmpmeta>"])
def test_a_pdf_made_to_be_read_for_ever_is_not(filling):
    content = b"%PDF\n" + filling * 300_000
    assert len(packet_of(content)) < 1000  # quadratic, this took half an hour


def test_an_unfinished_packet_hides_no_whole_one():
    whole = b"<x:xmpmeta>this</x:xmpmeta>"
    assert packet_of(b"%PDF" + b" <x:xmpmeta> " + whole + b" </x:xmpmeta") == b"%PDF\n" + whole


def test_who_is_forgotten_leaves_the_paper_and_no_name(app, web):
    with app.writing() as connection:
        values = {"address": "a@example.org", "address_key": "a@example.org", "status": "confirmed"}
        query = insert(tables.subscribers).values(**values, created_at=NOON)
        someone = connection.execute(query).inserted_primary_key[0]
    submitting.submit(app, ["10.1000/x"], subscriber_id=someone, look_up=False)
    with app.writing() as connection:
        connection.execute(tables.subscribers.delete())
    with app.reading() as connection:
        assert connection.scalars(select(tables.submissions.c.subscriber_id)).all() == [None]


def test_without_an_inbox_the_owner_is_told_how_to_have_one(engine):
    app = App(load_config(), lambda: NOON, engine)
    with pytest.raises(UsageError, match=r"sources\.inbox"):
        submitting.submit(app, ["10.1000/x"])


def test_the_command_submits_lists_and_fails_for_what_is_not_found(
    web, tmp_path, capsys, monkeypatch
):
    path = tmp_path / "digest.toml"
    path.write_text(
        "[http]\nallow_private = true\n[limits.crossref]\nevery_s = 0.001\n"
        f'[sources.inbox]\nkind = "inbox"\ncrossref_url = "{web.url()}"\n'
    )
    web.routes["/works"] = crossref("10.1000/x", "10.1000/y")
    command = ["--config", str(path), "--now", NOON.isoformat(), "submit"]
    monkeypatch.setattr("sys.stdin", io.StringIO("10.1000/x\n\ndoi:10.1000/Y\n"))
    assert run([*command, "-", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["key"] for one in found] == ["doi:10.1000/x", "doi:10.1000/y"]
    assert run([*command, "10.1000/z"]) == 1
    assert "nobody knows it yet" in capsys.readouterr().out
    assert run([*command, "10.1000/later", "--later"]) == 0
    assert run([*command]) == 0
    listed = capsys.readouterr().out
    assert "The work 10.1000/x" in listed
    assert "4 submissions" in listed
