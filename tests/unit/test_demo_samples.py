from datetime import date

import feedparser
import httpx

from digest.config import load_profile_file
from digest.demo import formats
from digest.demo.samples import ARXIV_FEEDS, DAYS, load_profile_texts, load_samples
from digest.demo.servers import serve_sources

MONDAY, TUESDAY = DAYS
SAMPLES = load_samples()


def _feed(category: str, day: int) -> list[feedparser.FeedParserDict]:
    return feedparser.parse(formats.announcements(SAMPLES, category=category, day=day)).entries


def test_votes_grow_from_monday_to_tuesday():
    for paper in SAMPLES.papers:
        if paper.listing and paper.listing.day == 1:
            assert paper.listing.votes[1] > paper.listing.votes[0]


def test_every_trap_of_the_real_sources_is_in_the_samples():
    tuesday = [entry for name in ARXIV_FEEDS for entry in _feed(name, 2)]
    kinds = {entry.arxiv_announce_type for entry in tuesday}
    assert kinds == {"new", "cross", "replace", "replace-cross"}
    assert any("withdrawn by the authors" in entry.summary for entry in tuesday)
    titles = [paper.title for paper in SAMPLES.papers]
    assert any("<" in title for title in titles)
    assert any('"' in title for title in titles)
    assert any("\\'" in title for title in titles)


def test_some_papers_come_from_both_sources_and_some_from_one():
    announced = {paper.id for paper in SAMPLES.papers if paper.day > 0}
    listed = {paper.id for paper in SAMPLES.papers if paper.listing}
    assert announced & listed
    assert announced - listed
    assert listed - announced


def test_tomorrows_list_is_empty_today():
    assert formats.daily_papers(SAMPLES, asked_on=TUESDAY, day=1) == b"[]"
    assert formats.daily_papers(SAMPLES, asked_on=date(2026, 4, 12), day=2) == b"[]"


def test_an_unchanged_feed_is_not_sent_again():
    with serve_sources(SAMPLES) as sources:
        first = httpx.get(f"{sources.base_url}/atom/cs.LG")
        again = httpx.get(
            f"{sources.base_url}/atom/cs.LG", headers={"If-None-Match": first.headers["ETag"]}
        )
        sources.day = 2
        changed = httpx.get(
            f"{sources.base_url}/atom/cs.LG", headers={"If-None-Match": first.headers["ETag"]}
        )
    assert (first.status_code, again.status_code, changed.status_code) == (200, 304, 200)


def test_the_sample_profiles_are_good_profiles(tmp_path):
    for name, text in load_profile_texts().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        (found,) = load_profile_file(tmp_path / name)
        assert found.addresses
        assert found.profile.interests
