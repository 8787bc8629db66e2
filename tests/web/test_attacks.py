"""Attacks as a scanner tries them, by hand: on every route, in every parameter."""

import json
import logging
from urllib.parse import quote, urlsplit

import pytest
from web_builders import fill, store_paper
from web_people import ada, plan_delivery, snapshot
from web_routes import BEARER, OWNER_TOKEN, filled, getting, posting, tokens_of

from digest.subscribers.tokens import TokenPurpose

PARAMETERS = (
    "q", "source", "category", "from", "to", "sort", "terms", "authors", "page", "after", "said",
    "search", "status", "profile", "state", "address", "domain", "on", "limit", "next", "format",
    "token", "categories", "papers", "callback", "first_on", "edition_on", "name",
)  # fmt: skip
PAYLOADS = {
    "script": "\"'><script>alert(1)</script>",
    "attribute": "' onmouseover=alert(1) x='",
    "scheme": "javascript:alert(1)//",
    "template": "{{7*191}}{% raw %}${7*191}",
    "sql": "' OR 1=1; DROP TABLE papers;--",
    "path": "../../../../../etc/passwd",
    "windows": "..\\..\\windows\\win.ini",
    "header": "x\r\nSet-Cookie: owned=1\r\n\r\n<html>",
    "nul": "a\x00b",
    "redirect": "//evil.example/%2f..",
    "format": "%s%n%x{0}",
    "bidi": "\u202egnp.exe\u2066",
    "number": "-99999999999999999999999",
    "long": "A" * 2000,
    "fts": '"unclosed AND (NEAR/3 * col:',
}
OURS = ("digest", "uvicorn", "fastapi", "starlette")


@pytest.fixture
def target(make_web):
    web = make_web()
    fill(web.app)
    person = ada(web)
    plan_delivery(web, person)
    web.post("/owner/login", {"owner_token": OWNER_TOKEN})
    return web


def is_inert(answer):
    assert answer.status_code < 500
    assert "owned" not in answer.headers.get("set-cookie", "")
    if "json" not in answer.headers.get("content-type", ""):
        assert "<script>alert" not in answer.text
        assert "' onmouseover" not in answer.text
        assert 'href="javascript:' not in answer.text
    assert "1337" not in answer.text
    assert "root:x:0" not in answer.text
    location = urlsplit(answer.headers.get("location", ""))
    assert location.netloc in {"", "digest.example.org"}
    assert not answer.headers.get("location", "").startswith("//")


@pytest.mark.parametrize("name", PAYLOADS)
def test_no_parameter_of_any_page_breaks_out(target, name, caplog):
    caplog.set_level(logging.DEBUG)
    payload = PAYLOADS[name]
    before = snapshot(target.app)
    signer_tokens = dict(zip(TokenPurpose, tokens_of(target, ada(target)), strict=True))
    query = "&".join(f"{key}={quote(payload, safe='')}" for key in PARAMETERS)
    for path in getting(target.client.app):
        holes = quote(payload, safe="")
        for url in (
            filled(path, signer_tokens[TokenPurpose.VIEW]) + "?" + query,
            path.replace("{key:path}", holes).replace("{name}", holes).replace("{token}", holes)
            .replace("{kind}", holes).replace("{number}", holes).replace("{paper}", holes),
        ):  # fmt: skip
            is_inert(target.client.get(url, headers=BEARER))
    assert snapshot(target.app) == before
    ours = [r.getMessage() for r in caplog.records if r.name.startswith(OURS)]
    assert not [line for line in ours if "\r" in line or "ada@" in line]


@pytest.mark.parametrize("name", PAYLOADS)
def test_no_posted_field_breaks_out(target, name):
    payload = PAYLOADS[name]
    fields = dict.fromkeys(
        ("address", "token", "owner_token", "sure", "hold", "from", "scope", "terms-0", "name-0",
         "categories-0", "authors-0", "papers-0", "weekday", "time_zone", "send_time", "email",
         "max_papers", "paused_until", "website"), payload,
    )  # fmt: skip
    for method, path in posting(target.client.app):
        if not path.startswith("/api") and method == "POST":
            is_inert(target.client.post(filled(path, "A" * 40), data=fields))


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../pyproject.toml", "/static/%2e%2e/%2e%2e/pyproject.toml",
        "/static/..%2f..%2fpyproject.toml", "/static/..%5c..%5cpyproject.toml",
        "/static//etc/passwd", "/static/%2fetc%2fpasswd", "/static/style.css%00.txt",
        "/static/../base.html", "/paper/../../../etc/passwd", "/papers/..%2f..%2fetc",
        "/static/.git/config", "/.git/config", "/.env", "/digest.db", "/api/v1/../../digest.db",
    ],
)  # fmt: skip
def test_no_path_leads_out_of_the_static_files(target, path):
    answer = target.client.get(path, headers=BEARER)
    assert answer.status_code in {401, 404}
    assert "[project]" not in answer.text
    assert "root:" not in answer.text


@pytest.mark.parametrize("host", ["evil.example", "digest.example.org@evil.example", "a\tb"])
def test_the_host_header_gets_into_no_page(target, host):
    for path in ("/", "/feeds/daily.atom", "/feeds/daily.json", "/owner/login", "/search?q=robots"):
        answer = target.client.get(path, headers={"host": host, "x-forwarded-host": host})
        assert "evil.example" not in answer.text + str(answer.headers)


@pytest.mark.parametrize(
    "path",
    ["//evil.example", "/\\evil.example", "/%5cevil.example", "/owner//evil.example/",
     "/owner/login?next=https://evil.example", "/papers//evil.example/%2e%2e"],
)  # fmt: skip
def test_no_page_sends_a_browser_elsewhere(target, path):
    target.client.cookies.clear()
    answer = target.client.get(path)
    assert "evil.example" not in answer.headers.get("location", "")
    form = {"owner_token": OWNER_TOKEN, "next": "https://evil.example"}
    assert target.client.post("/owner/login", data=form).headers["location"] == "/owner"


def test_a_paper_full_of_attacks_is_inert_on_every_page(target):
    with target.app.writing() as connection:
        for number, payload in enumerate(PAYLOADS.values(), start=100):
            clean = payload.replace("\0", "")
            store_paper(
                connection, number, clean[:500], "cs.LG", 5, target.clock.now, abstract=clean,
                url=clean[:500], authors=[{"name": clean[:99], "affiliations": [], "ids": []}],
                categories=[clean[:40]], links=[{"kind": "pdf", "url": clean[:500]}],
            )  # fmt: skip
    for path in ("/", "/search?q=script", "/paper/arxiv:2604.00100", "/feeds/daily.atom"):
        page = target.client.get(path)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert 'href="javascript:' not in page.text
        assert "1337" not in page.text
    json.loads(target.client.get("/feeds/daily.json").text)


@pytest.mark.parametrize("size", [5 * 1024 * 1024, 50 * 1024 * 1024])
def test_a_body_that_says_it_is_too_large_is_refused_unread(target, size):
    for method, path in posting(target.client.app):
        headers = BEARER | {"content-length": str(size)}
        answer = target.client.request(
            method, filled(path, "A" * 40), headers=headers, content=b"x"
        )
        assert answer.status_code == 413


def test_a_body_without_an_end_is_cut(target):
    def endless():
        for _ in range(9):
            yield b"a" * 1024 * 1024

    before = snapshot(target.app)
    for path in ("/api/v1/subscribers/import", "/owner/login", "/subscribe", "/api/v1/send"):
        answer = target.client.post(path, content=endless(), headers=BEARER)
        assert 400 <= answer.status_code < 500, path
    assert snapshot(target.app) == before


BODIES = (
    b"", b"{", b"null", b"[]", b'"x"', b"1e999", b"NaN", b"\xff\xfe", b"{" * 2000, b"[" * 5000,
    b'{"address": {"$ne": null}, "profiles": ["ml"]}',
    b'{"address": "a@example.org", "profiles": "ml"}',
    b'{"address": "\\ud800@example.org", "profiles": ["ml"]}',
    b'{"address": "a@example.org", "profiles": ["\\u0000"]}',
    b'{"__proto__": {"admin": true}, "address": "a@example.org", "profiles": ["x"]}',
)  # fmt: skip


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/xml"])
def test_no_body_breaks_the_api(target, kind):
    before = snapshot(target.app)
    headers = BEARER | {"content-type": kind}
    for method, path in (("POST", "/subscribers"), ("PATCH", "/subscribers/1"), ("POST", "/send"),
                         ("PUT", "/sending")):  # fmt: skip
        for content in BODIES:
            answer = target.client.request(
                method, "/api/v1" + path, content=content, headers=headers
            )
            assert answer.status_code in {404, 422, 400}, (path, content, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
    assert snapshot(target.app) == before


def test_other_methods_are_refused_on_pages(target):
    pages = [path for path in getting(target.client.app) if not path.startswith("/api")]
    for method in ("TRACE", "CONNECT", "PROPFIND", "DELETE", "PUT", "X-Y"):
        for path in pages:
            answer = target.client.request(method, filled(path, "A" * 40))
            assert answer.status_code in {404, 405}, (method, path)


def test_a_method_in_a_header_or_field_is_not_taken(target):
    before = snapshot(target.app)
    for header in ("X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"):
        target.client.get("/api/v1/subscribers/1", headers=BEARER | {header: "DELETE"})
    target.client.get("/owner/sending?_method=POST&hold=on")
    assert snapshot(target.app) == before


@pytest.mark.parametrize("cookie", ["owner=" + "A" * 8000, "owner=;owner=x", "owner=\x7f", "=;;=,"])
def test_no_cookie_breaks_a_page(target, cookie):
    target.client.cookies.clear()
    answer = target.client.get("/owner", headers={"cookie": cookie})
    assert answer.status_code == 303
