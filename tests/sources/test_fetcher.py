from datetime import timedelta

import pytest
from builders import NOON
from scripted import Reply, serving

from digest.sources._http import Exchange, HttpError, Limits, PollFetcher, Transports, Validators


@pytest.fixture
def web():
    with serving() as script:
        yield script


@pytest.fixture
def transports():
    opened = Transports(limits=Limits(total_s=5))
    yield opened
    opened.close()


@pytest.fixture
def fetcher(transports):
    def make(validators=None, *, now=NOON, **more):
        exchange = Exchange(
            source="a",
            transport=transports.of("", allow_private=True),
            limits=transports.limits,
            user_agent="test/1",
        )
        return PollFetcher(
            source="a", exchange=exchange, now=lambda: now, validators=validators or {}, **more
        )

    return make


def error_of(fetcher, url):
    with pytest.raises(HttpError) as caught:
        fetcher.get(url)
    return caught.value


def test_the_first_request_sends_no_validators_and_learns_them(web, fetcher):
    web.routes["/a"] = Reply(b"one", headers={"ETag": "unquoted", "Last-Modified": "last week"})
    asking = fetcher()
    assert asking.get(web.url("/a"), label="cs.LG").label == "cs.LG"
    assert not {"if-none-match", "if-modified-since"} & set(web.log[0].headers)
    learned = asking.learned[web.url("/a")]
    assert (learned.etag, learned.last_modified) == ("unquoted", "last week")


def test_not_modified_keeps_what_is_known_and_takes_new_validators(web, fetcher):
    web.routes["/a"] = Reply(status=304, headers={"ETag": '"2"'})
    known = Validators(etag='"1"', last_modified="then", sha256="x", full_at=NOON)
    asking = fetcher({web.url("/a"): known})
    assert asking.get(web.url("/a")) is None
    learned = asking.learned[web.url("/a")]
    assert (learned.etag, learned.last_modified, learned.sha256) == ('"2"', "then", "x")


def test_not_modified_to_a_first_request_is_an_error(web, fetcher):
    web.routes["/a"] = Reply(status=304)
    assert error_of(fetcher(), web.url("/a")).kind == "bad-304"


def test_the_same_body_under_a_new_etag_is_unchanged(web, fetcher):
    web.routes["/a"] = [
        Reply(b"one", headers={"ETag": '"1"'}), Reply(b"one", headers={"ETag": '"2"'}),
    ]  # fmt: skip
    first = fetcher()
    assert first.get(web.url("/a"))
    second = fetcher(first.learned)
    assert second.get(web.url("/a")) is None
    assert second.learned[web.url("/a")].etag == '"2"'


def test_another_body_under_the_same_etag_is_read(web, fetcher):
    web.routes["/a"] = [
        Reply(b"one", headers={"ETag": '"1"'}), Reply(b"two", headers={"ETag": '"1"'}),
    ]  # fmt: skip
    first = fetcher()
    first.get(web.url("/a"))
    assert fetcher(first.learned).get(web.url("/a")).content == b"two"


def test_validators_of_one_address_are_not_sent_to_another(web, fetcher):
    web.routes["/a"] = Reply(status=302, headers={"Location": "/b"})
    web.routes["/b"] = Reply(b"moved")
    known = {web.url("/a"): Validators(etag='"1"', full_at=NOON)}
    assert fetcher(known).get(web.url("/a")).url == web.url("/b")
    assert "if-none-match" not in web.asked("/b")[0].headers


def test_an_address_behind_a_redirect_is_sent_its_own(web, fetcher):
    web.routes["/a"] = Reply(status=302, headers={"Location": "/b"})
    web.routes["/b"] = [Reply(b"one", headers={"ETag": '"b"'}), Reply(status=304)]
    first = fetcher()
    first.get(web.url("/a"))
    assert fetcher(first.learned).get(web.url("/a")) is None
    assert web.asked("/b")[1].headers["if-none-match"] == '"b"'


def test_once_a_week_the_whole_answer_is_asked_for(web, fetcher):
    web.routes["/a"] = Reply(b"whole")
    known = {web.url("/a"): Validators(etag='"1"', full_at=NOON)}
    assert fetcher(known, now=NOON + timedelta(days=7)).get(web.url("/a"))
    assert "if-none-match" not in web.log[0].headers


def test_force_and_unconditional_take_no_for_no_answer(web, fetcher):
    web.routes["/a"] = Reply(b"one", headers={"ETag": '"1"'})
    first = fetcher()
    first.get(web.url("/a"))
    assert fetcher(first.learned, force=True).get(web.url("/a"))
    assert fetcher(first.learned).get(web.url("/a"), conditional=False)
    assert all("if-none-match" not in asked.headers for asked in web.log)


@pytest.mark.parametrize(
    ("status", "kind", "permanent"),
    [
        (400, "http-400", False), (401, "http-401", False), (403, "http-403", False),
        (404, "http-404", False), (410, "gone", True), (429, "rate-limited", False),
        (500, "http-500", False), (503, "http-503", False), (504, "http-504", False),
    ],
)  # fmt: skip
def test_each_refusal_has_its_kind(web, fetcher, status, kind, permanent):
    web.routes["/a"] = Reply(b"<html><title>Sorry</title>", status, {"Content-Type": "text/html"})
    error = error_of(fetcher(), web.url("/a"))
    assert (error.kind, error.permanent, error.status) == (kind, permanent, status)
    assert "Sorry" in error.reason


def test_a_browser_challenge_is_named(web, fetcher):
    web.routes["/a"] = Reply(b"x", 403, {"cf-mitigated": "challenge"})
    assert error_of(fetcher(), web.url("/a")).kind == "challenge"


def test_retry_after_is_carried(web, fetcher):
    web.routes["/a"] = Reply(b"Rate exceeded.", 429, {"Retry-After": "120"})
    error = error_of(fetcher(), web.url("/a"))
    assert error.retry_at == NOON + timedelta(minutes=2)
    assert "Rate exceeded." in error.reason


@pytest.mark.parametrize("body", [b"", b" \n"])
def test_an_empty_answer_is_an_error_not_a_quiet_day(web, fetcher, body):
    web.routes["/a"] = Reply(body)
    assert error_of(fetcher(), web.url("/a")).kind == "empty"


@pytest.mark.parametrize("status", [200, 203, 206])
def test_good_answers_by_other_names_are_answers(web, fetcher, status):
    web.routes["/a"] = Reply(b"feed", status, {"Content-Type": "text/html"})
    assert fetcher().get(web.url("/a")).content == b"feed"


@pytest.mark.parametrize(
    ("chain", "content_type", "moved_to"),
    [
        ([301], "text/xml", "/1"),
        ([308, 301], "text/xml", "/2"),
        ([301, 302, 301], "text/xml", "/1"),
        ([302], "text/xml", ""),
        ([303, 301], "text/xml", ""),
        ([307], "text/xml", ""),
        ([301], "text/html; charset=utf-8", ""),
    ],
)
def test_only_the_leading_permanent_part_of_a_chain_is_a_move(
    web, fetcher, chain, content_type, moved_to
):
    for number, status in enumerate(chain):
        web.routes[f"/{number}"] = Reply(status=status, headers={"Location": f"/{number + 1}"})
    web.routes[f"/{len(chain)}"] = Reply(b"x", headers={"Content-Type": content_type})
    asking = fetcher()
    asking.get(web.url("/0"))
    assert asking.moves == {web.url("/0"): web.url(moved_to) if moved_to else ""}


def test_a_promoted_address_is_asked_at_once(web, fetcher):
    web.routes["/new"] = Reply(b"here")
    promoted = {web.url("/old"): web.url("/new")}
    assert fetcher(promoted=promoted).get(web.url("/old")).url == web.url("/new")
    assert web.asked("/old") == []


def test_params_are_added_and_keys_are_not_told(web, fetcher):
    error = error_of(fetcher(), web.url("/a?x=1&api_key=s3cret"))
    assert "s3cret" not in str(error)
    fetcher_ = fetcher()
    web.routes["/b"] = Reply(b"x")
    fetcher_.get(web.url("/b?x=1"), params={"q": "a b", "n": 2})
    assert web.asked("/b")[0].path == "/b?x=1&q=a+b&n=2"


def test_a_post_carries_json(web, fetcher):
    web.routes["/a"] = Reply(b"[]")
    assert fetcher().post(web.url("/a"), json={"ids": ["x"]}).content == b"[]"
    assert web.log[0].body == b'{"ids": ["x"]}'
    assert web.log[0].headers["content-type"] == "application/json"


def test_a_source_that_asks_for_ever_is_stopped(web, fetcher):
    web.routes["/a"] = Reply(b"x")
    asking = fetcher()
    asking.requests = 1_000
    assert error_of(asking, web.url("/a")).kind == "too-many-requests"
