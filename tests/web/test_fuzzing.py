"""Whatever is posted to any form or route, in whatever encoding: an answer that is ours."""

import json
import re
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from web_builders import fill
from web_people import ada, plan_delivery
from web_routes import BEARER, getting, posting, tokens_of

FIELDS = (
    "address", "begun", "library", "orcid", "fax", "frequency", "weekday", "weekdays_shown",
    "sure", "time_zone", "send_time", "paused_until", "max_papers", "mutes", "source", "abstracts",
    "papers", "trending_weight", "all_titles", "community", "exploration", "note_when_empty",
    "scope", "from", "take_back", "owner_token", "token", "hold", "List-Unsubscribe",
    *(f"{name}-{n}" for name in ("name", "terms", "categories", "authors", "papers", "text",
                                 "remove", "forget") for n in (0, 1, 12)),
)  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=200),
    st.sampled_from(("\0", "\ud800", "9" * 400, "-1", "1e999", "NaN", "2026-02-30", "9999-12-31",
                     "25:61", "Europe/../../etc/passwd", "a@b", "@", "\u202e", "{" * 500,
                     "\n" * 3000, "<!--" * 500, "arxiv:" * 300, "0000-0002-1825-0097")),
)  # fmt: skip
BODIES = st.one_of(
    st.binary(max_size=2000),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=30),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from((*FIELDS, "event", "Type", "profiles")), inner, max_size=4
            )
        ),
        max_leaves=12,
    ),
)
KINDS = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "application/json",
         "multipart/form-data", "text/plain; charset=utf-99", "")  # fmt: skip
NAMES = (
    "q", "page", "sort", "terms", "from", "to", "after", "limit", "path", "source", "category",
    "categories", "authors", "papers", "status", "search", "profile", "state", "on", "days",
    "request", "self",
)  # fmt: skip
quick = settings(
    max_examples=60, deadline=None, database=None, phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@pytest.fixture
def target(make_web):
    web = make_web(client_options={"raise_server_exceptions": True})
    fill(web.app)
    plan_delivery(web, ada(web))
    return web


def addresses(web, paths):
    """Return each path with each token that may open it."""
    tokens = tokens_of(web, ada(web))
    return [
        re.sub(r"\{[^}]+\}", "1", path.replace("{token}", token).replace("{kind}", "more"))
        for path in paths
        for token in (tokens if "{token}" in path else [""])
    ]


def raw(fields):
    return urlencode([(k, v.encode("utf-8", "surrogatepass")) for k, v in fields]).encode()


def parts(fields):
    """Return fields as parts, files among them, the last one without its end."""
    lines = []
    for place, (name, value) in enumerate(fields):
        file = '; filename="x.bib"' if place % 3 == 0 else ""
        head = f'--b\r\nContent-Disposition: form-data; name="{name}"{file}'
        lines.append(f"{head}\r\n\r\n{value}\r\n")
    return "".join(lines).encode("utf-8", "surrogatepass")


def is_ours(answer, url):
    assert answer.status_code < 500, (url, answer.text[:300])


@pytest.mark.slow
def test_no_form_breaks_whatever_its_fields_hold(target):
    urls = addresses(target, [path for method, path in posting(target.client.app)
                              if method == "POST" and not path.startswith("/api")])  # fmt: skip
    fields = st.lists(st.tuples(st.sampled_from(FIELDS), TEXTS), max_size=12)

    @seed(3)
    @quick
    @given(st.sampled_from(urls), fields, st.sampled_from(("encoded", "parts", "cut")))
    def post(url, pairs, form):
        content = raw(pairs) if form == "encoded" else parts(pairs)
        content = content if form != "parts" else content + b"--b--\r\n"
        kind = KINDS[0] if form == "encoded" else KINDS[1]
        is_ours(target.client.post(url, content=content, headers={"content-type": kind}), url)

    post()


@pytest.mark.slow
def test_no_body_of_any_kind_breaks_any_route(target):
    urls = addresses(target, [path for _, path in posting(target.client.app)])

    @seed(5)
    @quick
    @given(st.sampled_from(urls), BODIES, st.sampled_from(KINDS),
           st.sampled_from(("POST", "PUT", "PATCH", "DELETE")))  # fmt: skip
    def send(url, body, kind, method):
        content = body if isinstance(body, bytes) else _json(body)
        headers = BEARER | {"content-type": kind}
        is_ours(target.client.request(method, url, content=content, headers=headers), url)

    send()


@pytest.mark.slow
def test_no_query_breaks_any_page(target):
    urls = addresses(target, getting(target.client.app))
    names = st.sampled_from(NAMES)

    @seed(7)
    @quick
    @given(st.sampled_from(urls), st.lists(st.tuples(names, TEXTS), max_size=6))
    def get(url, pairs):
        query = raw(pairs)[:8000].decode()
        is_ours(target.client.get(f"{url}?{query}", headers=BEARER), url)

    get()


def _json(value):
    return json.dumps(value).encode("utf-8", "surrogatepass")
