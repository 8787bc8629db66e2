"""What a crowd of visitors gets: the same bytes for a while, and nothing of anybody's own."""

import pytest
from builders import NOON
from sqlalchemy import event, insert
from web_builders import fill, store_paper
from web_people import ada
from web_routes import OWNER_TOKEN

from digest.store.tables import polls
from digest.subscribers.tokens import Signer, TokenPurpose
from digest.web import caching
from digest.web.caching import Kept, Shelf

TITLE = "A paper that came later"


@pytest.fixture
def public(make_web):
    web = make_web(limited=True)
    fill(web.app)
    return web


def add_paper(web):
    with web.app.writing() as connection:
        store_paper(connection, 50, TITLE, "cs.LG", 9, NOON)


def poll(web):
    with web.app.writing() as connection:
        connection.execute(insert(polls).values(source="x", kind="feed", at=NOON, status="ok"))


def statements(web, path, **options):
    """Return how many statements one visit costs."""
    seen = []

    def count(*_):
        seen.append(1)

    event.listen(web.app.engine, "before_cursor_execute", count)
    web.get(path, **options)
    event.remove(web.app.engine, "before_cursor_execute", count)
    return len(seen)


@pytest.mark.parametrize("path", ["/", "/papers/2026-04-14?sort=newest", "/feeds/daily.atom"])
def test_a_second_visitor_costs_one_small_question(public, path):
    first = public.get(path)
    assert statements(public, path) <= 2
    again = public.get(path)
    assert (again.content, dict(again.headers)) == (first.content, dict(first.headers))


def test_a_new_poll_is_seen_at_once(public):
    public.get("/")
    add_paper(public)
    assert TITLE not in public.get("/").text
    poll(public)
    assert TITLE in public.get("/").text


def test_nothing_is_kept_for_long(public, monkeypatch):
    monkeypatch.setattr(caching, "SECONDS", 0.0)
    public.get("/")
    add_paper(public)
    assert TITLE in public.get("/").text


def test_other_hosts_and_queries_are_other_pages(public):
    robots = public.get("/?terms=robots&sort=interests").text
    assert public.get("/?terms=gradients&sort=interests").text != robots
    other = public.get("/feeds/daily.json", headers={"host": "other.example"})
    assert "other.example" not in public.get("/feeds/daily.json").text
    assert other.status_code == 200


MADE_UP = (
    "?x=1",
    "?utm_source=a",
    "?page=1&y=2",
    "?terms=&z",
    "?" + "&".join(map(str, range(300))),
)


@pytest.mark.parametrize(
    "path", ["/", "/papers/2026-04-14", "/feeds/daily.atom", "/feeds/daily.json"]
)
def test_nothing_made_up_makes_another_page(public, path):
    first = public.get(path)
    for query in MADE_UP:
        assert statements(public, path + query) <= 2, query
        assert public.get(path + query).content == first.content
    for headers in ({"cookie": "a=b"}, {"host": "other.example"}, {"x-forwarded-host": "o.example"},
                    {"authorization": "Bearer x"}, {"user-agent": "robot"}):  # fmt: skip
        assert public.get(path, headers=headers).content == first.content
        assert statements(public, path, headers=headers) <= 2, headers


def test_the_order_and_number_of_parameters_make_no_other_page(public):
    first = public.get("/?sort=newest&category=cs.LG")
    assert statements(public, "/?category=cs.LG&sort=trending&sort=newest&k=v") <= 2
    assert public.get("/?category=cs.LG&sort=newest").content == first.content


def test_what_visitors_make_up_does_not_push_out_what_all_read(public):
    public.get("/")
    for number in range(150):
        public.get(f"/?category=made.up{number}")
    assert statements(public, "/") <= 2


def test_an_address_of_any_length_is_answered_and_not_kept(public):
    assert public.get("/?terms=" + "a" * 1900).status_code == 200
    assert statements(public, "/?terms=" + "a" * 1900) > 2
    assert public.get("/?x=" + "a" * 20_000).status_code == 414


def test_private_pages_are_never_kept(public):
    person = ada(public)
    token = Signer(public.app.secret_keys).make(
        TokenPurpose.UNSUBSCRIBE, person.subscriber_id, subscription_id=person.subscription_id
    )
    before = public.get(f"/u/{token}").text
    public.post(f"/u/{token}", {"from": "page"})
    assert public.get(f"/u/{token}").text != before
    public.post("/owner/login", {"owner_token": OWNER_TOKEN})
    assert public.get("/owner").status_code == 200
    public.client.cookies.clear()
    assert public.get("/owner").status_code == 303


def test_the_shelf_stays_small():
    shelf = Shelf(most_bytes=1000)
    for number in range(50):
        key = ("https", b"h", str(number), b"", 1)
        shelf.put(key, Kept({}, b"x" * 100, 9.0))
    kept = [n for n in range(50) if shelf.take(("https", b"h", str(n), b"", 1), 1.0)]
    assert kept == list(range(40, 50))
