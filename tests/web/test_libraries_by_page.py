"""Libraries and ORCID records given to the subscribe page: read, kept, and refused."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from web_mail import form, path_of, subscribe, subscriptions, values
from web_people import snapshot

from digest.model import SubscriberStatus
from digest.pipeline.planning import plan_due
from digest.store import libraries

BIBTEX = b"@article{a, title={Diffusion models for folding}, eprint={2401.01234}}\n"
NOTHING = {"terms-0": ""}


def test_a_library_teaches_and_is_its_readers_own(web_on_both):
    web = web_on_both
    files = {"library": ("mine.bib", BIBTEX, "text/plain")}
    fields = form(web, **NOTHING)
    assert web.post("/subscribe", fields, files=files).status_code == 200
    web.post(path_of(values(web)["confirm_url"]))
    (subscription,) = subscriptions(web)
    assert [i.name for i in subscription.profile.interests] == ["My library"]
    with web.app.reading() as connection:
        counts = libraries.counts_of(connection, subscription.subscriber.row_id)
    assert list(counts.values()) == [1]
    assert subscription.profile.interests[0].library in counts
    assert plan_due(web.app).picks > 0


def test_rubbish_for_a_library_is_said(web):
    files = {"library": ("mine.bib", b"\x00\x01 nothing of the sort", "text/plain")}
    answer = web.post("/subscribe", form(web), files=files)
    assert (answer.status_code, "mine.bib" in answer.text) == (422, True)


def test_an_uploaded_library_is_previewed_without_being_kept(web):
    files = {"library": ("mine.bib", BIBTEX, "text/plain")}
    before = snapshot(web.app)
    page = web.post("/preview", form(web, **NOTHING), files=files).text
    assert "Diffusion models fold proteins" in page.split('id="preview"')[1]
    assert "1 paper was read" in page
    assert snapshot(web.app) == before


@pytest.mark.parametrize("content", [b"[" * 500_000, b"@a{" * 300_000, b"x" * 2_000_001])
def test_a_library_made_to_exhaust_us_is_refused_at_once(web, content):
    files = {"library": ("bomb.bib", content, "text/plain")}
    answer = web.post("/preview", form(web), files=files)
    assert (answer.status_code, "bomb.bib" in answer.text) == (422, True)


@pytest.fixture
def orcid():
    """Serve one ORCID record on loopback."""
    work = {"title": {"title": {"value": "Robots that iron shirts with care"}}}
    answer = json.dumps({"group": [{"work-summary": [work]}]}).encode()

    class Record(BaseHTTPRequestHandler):
        def do_GET(self):
            found = self.path == "/0000-0002-1825-0097/works"
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(answer if found else b"")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Record) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("written", "papers"), [("0000-0002-1825-0097", 1), ("0000-0001-5109-3700", 0)]
)
def test_an_orcid_record_is_read_when_its_owner_confirms(make_web, orcid, written, papers):
    web = make_web(web={"orcid_url": orcid})
    subscribe(web, **{"terms-0": "", "orcid": f"https://orcid.org/{written}"})
    (subscription,) = subscriptions(web)
    assert subscription.status is SubscriberStatus.CONFIRMED
    with web.app.reading() as connection:
        counts = libraries.counts_of(connection, subscription.subscriber.row_id)
    assert list(counts.values()) == [1] * papers
    assert subscription.profile.interests[0].library == next(iter(counts), "")


def test_where_orcid_is_off_no_page_offers_it(make_web):
    web = make_web(web={"orcid_url": ""})
    assert 'name="orcid"' not in web.get("/subscribe").text
