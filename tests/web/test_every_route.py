"""What holds for every route there is, and for those that are still to come."""

import logging

import pytest
from web_builders import fill
from web_people import ada, plan_delivery, snapshot
from web_routes import BEARER, OWNER_TOKEN, filled, getting, posting, tokens_of

OURS = ("digest", "uvicorn", "fastapi", "starlette", "py.warnings")
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}
MISLEADING = "?List-Unsubscribe=One-Click&from=page&scope=all&confirm=yes&sure=yes&_method=POST"


@pytest.fixture
def inside(make_web):
    """Give pages with a reader, a delivery and a logged-in owner."""
    web = make_web()
    fill(web.app)
    plan_delivery(web, ada(web))
    web.post("/owner/login", {"owner_token": OWNER_TOKEN})
    return web


def addresses(web):
    """Return an address for each GET route, with each purpose of token where it takes one."""
    tokens = tokens_of(web, ada(web))
    return [
        filled(path, token)
        for path in getting(web.client.app)
        for token in (tokens if "{token}" in path else [""])
    ]


def said_by_us(caplog):
    return "\n".join(r.getMessage() for r in caplog.records if r.name.startswith(OURS))


def test_the_walk_sees_pages_owners_pages_and_the_api(web):
    found = set(getting(web.client.app))
    assert {"/u/{token}", "/owner/deliveries", "/api/v1/subscribers"} <= found
    assert ("DELETE", "/api/v1/subscribers/{subscriber_id}") in posting(web.client.app)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_looking_changes_no_row_and_logs_no_address(inside, method, caplog):
    caplog.set_level(logging.DEBUG)
    urls = addresses(inside)
    before = snapshot(inside.app)
    for url in urls:
        for query in ("", MISLEADING):
            answer = inside.client.request(method, url + query, headers=BEARER)
            assert answer.status_code < 500, url
    assert len(urls) > 60
    assert snapshot(inside.app) == before
    assert "ada@example.org" not in said_by_us(caplog)


def test_every_answer_is_guarded_and_says_how_long_it_may_be_kept(inside):
    for url in [*addresses(inside), "/nowhere", "/api/v1/nowhere", "/static/nowhere.css"]:
        answer = inside.get(url, headers=BEARER)
        found = {name: answer.headers.get(name) for name in HEADERS}
        assert found == HEADERS, url
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy, url
        assert "frame-ancestors 'none'" in policy, url
        if not url.endswith("/mail"):  # a mail's HTML has its styles in place, in a sandbox
            assert "unsafe" not in policy, url
        assert answer.headers["cache-control"], url


def test_what_a_token_or_the_owner_opened_is_kept_nowhere(inside):
    tokens = tokens_of(inside, ada(inside))
    for path in getting(inside.client.app):
        if "{token}" in path or path.startswith(("/owner", "/api")):
            for token in tokens:
                answer = inside.get(filled(path, token), headers=BEARER)
                assert answer.headers["cache-control"] == "no-store", path
                if "{token}" in path and answer.status_code == 200:
                    assert "noindex" in answer.headers["x-robots-tag"], path


def test_no_page_loads_anything_from_elsewhere_or_runs_inline(inside):
    for url in addresses(inside):
        answer = inside.get(url)
        if answer.headers.get("content-type", "").startswith("text/html") and "/mail" not in url:
            assert "<script>" not in answer.text, url
            assert " style=" not in answer.text, url
            assert " onclick=" not in answer.text, url
            assert 'src="http' not in answer.text, url


def test_a_token_opens_one_kind_of_page_only(inside):
    tokens = tokens_of(inside, ada(inside))
    paths = [path for path in getting(inside.client.app) if "{token}" in path]
    assert len(paths) > 3
    for path in paths:
        opened = [t for t in tokens if inside.get(filled(path, t)).status_code < 400]
        assert len(opened) <= 1, path


def test_no_post_is_taken_with_a_token_of_another_purpose(inside):
    tokens = tokens_of(inside, ada(inside))
    for method, path in posting(inside.client.app):
        if "{token}" in path:
            takes = [
                token
                for token in tokens
                if inside.client.request(method, filled(path, token)).status_code < 400
            ]
            assert len(takes) <= 1, path


def test_changing_needs_a_session_a_token_or_the_bearer(inside):
    inside.client.cookies.clear()
    before = snapshot(inside.app)
    for method, path in posting(inside.client.app):
        if path.startswith(("/owner", "/api")) or "{token}" in path:
            answer = inside.client.request(method, filled(path, "A" * 60))
            assert answer.status_code in {401, 403, 404}, path
    assert snapshot(inside.app) == before
