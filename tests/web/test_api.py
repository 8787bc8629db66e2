"""The owner's API as a program sees it."""

import json

import pytest
from builders import NOON, a_profile
from web_builders import fill
from web_people import ada, plan_delivery

from digest.actions import profiles
from digest.model import DeliveryState, SubscriberStatus
from digest.store import alerts, subscribers, suppressions
from digest.store.suppressions import Suppression
from digest.subscribers.addresses import address_hmac

API = "/api/v1"
OWNER_TOKEN = "an-owner-token-of-some-length"
BEARER = {"authorization": f"Bearer {OWNER_TOKEN}"}
FOREIGN = (
    {},
    {"authorization": "Bearer nobody"},
    {"authorization": f"Basic {OWNER_TOKEN}"},
    {"authorization": f"Bearer {OWNER_TOKEN}x"},
    {"cookie": f"owner={OWNER_TOKEN}"},
)


class Api:
    """The API of these pages, asked as its owner."""

    def __init__(self, web):
        self.app = web.app
        self.client = web.client

    def __call__(self, method, path, **options):
        return self.client.request(method, API + path, headers=BEARER, **options)


@pytest.fixture
def api(make_web):
    web = make_web(profiles=(a_profile("ml"), a_profile("robots")))
    fill(web.app)
    found = Api(web)
    profiles.sync(found.app)
    found.person = ada(web)
    found.delivery = plan_delivery(web, found.person)
    return found


def suppress(api, address, reason="complaint"):
    mark = address_hmac(api.app.secret_keys, address)
    with api.app.writing() as connection:
        suppressions.add(connection, [Suppression(address_hmac=mark, reason=reason, at=NOON)])


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize("path", ["/subscribers", "/openapi.json", "/nothing-here"])
def test_nobody_without_the_token_gets_past_the_door(web, headers, path):
    answer = web.get(API + path, headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.headers["content-type"] == "application/problem+json"


def test_wrong_tokens_are_soon_refused_outright(make_web):
    web = make_web(limited=True)
    statuses = [web.get(API + "/subscribers").status_code for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    assert web.get(API + "/subscribers", headers=BEARER).status_code == 200


def test_the_api_is_off_without_a_token(make_web):
    web = make_web(web={"owner_token": None})
    assert web.get(API + "/subscribers", headers=BEARER).status_code == 404


def test_a_subscriber_is_added_shown_and_listed(api):
    made = api("POST", "/subscribers", json={"address": "Grace@Example.org", "profiles": ["ml"]})
    assert made.status_code == 201
    body = made.json()
    assert (body["address"], body["status"]) == ("Grace@example.org", "confirmed")
    assert [s["profile"] for s in body["subscriptions"]] == ["ml"]
    assert api("GET", f"/subscribers/{body['subscriber_id']}").json() == body
    assert api("GET", "/subscribers", params={"search": "GRACE"}).json()["items"] == [body]


def test_pages_follow_each_other_to_the_end(api):
    with api.app.writing() as connection:
        subscribers.ensure_many(
            connection, [f"r{n}@example.org" for n in range(7)], now=NOON, via="test",
            status=SubscriberStatus.CONFIRMED,
        )  # fmt: skip
    seen, after = [], 0
    while after is not None:
        page = api("GET", "/subscribers", params={"limit": 3, "after": after}).json()
        seen += [item["address"] for item in page["items"]]
        after = page["next_after"]
    assert seen == ["ada@example.org", *(f"r{n}@example.org" for n in range(7))]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"address": "no address", "profiles": ["ml"]}, 422),
        ({"address": "x@example.org", "profiles": ["nowhere"]}, 404),
        ({"address": "x@example.org", "profiles": []}, 422),
        ({"address": "x@example.org\r\nBcc: y@example.org", "profiles": ["ml"]}, 422),
        ({"address": "x@example.org", "profiles": ["ml"], "admin": True}, 422),
        ({"address": "bad@example.org", "profiles": ["ml"]}, 409),
    ],
)
def test_what_cannot_be_added_is_a_problem_and_changes_nothing(api, body, status):
    suppress(api, "bad@example.org")
    answer = api("POST", "/subscribers", json=body)
    assert answer.status_code == answer.json()["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(api("GET", "/subscribers").json()["items"]) == 1


def test_profiles_are_exchanged_and_the_readers_own_stays(api):
    path = f"/subscribers/{api.person.subscriber_id}"
    api("PATCH", path, json={"profiles": ["ml"]})
    body = api("PATCH", path, json={"profiles": ["robots"]}).json()
    found = {s["profile"]: s["status"] for s in body["subscriptions"]}
    assert found == {"ada": "confirmed", "ml": "unsubscribed", "robots": "confirmed"}
    again = api("PATCH", path, json={"profiles": ["ml"]})
    assert again.status_code == 409


def test_a_new_address_ends_what_waits_for_the_old_one(api):
    path = f"/subscribers/{api.person.subscriber_id}"
    body = api("PATCH", path, json={"address": "ada@new.example.org"}).json()
    assert body["address"] == "ada@new.example.org"
    assert api("GET", f"/deliveries/{api.delivery}").json()["delivery"]["state"] == "cancelled"


@pytest.mark.parametrize("taken", ["grace@example.org", "bad@example.org"])
def test_an_address_that_is_taken_or_suppressed_is_no_new_address(api, taken):
    suppress(api, "bad@example.org")
    api("POST", "/subscribers", json={"address": "grace@example.org", "profiles": ["ml"]})
    answer = api("PATCH", f"/subscribers/{api.person.subscriber_id}", json={"address": taken})
    assert answer.status_code == 409


def test_unsubscribing_is_final_for_everybody_but_the_reader(api):
    path = f"/subscribers/{api.person.subscriber_id}"
    assert api("POST", path + "/unsubscribe").json() == {"subscriptions": 1}
    assert api("POST", path + "/unsubscribe").json() == {"subscriptions": 0}
    assert api("GET", path).json()["suppression"] == "unsubscribed"
    added = api("POST", "/subscribers", json={"address": "ada@example.org", "profiles": ["ml"]})
    assert added.status_code == 409


def test_erasing_leaves_no_name_and_no_way_back(api):
    path = f"/subscribers/{api.person.subscriber_id}"
    assert api("DELETE", path).status_code == 204
    assert api("GET", path).status_code == api("DELETE", path).status_code == 404
    assert "ada@example.org" not in json.dumps(api("GET", "/subscribers").json())
    added = api("POST", "/subscribers", json={"address": "ada@example.org", "profiles": ["ml"]})
    assert added.status_code == 409


def test_a_delivery_is_cancelled_once_and_only_failed_ones_are_retried(api):
    path = f"/deliveries/{api.delivery}"
    assert api("POST", path + "/retry").json() == {"moved": 0}
    assert api("POST", path + "/cancel").json() == {"moved": 1}
    assert api("POST", path + "/cancel").json() == {"moved": 0}
    assert api("POST", "/deliveries/999/cancel").status_code == 404


def test_deliveries_are_found_by_state_and_subscriber(api):
    for query in ({"state": "ready"}, {"subscriber_id": api.person.subscriber_id},
                  {"domain": "EXAMPLE.org"}, {"purpose": "edition"}):  # fmt: skip
        found = api("GET", "/deliveries", params=query).json()["items"]
        assert [item["row_id"] for item in found] == [api.delivery]
    assert api("GET", "/deliveries", params={"state": "sent"}).json()["items"] == []


def test_editions_are_listed_with_what_became_of_their_mail(api):
    (line,) = api("GET", "/editions", params={"profile": "ada"}).json()["items"]
    assert (line["subscriber_id"], line["delivery_state"]) == (api.person.subscriber_id, "ready")
    shown = api("GET", f"/editions/{line['row_id']}").json()
    assert shown["delivery"]["row_id"] == api.delivery
    assert api("GET", "/editions/999").status_code == 404


def test_sending_is_held_and_goes_on(api):
    held = api("PUT", "/sending", json={"is_paused": True}).json()
    assert (held["is_paused"], held["counts"][DeliveryState.READY]) == (True, 1)
    assert not api("PUT", "/sending", json={"is_paused": False}).json()["is_paused"]


def test_papers_are_searched_and_shown(api):
    found = api("GET", "/papers/search", params={"q": "fold proteins"}).json()
    assert [hit["paper"]["key"] for hit in found["entries"]] == ["arxiv:2604.00001"]
    shown = api("GET", "/papers/arxiv:2604.00001").json()
    assert [o["value"] for o in shown["observations"]][-1] == 57
    assert len(api("GET", "/papers", params={"first_on": "2026-04-14"}).json()) == 4
    assert api("GET", "/papers/arxiv:0000.00000").status_code == 404


def test_a_dry_send_says_who_and_changes_nothing(api):
    answer = api("POST", "/send", json={"profile": "ml", "to": "me@example.org", "dry_run": True})
    assert (answer.status_code, answer.json()["ok"]) == (200, True)
    assert "me@example.org" in answer.json()["lines"][0]
    assert api("POST", "/send", json={"profile": "nowhere"}).status_code == 404


def test_a_list_goes_in_and_comes_out(api):
    content = "address,profiles\ngrace@example.org,ml|robots\nnot an address,ml\n"
    report = api("POST", "/subscribers/import", content=content).json()
    assert (report["added"], report["subscribed"], report["rows"]) == (1, 2, 2)
    assert [row["line"] for row in report["bad"]] == [3]
    exported = api("GET", "/subscribers/export")
    assert exported.headers["content-type"].startswith("text/csv")
    assert "grace@example.org,confirmed,ml|robots" in exported.text


def test_what_is_wrong_is_told(api):
    with api.app.writing() as connection:
        alerts.wrong(connection, "source:hf", "no answer", now=NOON)
    (alert,) = api("GET", "/alerts").json()
    assert (alert["subject"], alert["detail"]) == ("source:hf", "no answer")
    suppress(api, "bad@example.org")
    assert api("GET", "/bounces").json()["counts"]["complaint"] == 1
    assert api("GET", "/sources").json() == api("GET", "/runs").json() == []


def test_every_route_is_described_with_its_problems(api):
    described = api("GET", "/openapi.json").json()
    operations = [
        (path, method, told)
        for path, methods in described["paths"].items()
        for method, told in methods.items()
    ]
    assert len(operations) > 20
    for _path, _method, told in operations:
        assert told["summary"]
        assert {"401", "422", "429"} <= set(told["responses"])
        problem = told["responses"]["422"]["content"]["application/problem+json"]["schema"]
        assert problem == {"$ref": "#/components/schemas/Problem"}


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_days_without_neighbours_are_mistakes_of_the_caller(api, day):
    assert api("GET", f"/papers?first_on={day}&last_on={day}").status_code == 422
    assert api("GET", f"/papers/search?query=x&first_on={day}").status_code == 422
    assert api("POST", "/send", json={"profile": "ml", "on": day}).status_code == 422
