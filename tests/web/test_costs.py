"""What a page may cost: however much is stored, whoever asks, whatever is asked for."""

import re

import pytest
from sqlalchemy import event
from web_builders import fill, store_paper
from web_routes import BEARER, getting, posting

from digest.actions import candidates
from digest.store import browsing
from digest.web.security import BODY_LIMIT, body_limit

FREE = ("/owner", "/api", "/static", "/healthz", "/robots")
LARGE = ("/preview", "/subscribe", "/preferences/", "/hooks/", "/api/v1/subscribers")
MONTH = "/papers/2026-04"
INTERESTS = f"{MONTH}?sort=interests&terms=gradients,robots&categories=cs.RO"


@pytest.fixture
def public(make_web):
    web = make_web(limited=True)
    fill(web.app)
    return web


def crowd(web, count, first=1000):
    with web.app.writing() as connection:
        for number in range(first, first + count):
            store_paper(
                connection, number, f"Paper {number} on gradients", "cs.LG", number % 7,
                web.clock.now,
            )  # fmt: skip


def rows_read(web, path):
    """Return how many rows one visit has the database hand over."""
    counted = []

    def count(_connection, cursor, *_):
        counted.append(cursor)

    loaded = []
    original = browsing.load

    def load(connection, row_ids):
        loaded.extend(row_ids)
        return original(connection, row_ids)

    event.listen(web.app.engine, "after_cursor_execute", count)
    browsing.load = load
    try:
        assert web.get(path).status_code == 200
    finally:
        browsing.load = original
        event.remove(web.app.engine, "after_cursor_execute", count)
    return len(loaded)


@pytest.mark.parametrize(
    "path", [MONTH, f"{MONTH}?sort=newest", INTERESTS, f"{MONTH}?category=cs.LG", "/",
             "/feeds/daily.atom?sort=interests&terms=x", f"{MONTH}?page=9999"],
)  # fmt: skip
def test_a_list_reads_as_many_papers_however_many_are_stored(web, path, monkeypatch):
    monkeypatch.setattr(candidates, "MOST", 40)
    monkeypatch.setattr(candidates, "MOST_RANKED", 40)
    crowd(web, 100)
    few = rows_read(web, path)
    crowd(web, 300, first=3000)
    assert rows_read(web, path) == few <= 40


def test_a_long_list_holds_what_was_noticed_and_what_fits_and_says_that_it_is_cut(web, monkeypatch):
    monkeypatch.setattr(candidates, "MOST", 30)
    monkeypatch.setattr(candidates, "MOST_RANKED", 30)
    assert "more than this page can rank" not in web.get(MONTH).text
    crowd(web, 200)
    page = web.get(MONTH).text
    assert "more than this page can rank" in page
    assert "Diffusion models fold proteins" in page  # 57 votes, and the first that was stored
    robots = web.get(f"{MONTH}?sort=interests&terms=iron+shirts").text
    titles = re.findall(r"Robots learn to iron shirts|Paper \d+ on gradients", robots)
    assert titles[0] == "Robots learn to iron shirts"


def test_only_so_many_announcements_of_a_span_are_looked_at(web_on_both):
    crowd(web_on_both, 30)
    filters = browsing.Filters()
    with web_on_both.app.reading() as connection:
        every, is_cut = browsing.listed(connection, filters)
        few, few_cut = browsing.listed(connection, filters, most=10)
    assert (len(every), is_cut) == (35, False)
    assert (len(few) <= 10, few_cut) == (True, True)


def test_sources_are_named_on_both_databases(web_on_both):
    with web_on_both.app.reading() as connection:
        assert browsing.source_names(connection) == ["arxiv-ml"]


def test_a_network_gets_so_many_pages_that_cost_and_others_go_on(public):
    codes = [public.get(f"/paper/none{number}").status_code for number in range(300)]
    assert set(codes) == {404, 429}
    assert public.get("/healthz").status_code == 200
    assert public.get("/static/style.css").status_code == 200
    public.clock.move(minutes=5)
    assert public.get("/").status_code == 200


@pytest.mark.parametrize("path", ["/?sort=interests&terms=a{}", "/subscribe?terms=a{}"])
def test_rankings_have_a_limit_of_their_own(public, path):
    codes = [public.get(path.format(number)).status_code for number in range(40)]
    assert codes.count(429) == 10
    assert public.get("/papers/2026-04-13").status_code == 200


def test_every_page_that_anybody_may_read_has_a_limit(public):
    public.client.app.state.site.limits["pages"].count = 3
    paths = [
        path
        for path in getting(public.client.app)
        if "{token}" not in path and not path.startswith(FREE)
    ]
    assert len(paths) > 10
    for path in paths:
        public.clock.move(hours=1)
        filled = re.sub(r"\{[^}]+\}", "x{n}", path) + "?q=a{n}&category=b{n}"
        codes = [public.get(filled.replace("{n}", str(n))).status_code for n in range(5)]
        assert codes[-1] == 429, (path, codes)


def test_bodies_are_bounded_by_what_their_route_is_for(make_web):
    web = make_web()
    for method, path in posting(web.client.app):
        if not path.startswith(LARGE):
            limit = body_limit(path)
            assert limit <= 256 * 1024 < BODY_LIMIT
            headers = BEARER | {"content-length": str(limit + 1)}
            answer = web.client.request(method, path, headers=headers, content=b"x")
            assert answer.status_code == 413, path


def test_many_headers_are_refused(web):
    assert web.get("/", headers={f"x-{n}": "a" for n in range(150)}).status_code == 431


def test_readers_are_counted_for_the_owner_alone(web):
    for headers in ({}, {"authorization": "Bearer nothing-of-the-kind"}):
        text = web.get("/metrics", headers=headers).text
        assert "digest_papers" in text
        assert "subscribers" not in text
        assert "deliveries{" not in text
    assert "digest_subscribers" in web.get("/metrics", headers=BEARER).text


NAMES = ("path", "request", "self", "query", "form", "site", "status", "name", "title", "headers",
         "values", "template", "limit", "token", "key", "kind", "q", "page", "sort", "terms",
         "categories", "authors", "papers", "source", "category", "from", "to", "after", "said",
         "connection", "app", "private", "alternates", "url", "v")  # fmt: skip
VALUES = ("1", "", "-1", "99999999999999999999", "0x1", "1e9", "NaN", "null", "\u0663", "%00",
          "%ff", "[]", "x" * 500, "%ed%a0%80", "9999-99-99", "0000-00-00")  # fmt: skip


def test_no_parameter_of_any_name_or_value_breaks_a_page(web):
    for path in getting(web.client.app):
        filled = path.replace("{name}", "2026-04-14").replace("{form}", "atom")
        filled = filled.replace("{key:path}", "arxiv:2604.00001")
        filled = re.sub(r"\{[^}]+\}", "1", filled)
        for value in VALUES:
            query = "&".join(f"{name}={value}" for name in NAMES)
            answer = web.get(f"{filled}?{query}", headers=BEARER)
            assert answer.status_code < 500, (filled, value)
    for name in NAMES:
        for path in ("/feeds/search.atom", "/feeds/search.json", "/search", "/feeds/daily.atom"):
            assert web.get(f"{path}?q=robots&{name}=1").status_code == 200, (path, name)


@pytest.mark.parametrize(
    ("path", "most"),
    [("/api/v1/subscribers", 256 << 10), ("/api/v1/subscribers/import", BODY_LIMIT)],
)
def test_only_a_list_of_subscribers_may_be_large(path, most):
    """Each key of an object that is not known costs an error of its own."""
    assert body_limit(path) == most
