"""arXiv's days held against its listing page: what a feed lacks is noticed and got back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from corpus import SHARED
from scripted import Reply, serving

from digest.actions.polling import health
from digest.app import App
from digest.config import load_config
from digest.errors import SourceError
from digest.model import Completeness, PollStatus
from digest.pipeline.polling import poll_sources
from digest.sources import Body
from digest.sources._arxiv_list import parse_list

TUESDAY = datetime(2026, 4, 14, 6, tzinfo=UTC)  # two o'clock in New York
RECORDED = SHARED / "payloads" / "arxiv_listing"


def feed(*numbers):
    entries = "".join(
        f"<entry><id>oai:arXiv.org:2604.{n:05}v1</id><title>Paper {n}</title>"
        f"<link href='https://arxiv.org/abs/2604.{n:05}' rel='alternate'/>"
        f"<summary>arXiv:2604.{n:05}v1 Announce Type: new Abstract: We look.</summary>"
        "<published>2026-04-14T00:00:00-04:00</published></entry>"
        for n in numbers
    )
    head = "<feed xmlns='http://www.w3.org/2005/Atom'><title>cs.LG</title>"
    return Reply(f"{head}<updated>2026-04-14T04:10:00Z</updated>{entries}</feed>".encode())


def page(*numbers, day="Tuesday, 14 April 2026", replaced=(7,)):
    def listed(n):
        return f"<dt><a href =\"/abs/2604.{n:05}\" title='Abstract'>arXiv:2604.{n:05}</a></dt>"

    return Reply(
        f"<html><body><h3>Showing new listings for {day}</h3><h3>New submissions</h3>"
        f"{''.join(map(listed, numbers))}<h3>Replacement submissions (showing 1 of 1)</h3>"
        f"{''.join(map(listed, replaced))}</body></html>".encode()
    )


def harvest(*numbers):
    records = "".join(
        f"<record><header><identifier>oai:arXiv.org:2604.{n:05}</identifier>"
        "<datestamp>2026-04-14</datestamp></header><metadata>"
        f"<arXiv xmlns='http://arxiv.org/OAI/arXiv/'><id>2604.{n:05}</id>"
        f"<created>2026-04-13</created><title>Paper {n}</title><abstract>x</abstract></arXiv>"
        "</metadata></record>"
        for n in numbers
    )
    head = "<?xml version='1.0'?><OAI-PMH xmlns='http://www.openarchives.org/OAI/2.0/'>"
    return Reply(f"{head}<ListRecords>{records}</ListRecords></OAI-PMH>".encode())


@pytest.fixture
def web():
    with serving() as script:
        yield script


@pytest.fixture
def app(web, engine):
    section = {
        "kind": "arxiv", "categories": ["cs.LG"], "allow_private": True, "base_url": web.url(),
        "list_url": web.url(), "oai_url": web.url("/oai"),
    }  # fmt: skip
    overrides = {"sources": {"a": section}, "limits": {"arxiv": {"every_s": 0.001}}}
    return App(load_config(overrides=overrides), lambda: TUESDAY, engine)


def polled(app, **delta):
    moment = TUESDAY + timedelta(**delta)
    (report,) = poll_sources(replace(app, clock=lambda: moment), force=True)
    return report


def test_a_day_that_is_all_there_says_how_many_of_how_many(app, web):
    web.routes["/atom/cs.LG"] = feed(*range(1, 31))
    web.routes["/list/cs.LG/new"] = page(*range(1, 31))
    assert polled(app).completeness is Completeness.CONFIRMED
    assert health(app)[0].evidence == "cs.LG 30 of 30"
    polled(app, hours=1)
    assert len(web.asked("/list/cs.LG/new")) == 1
    assert health(app)[0].evidence == "cs.LG 30 of 30"


def test_half_a_day_is_partial(app, web):
    web.routes["/atom/cs.LG"] = feed(*range(1, 31))
    web.routes["/list/cs.LG/new"] = page(*range(1, 61))
    assert polled(app).completeness is Completeness.PARTIAL
    assert health(app)[0].evidence == "cs.LG 30 of 60"


def test_another_days_papers_under_todays_date_are_stale_at_first_sight(app, web):
    web.routes["/atom/cs.LG"] = feed(*range(1, 31))
    web.routes["/list/cs.LG/new"] = page(*range(101, 131))
    assert polled(app).completeness is Completeness.STALE


def test_what_the_feed_lacks_is_harvested_once_the_day_is_late(app, web):
    web.routes["/atom/cs.LG"] = feed(*range(1, 31))
    web.routes["/list/cs.LG/new"] = page(*range(1, 31))
    polled(app)
    wednesday = page(*range(101, 161), day="Wednesday, 15 April 2026")
    half = feed(*range(101, 131)).body.replace(b"2026-04-14", b"2026-04-15")
    web.routes["/atom/cs.LG"], web.routes["/list/cs.LG/new"] = Reply(half), wednesday
    web.routes["/oai"] = harvest(*range(101, 161))
    assert polled(app, days=1).completeness is Completeness.PARTIAL
    assert not web.asked("/oai")
    report = polled(app, days=1, hours=6)
    assert (report.completeness, report.new) == (Completeness.BACKFILLED, 30)


def tomorrows(reply):
    return Reply(reply.body.replace(b"2026-04-14", b"2026-04-15"))


@pytest.mark.parametrize("has_page", [True, False])
def test_an_announcement_that_is_hours_late_is_waited_for(app, web, has_page):
    web.routes["/atom/cs.LG"] = feed(*range(1, 31))
    if has_page:
        web.routes["/list/cs.LG/new"] = page(*range(1, 31))
    web.routes["/oai"] = harvest(*range(1, 31))
    polled(app)
    late = polled(app, days=1, hours=6)  # nothing announced by eight in the morning
    assert late.completeness is Completeness.STALE
    assert bool(web.asked("/oai")) is not has_page
    web.routes["/atom/cs.LG"] = tomorrows(feed(*range(101, 131)))
    web.routes["/list/cs.LG/new"] = page(*range(101, 131), day="Wednesday, 15 April 2026")
    there = polled(app, days=1, hours=9)
    assert (there.completeness, there.new) == (Completeness.CONFIRMED, 30)


def test_papers_that_came_while_we_asked_do_not_count_as_missing(app, web):
    web.routes["/atom/cs.LG"] = feed(*range(1, 101))
    web.routes["/list/cs.LG/new"] = page(*range(1, 105))
    assert polled(app).completeness is Completeness.CONFIRMED


@pytest.mark.parametrize(
    "answer",
    [
        Reply(b"blocked", 403),
        Reply(b"<html>Just a moment...</html>"),
        page(*range(500, 560), day="Monday, 13 April 2026"),
        page(*range(500, 560), day="Tuesday, 99 April 2026"),
    ],
)
def test_a_page_that_says_nothing_of_today_changes_nothing(app, web, answer):
    web.routes["/atom/cs.LG"] = feed(*range(1, 31))
    web.routes["/list/cs.LG/new"] = answer
    report = polled(app)
    assert (report.status, report.completeness) == (PollStatus.OK, Completeness.CONFIRMED)
    assert health(app)[0].evidence == ""


def test_only_new_and_cross_listed_papers_are_expected_of_the_feed():
    body = Body(url="x", content=page(1, 2, replaced=(3, 4)).body, fetched_at=TUESDAY)
    stated = parse_list("a", body)
    assert stated.on == date(2026, 4, 14)
    assert stated.keys == {"arxiv:2604.00001", "arxiv:2604.00002"}


@pytest.mark.skipif(not RECORDED.is_dir(), reason="no recorded listing page on this machine")
def test_a_recorded_page_is_read():
    content = next(RECORDED.glob("*.html")).read_bytes()
    stated = parse_list("a", Body(url="x", content=content, fetched_at=TUESDAY))
    assert (stated.on, len(stated.keys)) == (date(2026, 8, 12), 4)
    with pytest.raises(SourceError, match="not the listing"):
        parse_list("a", Body(url="x", content=content[:60], fetched_at=TUESDAY))


def test_a_mirror_is_not_held_against_arxivs_own_pages(app, web):
    section = {**app.config.settings.sources["a"].model_dump(), "list_url": ""}
    config = load_config(overrides={"sources": {"a": section}})
    web.routes["/atom/cs.LG"] = feed(*range(1, 31))
    report = polled(App(config, app.clock, app.engine))
    assert report.completeness is Completeness.CONFIRMED
    assert [one.path for one in web.log] == ["/atom/cs.LG"]
