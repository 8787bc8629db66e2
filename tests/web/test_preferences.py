from __future__ import annotations

from datetime import date, time

import pytest
from builders import an_interest
from lxml import html
from sqlalchemy import select
from web_builders import fill
from web_mail import path_of, planned, subscribe, values
from web_people import ada, snapshot

from digest.model import Feedback, FeedbackKind, Frequency, OnEmpty, SubscriberStatus
from digest.pipeline.planning import plan_due
from digest.store import feedback, ledger, libraries, profiles, subscribers, suppressions
from digest.store.tables import consents, deliveries, metadata
from digest.subscribers.addresses import address_hmac
from digest.subscribers.tokens import Signer, TokenPurpose

GOOD = {
    "title": "Folding and friends", "name-0": "folding", "terms-0": "protein folding, +diffusion",
    "frequency": "daily", "weekday": ["0", "2"], "weekdays_shown": "1", "send_time": "06:15",
    "time_zone": "Europe/Berlin", "max_papers": "7", "paused_until": "2026-05-01",
    "trending_weight": "0.1", "abstracts": "full", "updates": "1", "mutes": "survey, cs.CR",
}  # fmt: skip
BIBTEX = b"@article{a, title={Diffusion models for folding}, eprint={2401.01234}}\n"


def page_of(web, person, purpose=TokenPurpose.PREFERENCES, path="preferences", **claims):
    token = Signer(web.app.secret_keys).make(
        purpose, person.subscriber_id, subscription_id=person.subscription_id, **claims
    )
    return f"/{path}/{token}"


def stored(web, person):
    with web.app.reading() as connection:
        (found,) = profiles.subscriptions_of(connection, subscription_ids=[person.subscription_id])
    return found


def test_preferences_are_kept_and_move_the_next_slot(web_on_both):
    web = web_on_both
    person = ada(web)
    assert "Saved" in web.post(page_of(web, person), GOOD).text
    found = stored(web, person)
    profile, schedule = found.profile, found.profile.schedule
    assert [t.text for t in profile.interests[0].terms] == ["protein folding", "diffusion"]
    assert (schedule.weekdays, schedule.send_time) == ((0, 2), time(6, 15))
    assert (profile.max_papers, schedule.paused_until) == (7, date(2026, 5, 1))
    assert (profile.title, profile.mutes) == ("Folding and friends", ("survey", "cs.CR"))
    assert (profile.trending_weight, profile.abstracts, profile.updates) == (0.1, "full", True)
    assert (profile.exploration, profile.all_titles, profile.on_empty) == (0, False, OnEmpty.SKIP)
    assert found.next_slot_at.isoformat() == "2026-05-04T04:15:00+00:00"  # the Monday after


def test_the_form_holds_what_it_takes(web):
    person = ada(web)
    web.post(page_of(web, person), GOOD)
    before = stored(web, person)
    page = web.get(page_of(web, person)).text
    web.post(page_of(web, person), fields_of(page))
    assert stored(web, person) == before


def test_a_reader_takes_part_by_a_tick_that_stands_only_where_the_owner_allows_it(make_web):
    web = make_web(ranking={"community": True})
    fill(web.app)
    person = ada(web)
    fields = fields_of(web.get(page_of(web, person)).text)
    assert "community" not in fields
    web.post(page_of(web, person), fields | {"community": "1"})
    assert stored(web, person).profile.community
    closed = make_web()
    assert 'name="community"' not in closed.get(page_of(web, person)).text
    closed.post(page_of(web, person), GOOD)
    assert stored(closed, person).profile.community


def fields_of(page):
    """Return what a browser would post of a page's first long form."""
    form = next(f for f in html.fromstring(page).forms if "title" in f.fields)
    fields = {}
    for name, value in form.form_values():
        fields.setdefault(name, []).append(value)
    return fields


@pytest.mark.parametrize(
    "wrong",
    [{"weekday": []}, {"time_zone": "Mars/Base"}, {"send_time": "25:00"}, {"max_papers": "0"},
     {"paused_until": "soon"}, {"paused_until": "9999-12-31"},
     {"paused_until": "2036-12-31"}, {"frequency": "hourly"}],
)  # fmt: skip
def test_wrong_preferences_change_nothing_and_say_why(web, wrong):
    person = ada(web)
    before = stored(web, person)
    answer = web.post(page_of(web, person), GOOD | wrong)
    assert (answer.status_code, 'role="alert"' in answer.text) == (422, True)
    assert "protein folding, +diffusion" in answer.text
    assert stored(web, person) == before


def test_interests_are_added_renamed_and_removed_and_keep_what_is_not_shown(web):
    first = an_interest("robots", "robots", quota=3, disliked=("arxiv:1",))
    person = ada(web, interests=(first, an_interest("proteins", "folding")))
    web.post(page_of(web, person), GOOD | {
        "name-0": "machines", "terms-0": "robots", "name-1": "proteins", "terms-1": "folding",
        "remove-1": "1", "name-2": "", "terms-2": "quiet gradients",
    })  # fmt: skip
    found = stored(web, person).profile.interests
    assert [i.name for i in found] == ["machines", "quiet gradients"]
    assert (found[0].quota, found[0].disliked) == (3, ("arxiv:1",))


def test_weekly_means_one_edition_a_week(web):
    person = ada(web)
    web.post(
        page_of(web, person), GOOD | {"frequency": "weekly", "weekday": "4", "paused_until": ""}
    )
    found = stored(web, person)
    assert found.profile.schedule.frequency is Frequency.WEEKLY
    assert found.next_slot_at.isoformat() == "2026-04-17T04:15:00+00:00"
    assert "once a week, on Friday" in web.get(page_of(web, person)).text


def test_a_profile_kept_in_a_file_is_not_changed_by_a_page(web):
    person = ada(web, origin=profiles.CONFIG)
    before = stored(web, person)
    page = web.get(page_of(web, person)).text
    assert 'name="terms-0"' not in page
    assert web.post(page_of(web, person), GOOD).status_code == 403
    assert stored(web, person) == before


def test_an_imported_readers_first_change_makes_a_profile_of_their_own(web_on_both):
    web = web_on_both
    person = ada(web, "shared", origin=profiles.CONFIG)
    with web.app.writing() as connection:
        profiles.adopt(connection, [person.subscription_id], via="import")
    web.post(page_of(web, person), GOOD)
    found = stored(web, person)
    assert found.profile.title == "Folding and friends"
    with web.app.reading() as connection:
        shared = profiles.find(connection, "shared")
    assert shared.profile.title == ""
    assert shared.row_id != found.profile_id


def test_a_library_is_added_and_forgotten(web):
    person = ada(web)
    files = {"library": ("mine.bib", BIBTEX, "text/plain")}
    web.post(page_of(web, person), GOOD, files=files)
    assert [i.name for i in stored(web, person).profile.interests] == ["folding", "My library"]
    assert "learns from 1 paper of a library" in web.get(page_of(web, person)).text
    web.post(page_of(web, person), GOOD | {"name-1": "My library", "forget-1": "1"})
    assert [i.name for i in stored(web, person).profile.interests] == ["folding"]
    with web.app.reading() as connection:
        assert libraries.counts_of(connection, person.subscriber_id) == {}


@pytest.mark.parametrize("address", ["ada@example.org", "nobody@example.org"])
def test_a_link_is_mailed_to_readers_alone_with_one_answer_for_all(web, address):
    ada(web)
    answer = web.post("/preferences", {"address": address})
    assert "Look into your mailbox" in answer.text
    assert address not in answer.text
    mails = planned(web)
    assert [m.address for m in mails] == (["ada@example.org"] if address[0] == "a" else [])
    if mails:
        assert web.get(path_of(values(web)["preferences_url"])).status_code == 200
        web.clock.move(days=7)
        assert web.get(path_of(values(web)["preferences_url"])).status_code == 410


def test_links_are_not_mailed_over_and_over(web):
    ada(web)
    for _ in range(4):
        web.post("/preferences", {"address": "ada@example.org"})
    assert len(planned(web)) == 1


def test_data_links_come_by_mail_and_open_one_thing_each(web):
    person = ada(web)
    web.post(page_of(web, person) + "/data")
    said = values(web)
    export, erase = path_of(said["export_url"]), path_of(said["erase_url"])
    assert web.get(export.replace("export", "erase")).status_code == 404
    assert web.get(page_of(web, person, path="export")).status_code == 404
    assert web.get(erase).text.count("<button") == 1
    web.clock.move(hours=48)
    assert web.get(export).status_code == web.post(erase).status_code == 410


def test_the_export_holds_every_row_about_a_person_and_of_nobody_else(web_on_both):
    web = web_on_both
    subscribe(web, address="other@example.org")
    person = ada(web)
    with web.app.writing() as connection:
        feedback.record(connection, person.subscriber_id, a_word(web))
    assert plan_due(web.app).mailed == 2
    answer = web.get(page_of(web, person, TokenPurpose.EXPORT, "export"))
    found = answer.json()
    with_person = {t.name for t in metadata.sorted_tables if "subscriber_id" in t.c}
    assert with_person <= set(found)
    assert found["subscribers"][0]["address"] == "ada@example.org"
    assert found["feedback"][0]["paper_id"] in {p["id"] for p in found["papers"]}
    assert (len(found["editions"]), len(found["deliveries"])) == (1, 1)
    assert "other@example.org" not in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_the_export_names_papers_of_editions_that_are_long_gone(web):
    person = ada(web)
    with web.app.writing() as connection:
        ledger.enter(connection, [(person.subscriber_id, 9, [1, 2])])
    found = web.get(page_of(web, person, TokenPurpose.EXPORT, "export")).json()
    assert found["editions"] == []
    assert found["shown"][0]["paper_ids"] == [1, 2] == [paper["id"] for paper in found["papers"]]


def a_word(web):
    return Feedback(paper_id=1, kind=FeedbackKind.MORE, at=web.app.now())


def test_erasing_leaves_a_fingerprint_alone_and_stops_what_waits(web_on_both):
    web = web_on_both
    subscribe(web, address="ada@example.org")
    plan_due(web.app)
    with web.app.reading() as connection:
        person = subscribers.find(connection, "ada@example.org")
    token = Signer(web.app.secret_keys).make(TokenPurpose.ERASE, person.row_id)
    before = snapshot(web.app)
    web.get(f"/erase/{token}")
    assert snapshot(web.app) == before
    assert web.post(f"/erase/{token}").status_code == 200
    assert web.post(f"/erase/{token}").status_code == 200  # a second press of the same button
    assert "ada@example.org" not in str(snapshot(web.app))
    mark = address_hmac(web.app.secret_keys, "ada@example.org")
    with web.app.reading() as connection:
        assert suppressions.lookup(connection, [mark])[mark].reason == "unsubscribed"
        states = set(connection.scalars(select(deliveries.c.state)))
        kinds = list(connection.scalars(select(consents.c.kind)))
    assert (states, kinds) == ({"cancelled"}, ["erased"])


def test_the_row_id_of_an_erased_reader_never_comes_to_stand_for_another(web):
    subscribe(web, address="first@example.org")
    with web.app.reading() as connection:
        first = subscribers.find(connection, "first@example.org")
    web.post("/erase/" + Signer(web.app.secret_keys).make(TokenPurpose.ERASE, first.row_id))
    subscribe(web, address="second@example.org")
    with web.app.reading() as connection:
        assert subscribers.find(connection, "second@example.org").row_id > first.row_id


def test_who_erased_themselves_may_come_back(web):
    subscribe(web, address="ada@example.org")
    with web.app.reading() as connection:
        person = subscribers.find(connection, "ada@example.org")
    web.post("/erase/" + Signer(web.app.secret_keys).make(TokenPurpose.ERASE, person.row_id))
    web.clock.move(minutes=11)
    subscribe(web, address="ada@example.org")
    with web.app.reading() as connection:
        again = subscribers.find(connection, "ada@example.org")
    assert again.status is SubscriberStatus.CONFIRMED


def test_other_digests_are_one_link_away_and_strangers_are_not(web):
    first, second = ada(web), ada(web, "robots", title="Robots")
    page = web.get(page_of(web, first)).text
    assert "Robots" in page
    stranger = second.__class__(first.subscriber_id + 1, second.subscription_id, 0)
    assert web.get(page_of(web, stranger)).status_code == 404
