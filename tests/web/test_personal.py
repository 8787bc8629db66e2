from datetime import date, time

import pytest
from web_people import ada

from digest.model import FeedbackKind
from digest.store import feedback, profiles
from digest.subscribers.tokens import Signer, TokenPurpose

GOOD = {
    "terms-0": "protein folding, +diffusion", "weekday": ["0", "2"], "send_time": "06:15",
    "time_zone": "Europe/Berlin", "max_papers": "7", "paused_until": "2026-05-01",
}  # fmt: skip


def token(web, person, purpose):
    return Signer(web.app.secret_keys).make(
        purpose, person.subscriber_id, subscription_id=person.subscription_id
    )


def preferences(web, person):
    return f"/preferences/{token(web, person, TokenPurpose.PREFERENCES)}"


def stored(web, person):
    with web.app.reading() as connection:
        (found,) = profiles.subscriptions_of(connection, subscription_ids=[person.subscription_id])
    return found


def test_preferences_are_kept_and_move_the_next_slot(web):
    person = ada(web)
    assert "Saved" in web.post(preferences(web, person), GOOD).text
    found = stored(web, person)
    schedule = found.profile.schedule
    assert [t.text for t in found.profile.interests[0].terms] == ["protein folding", "diffusion"]
    assert (schedule.weekdays, schedule.send_time) == ((0, 2), time(6, 15))
    assert (found.profile.max_papers, schedule.paused_until) == (7, date(2026, 5, 1))
    assert found.next_slot_at.isoformat() == "2026-05-04T04:15:00+00:00"  # the Monday after


@pytest.mark.parametrize(
    "wrong",
    [{"weekday": []}, {"time_zone": "Mars/Base"}, {"send_time": "25:00"}, {"max_papers": "0"},
     {"paused_until": "soon"}],
)  # fmt: skip
def test_wrong_preferences_change_nothing_and_say_why(web, wrong):
    person = ada(web)
    before = stored(web, person)
    answer = web.post(preferences(web, person), GOOD | wrong)
    assert (answer.status_code, 'role="alert"' in answer.text) == (422, True)
    assert stored(web, person) == before


def test_a_profile_kept_in_a_file_is_not_changed_by_a_page(web):
    person = ada(web, origin=profiles.CONFIG)
    before = stored(web, person)
    assert "<button" not in web.get(preferences(web, person)).text
    assert web.post(preferences(web, person), GOOD).status_code == 403
    assert stored(web, person) == before


@pytest.mark.parametrize("kind", ["more", "less", "saved"])
def test_feedback_is_recorded_by_the_button_alone(web, kind):
    person = ada(web)
    path = f"/f/{token(web, person, TokenPurpose.FEEDBACK)}/{kind}/1"
    assert web.get(path).text.count("<button") == 1
    assert web.post(path).status_code == 200
    with web.app.reading() as connection:
        said = feedback.of_subscribers(connection, [person.subscriber_id])
    assert [(f.paper_id, f.kind) for f in said[person.subscriber_id]] == [(1, FeedbackKind(kind))]


def test_unknown_papers_and_other_tokens_are_not_found(web):
    person = ada(web)
    right, wrong = (token(web, person, p) for p in (TokenPurpose.FEEDBACK, TokenPurpose.VIEW))
    assert web.post(f"/f/{right}/more/999").status_code == 404
    assert web.post(f"/f/{right}/seen/1").status_code == 404
    assert web.post(f"/f/{wrong}/more/1").status_code == 404
    assert web.get(f"/editions/{right}").status_code == 404
