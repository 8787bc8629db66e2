"""The owner's pages: who gets in, what they show, which levers move."""

import re
from datetime import timedelta

import pytest
from builders import NOON, an_interest
from sqlalchemy import insert, select
from web_builders import fill
from web_people import ada, plan_delivery, snapshot

from digest.app import App
from digest.model import DeliveryState, SubscriberStatus
from digest.store import alerts, subscribers, suppressions
from digest.store.suppressions import Suppression
from digest.store.tables import bounces, deliveries, polls, runs
from digest.subscribers.tokens import Signer, TokenPurpose

OWNER_TOKEN = "an-owner-token-of-some-length"
PAGES = ("", "/sources", "/runs", "/editions", "/deliveries", "/subscribers", "/bounces")


def log_in(web, token=OWNER_TOKEN):
    return web.post("/owner/login", {"owner_token": token})


def form_token(web, path="/owner"):
    return re.search(r'name="token" value="([^"]+)"', web.get(path).text)[1]


@pytest.fixture
def inside(web):
    """Give the pages after a login."""
    assert log_in(web).status_code == 303
    return web


@pytest.fixture
def busy(inside):
    """Give an installation that something went on in."""
    inside.person = ada(inside, interests=(an_interest("biology", "proteins"),))
    inside.delivery = plan_delivery(inside, inside.person)
    with inside.app.writing() as connection:
        alerts.wrong(connection, "source:hf", "<script>no answer</script>", now=NOON)
        connection.execute(
            insert(runs).values(id="r1", command="run", started_at=NOON, ended_at=NOON,
                                exit_code=1, report={"problems": ["hf: <b>no answer</b>"]})
        )  # fmt: skip
        connection.execute(
            insert(runs).values(id="t1", command="tick", started_at=NOON, ended_at=NOON,
                                exit_code=0, report={})
        )  # fmt: skip
        connection.execute(
            insert(bounces).values(received_at=NOON, kind="hard", status="5.1.1", mailbox_key="m1",
                                   reason="no such <user>", delivery_id=inside.delivery)
        )  # fmt: skip
        suppressions.add(connection, [Suppression(address_hmac="x", reason="hard", at=NOON)])
        connection.execute(insert(polls).values(source="hf", kind="huggingface", at=NOON,
                                                status="failed", error="no answer"))  # fmt: skip
    return inside


@pytest.fixture
def web(make_web):
    found = make_web(sources={"hf": {"kind": "huggingface"}})
    fill(found.app)
    return Mutable(found.app, found.client, found.clock)


class Mutable:
    """Pages that a fixture may note things on."""

    def __init__(self, app: App, client, clock):
        self.app, self.client, self.clock = app, client, clock

    def get(self, path, **options):
        return self.client.get(path, **options)

    def post(self, path, data=None, **options):
        return self.client.post(path, data=data, **options)


@pytest.mark.parametrize("path", [*PAGES, "/subscribers/1", "/deliveries/1", "/preview/1/mail"])
def test_a_stranger_is_sent_to_the_login(web, path):
    answer = web.get("/owner" + path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/owner/login")


@pytest.mark.parametrize("token", ["", "wrong", OWNER_TOKEN.upper(), OWNER_TOKEN + "x", "\ud800"])
def test_a_wrong_token_opens_nothing(web, token):
    answer = log_in(web, token.encode("utf-8", "surrogatepass"))
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


def test_the_cookie_is_for_these_pages_of_this_site_and_no_script(web):
    cookie = log_in(web).headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=strict", "Secure", "Path=/owner", "Max-Age=43200"):
        assert part in cookie
    assert OWNER_TOKEN not in cookie


def test_logins_are_counted_and_then_refused(make_web):
    web = make_web(limited=True)
    statuses = [log_in(web, "wrong").status_code for _ in range(11)]
    assert statuses == [403] * 10 + [429]
    assert log_in(web).status_code == 429


def test_the_pages_are_off_without_a_token(make_web):
    web = make_web(web={"owner_token": None})
    assert web.get("/owner").status_code == web.get("/owner/login").status_code == 404


def test_a_session_ends_by_itself_with_the_token_and_when_logged_out_anywhere(web, make_web):
    log_in(web)
    cookie = {"cookie": f"owner={web.client.cookies['owner']}"}
    assert web.get("/owner").status_code == 200
    other = make_web(web={"owner_token": "another-token-of-some-length"})
    assert other.get("/owner", headers=cookie).status_code == 303
    web.clock.move(hours=13)
    assert web.get("/owner").status_code == 303
    web.clock.move(hours=-13)
    assert web.get("/owner").status_code == 200
    assert web.post("/owner/logout", {"token": form_token(web)}).status_code == 303
    assert web.get("/owner", headers=cookie).status_code == 303


@pytest.mark.parametrize("purpose", [p for p in TokenPurpose if p is not TokenPurpose.OWNER])
def test_a_token_of_another_purpose_is_no_session(web, purpose):
    token = Signer(web.app.secret_keys).make(purpose, 1, expires_at=NOON + timedelta(days=9))
    assert web.get("/owner", headers={"cookie": f"owner={token}"}).status_code == 303


LEVERS = (
    "/logout", "/sending", "/sources/hf/enable", "/deliveries/1/retry", "/deliveries/1/cancel",
    "/subscribers/1/unsubscribe", "/subscribers/1/erase",
)  # fmt: skip


@pytest.mark.parametrize("path", LEVERS)
def test_a_form_from_elsewhere_changes_nothing(busy, path):
    foreign = Signer(busy.app.secret_keys).make(
        TokenPurpose.FORM, 12345, expires_at=NOON + timedelta(hours=1)
    )
    before = snapshot(busy.app)
    for token in (None, "", "x", foreign, busy.client.cookies["owner"]):
        form = {"sure": "yes", "hold": "on"} | ({} if token is None else {"token": token})
        assert busy.post("/owner" + path, form).status_code == 403
    true = form_token(busy)
    busy.client.cookies.clear()
    assert busy.post("/owner" + path, {"token": true, "sure": "yes"}).status_code == 403
    assert snapshot(busy.app) == before


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_private_and_escapes_what_came_from_outside(busy, path):
    page = busy.get("/owner" + path)
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-robots-tag"] == "noindex, nofollow"
    assert "<script>no answer" not in page.text
    assert "<b>no answer" not in page.text
    assert OWNER_TOKEN not in page.text


def test_the_overview_says_what_is_wrong_and_leaves_dull_ticks_out(busy):
    page = busy.get("/owner").text
    assert "Source hf" in page
    assert "&lt;script&gt;no answer" in page
    assert "hf: &lt;b&gt;no answer" in page
    assert ">tick<" not in page


def test_a_search_finds_people_by_part_of_the_address(busy):
    with busy.app.writing() as connection:
        subscribers.ensure(
            connection, "grace@example.org", status=SubscriberStatus.CONFIRMED, now=NOON, via="test"
        )
    page = busy.get("/owner/subscribers?search=GRA").text
    assert "grace@example.org" in page
    assert "ada@example.org" not in page
    assert "Nobody was found" in busy.get("/owner/subscribers?search=100%25").text


def test_a_delivery_is_found_by_its_address_and_cancelled(busy):
    page = busy.get("/owner/deliveries?address=ADA@example.org").text
    assert f"/owner/deliveries/{busy.delivery}" in page
    path = f"/owner/deliveries/{busy.delivery}"
    answer = busy.post(path + "/cancel", {"token": form_token(busy)})
    assert "It is cancelled." in busy.get(answer.headers["location"]).text
    with busy.app.reading() as connection:
        assert connection.scalar(select(deliveries.c.state)) == DeliveryState.CANCELLED
    again = busy.post(path + "/retry", {"token": form_token(busy)})
    assert "Nothing was changed" in busy.get(again.headers["location"]).text


def test_sending_is_held_and_goes_on(busy):
    busy.post("/owner/sending", {"token": form_token(busy), "hold": "on"})
    assert "Sending is on hold." in busy.get("/owner").text
    busy.post("/owner/sending", {"token": form_token(busy)})
    assert "Sending is on hold." not in busy.get("/owner").text


def test_a_person_is_shown_unsubscribed_and_erased_only_when_sure(busy):
    path = f"/owner/subscribers/{busy.person.subscriber_id}"
    page = busy.get(path).text
    assert "ada@example.org" in page
    assert f"/owner/preview/{busy.person.subscription_id}" in page
    busy.post(path + "/unsubscribe", {"token": form_token(busy)})
    assert "suppressed: unsubscribed" in busy.get(path).text
    busy.post(path + "/erase", {"token": form_token(busy)})
    assert busy.get(path).status_code == 200
    busy.post(path + "/erase", {"token": form_token(busy), "sure": "yes"})
    assert busy.get(path).status_code == 404


def test_the_next_edition_is_shown_and_nothing_is_recorded(busy):
    before = snapshot(busy.app)
    path = f"/owner/preview/{busy.person.subscription_id}"
    page = busy.get(path).text
    assert "Subject:" in page
    mail = busy.get(path + "/mail")
    assert "Diffusion models fold proteins" in mail.text
    assert "sandbox" in mail.headers["content-security-policy"]
    assert "script-src" not in mail.headers["content-security-policy"]
    assert snapshot(busy.app) == before


def test_an_edition_names_its_picks_and_its_mail(busy):
    page = busy.get("/owner/editions/1").text
    assert f"/owner/deliveries/{busy.delivery}" in page
    assert busy.get("/owner/editions/99").status_code == 404


def test_lists_go_on_where_the_page_ends(busy):
    with busy.app.writing() as connection:
        subscribers.ensure_many(
            connection, [f"r{n}@example.org" for n in range(60)], now=NOON, via="test",
            status=SubscriberStatus.CONFIRMED,
        )  # fmt: skip
    first = busy.get("/owner/subscribers").text
    after = re.search(r'rel="next" href="([^"]+)"', first)[1].replace("&amp;", "&")
    assert "r59@example.org" in busy.get(after).text
    assert 'rel="next"' not in busy.get(after).text
