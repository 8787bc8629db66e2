"""Papers that say the same in other words: found by meaning, in process."""

from __future__ import annotations

from datetime import timedelta

from builders import NOON
from web_builders import store_paper
from web_people import snapshot

from digest.actions import meaning
from digest.actions.meaning import Meaning, catch_up
from digest.store import vectors

CLOTH = "Robotic manipulation of garments and cloth"


def store(app, number, title):
    with app.writing() as connection:
        store_paper(connection, number, title, "cs.RO", 0, NOON, abstract="")


def test_a_search_finds_papers_that_share_no_word_with_it(web):
    store(web.app, 30, CLOTH)
    page = web.get("/search?q=ironing shirts with robots").text
    assert CLOTH in page.split('id="near"')[1]
    assert "Diffusion models fold proteins" not in page


def test_similar_papers_are_the_nearest_in_meaning(web):
    store(web.app, 30, CLOTH)
    page = web.get("/paper/arxiv:2604.00002").text
    assert CLOTH in page.split('id="similar"')[1].split('id="record"')[0]


def test_looking_writes_nothing_and_the_work_does(web_on_both):
    app = web_on_both.app
    before = snapshot(app)
    web_on_both.get("/search?q=robots")
    assert snapshot(app) == before
    assert catch_up(app) == 5
    assert catch_up(app) == 0
    with app.reading() as connection:
        found = vectors.load(connection, meaning.model_name())
    assert {len(vector) for vector in found.values()} == {2 * 256}


def test_kept_vectors_and_fresh_ones_find_the_same(web):
    fresh = Meaning(web.app).near(["robots"], without=[], limit=5)
    catch_up(web.app)
    assert Meaning(web.app).near(["robots"], without=[], limit=5) == fresh
    assert fresh[0] == 2


def test_new_papers_are_taken_up_within_a_minute(web):
    known = Meaning(web.app)
    assert known.near([CLOTH], without=[2], limit=1) == []
    store(web.app, 30, CLOTH)
    known.refresh()
    assert known.near([CLOTH], without=[2], limit=1) == []
    web.clock.now += timedelta(minutes=1)
    known.refresh()
    assert known.near([CLOTH], without=[2], limit=1) == [30]


def test_what_no_word_is_known_of_is_near_to_nothing(web):
    assert Meaning(web.app).near(["zzqx vvkq"], without=[], limit=5) == []
    assert 'id="near"' not in web.get("/search?q=zzqxvvkq").text
