"""How Hugging Face, arXiv and feeds are asked, against a web server on loopback."""

import json
from datetime import date, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from builders import NOON
from scripted import Reply

from digest.errors import SourceError
from digest.sources import Body
from digest.sources._arxiv_feed import is_withdrawn

ATOM = "application/atom+xml"


def asked(one):
    return {name: found[0] for name, found in parse_qs(urlsplit(one.path).query).items()}


def fetched(source, fetcher, watermark=None):
    return list(source.fetch(fetcher, watermark=watermark or {}, now=NOON))


def keys_of(source, bodies):
    return [record.key for body in bodies for record in source.parse(body).records]


# --- Hugging Face -------------------------------------------------------------------------------


@pytest.fixture
def lists(script, source_of):
    return source_of("huggingface", base_url=script.url(), token="s3cret")


def daily(*numbers):
    found = [{"paper": {"id": f"2604.{n:05}", "title": f"Paper {n}"}} for n in numbers]
    return Reply(json.dumps(found).encode(), headers={"Content-Type": "application/json"})


def test_a_full_page_is_followed_by_the_next_one(script, asking, lists):
    def pages(one):
        if asked(one)["date"] != "2026-04-14":
            return daily()
        return daily(100) if asked(one).get("p") == "1" else daily(*range(100))

    script.routes["/api/daily_papers"] = pages
    assert len(keys_of(lists, fetched(lists, asking()))) == 101
    assert {asked(one)["date"] for one in script.log} == {"2026-04-13", "2026-04-14"}
    assert script.log[0].headers["authorization"] == "Bearer s3cret"


def test_a_day_that_has_not_begun_over_there_is_no_error(script, asking, lists):
    def refusing(day):
        no = Reply(b'{"error": "invalid date"}', 400, {"Content-Type": "application/json"})
        return lambda one: no if asked(one)["date"] == day else daily(1)

    script.routes["/api/daily_papers"] = refusing("2026-04-14")
    assert len(keys_of(lists, fetched(lists, asking()))) == 1
    script.routes["/api/daily_papers"] = refusing("2026-04-13")
    with pytest.raises(SourceError):
        fetched(lists, asking())


def test_after_a_pause_the_days_between_are_asked_for_but_about_a_fortnight_at_most(
    script, asking, lists
):
    script.routes["/api/daily_papers"] = daily(1)
    fetched(lists, asking(), {"since": "2026-01-01T00:00:00+00:00"})
    days = [date.fromisoformat(asked(one)["date"]) for one in script.log]
    assert days == sorted(days)
    assert 10 <= (NOON.date() - days[0]).days <= 15  # and the working day before
    assert days[-1] == NOON.date()


def test_a_list_that_has_not_changed_is_asked_for_with_its_validators(script, asking, lists):
    first = asking()
    etag = {"ETag": '"one"'}
    script.routes["/api/daily_papers"] = Reply(daily(1).body, headers=etag)
    assert len(fetched(lists, first)) == 2
    script.routes["/api/daily_papers"] = Reply(status=304)
    assert fetched(lists, asking(validators=first.learned)) == []
    assert script.log[-1].headers["if-none-match"] == '"one"'


@pytest.mark.parametrize(
    ("day", "verdict"),
    [("2026-04-14", "partial"), ("2026-12-25", "quiet"), ("2026-12-26", "quiet")],
)
def test_an_empty_list_is_quiet_only_on_days_off(lists, day, verdict):
    at = datetime.fromisoformat(f"{day}T12:00:00+00:00") + timedelta(days=1)
    body = Body(url="x", content=b"[]", fetched_at=at, label=day)
    assert lists.parse(body).completeness == verdict


# --- arXiv --------------------------------------------------------------------------------------


@pytest.fixture
def archive(script, source_of):
    def make(**options):
        urls = {"base_url": script.url(), "api_url": script.url(), "oai_url": script.url("/oai")}
        return source_of("arxiv", categories=["cs.LG"], **urls, **options)

    return make


def oai(*numbers, token=""):
    records = "".join(
        f"<record><header><identifier>oai:arXiv.org:2604.{n:05}</identifier>"
        "<datestamp>2026-04-13</datestamp></header><metadata>"
        f"<arXiv xmlns='http://arxiv.org/OAI/arXiv/'><id>2604.{n:05}</id>"
        f"<created>2026-04-12</created><title>Paper {n}</title><abstract>x</abstract></arXiv>"
        "</metadata></record>"
        for n in numbers
    )
    more = f"<resumptionToken>{token}</resumptionToken>" if token else ""
    text = f"<ListRecords>{records}{more}</ListRecords>"
    return envelope(text)


def envelope(text):
    head = "<?xml version='1.0'?><OAI-PMH xmlns='http://www.openarchives.org/OAI/2.0/'>"
    return Reply(f"{head}{text}</OAI-PMH>".encode(), headers={"Content-Type": "text/xml"})


def missed(source, fetcher):
    return list(source.backfill(fetcher, since=date(2026, 4, 10), until=date(2026, 4, 13)))


def test_missed_days_are_harvested_token_by_token(script, asking, archive):
    script.routes["/oai"] = [oai(1, 2, token="next|1"), oai(3)]
    source = archive()
    assert keys_of(source, missed(source, asking())) == [f"arxiv:2604.0000{n}" for n in (1, 2, 3)]
    first, second = map(asked, script.log)
    assert (first["set"], first["from"], first["metadataPrefix"]) == (
        "cs:cs:LG", "2026-04-08", "arXiv",
    )  # fmt: skip
    assert second == {"verb": "ListRecords", "resumptionToken": "next|1"}


def test_a_harvest_that_goes_in_circles_is_an_error(script, asking, archive):
    script.routes["/oai"] = oai(1, token="again")
    with pytest.raises(SourceError, match="circles"):
        missed(archive(), asking())


def test_a_harvest_without_records_is_a_normal_answer(script, asking, archive):
    script.routes["/oai"] = envelope("<error code='noRecordsMatch'/>")
    source = archive()
    (body,) = missed(source, asking())
    assert source.parse(body).records == ()


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"Rate exceeded.", 503, {"Retry-After": "120"}),
        Reply(b"<html><body>Sorry</body></html>"),
        Reply(b"<?xml version='1.0'?><OAI-PMH><ListRec", length=400),
        envelope("<error code='badResumptionToken'>expired</error>"),
    ],
)
def test_no_bad_answer_ends_a_harvest_as_if_it_were_whole(script, asking, archive, reply):
    script.routes["/oai"] = [oai(1, token="more"), reply]
    source = archive()
    with pytest.raises(SourceError):
        keys_of(source, missed(source, asking()))


def api(*numbers, total=None):
    entries = "".join(
        f"<entry><id>http://arxiv.org/abs/2604.{n:05}v1</id><title>Paper {n}</title></entry>"
        for n in numbers
    )
    total = len(numbers) if total is None else total
    return Reply(
        "<?xml version='1.0'?><feed xmlns='http://www.w3.org/2005/Atom' "
        "xmlns:o='http://a9.com/-/spec/opensearch/1.1/'>"
        f"<o:totalResults>{total}</o:totalResults>{entries}</feed>".encode(),
        headers={"Content-Type": ATOM},
    )


def test_the_query_api_is_paged_to_its_total_over_empty_pages(script, asking, archive):
    script.routes["/api/query"] = [api(1, 2, total=3), api(total=3), api(3, total=3)]
    source = archive(backfill="api")
    assert len(keys_of(source, missed(source, asking()))) == 3
    assert [asked(one)["start"] for one in script.log] == ["0", "2", "2"]


def test_an_api_whose_pages_stay_empty_is_an_error(script, asking, archive):
    script.routes["/api/query"] = [api(1, total=3), api(total=3)]
    with pytest.raises(SourceError, match="stays empty"):
        missed(archive(backfill="api"), asking())


def test_back_fill_that_is_off_asks_nobody(script, asking, archive):
    assert missed(archive(backfill="off"), asking()) == []
    assert script.log == []


def test_a_hundred_ids_are_asked_for_at_once(script, asking, archive):
    script.routes["/api/query"] = api(1)
    keys = [*(f"arxiv:2604.{n:05}" for n in range(150)), "doi:10.1000/x"]
    assert len(list(archive().enrich(asking(), keys))) == 2
    assert len(asked(script.log[0])["id_list"].split(",")) == 100


def test_each_category_is_a_feed_of_its_own(script, asking, source_of):
    source = source_of("arxiv", categories=["cs.LG", "stat.ML"], base_url=script.url())
    for category in ("cs.LG", "stat.ML"):
        script.routes[f"/atom/{category}"] = Reply(b"<feed/>", headers={"ETag": f'"{category}"'})
    first = asking()
    assert [body.label for body in fetched(source, first)] == ["cs.LG", "stat.ML"]
    script.routes["/atom/cs.LG"] = Reply(status=304)
    script.routes["/atom/stat.ML"] = Reply(b"<feed>2</feed>")
    again = fetched(source, asking(validators=first.learned))
    assert [body.label for body in again] == ["stat.ML"]


@pytest.mark.parametrize(
    ("abstract", "comment", "expected"),
    [
        ("", "This paper has been withdrawn by the authors", True),
        ("", "This submission has been withdrawn due to violation of arXiv policy", True),
        ("This paper has been withdrawn due to an error in Lemma 2.", "", True),
        ("Withdrawn.", "", True),
        ("", "Withdrawn due to an error", True),
        ("", "Withdrawn from another venue? No: accepted", False),
        ("We study papers that were withdrawn.", "9 pages", False),
        ("Troops were withdrawn in 1990.", "", False),
    ],
)
def test_withdrawals_are_read_in_the_authors_words(abstract, comment, expected):
    assert is_withdrawn(abstract, comment) is expected


# --- Feeds --------------------------------------------------------------------------------------

RSS = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>Blog</title>
<item><title>On planning</title><link>https://arxiv.org/abs/2604.00001</link></item>
</channel></rss>"""


def test_a_feed_is_asked_for_once_and_then_only_if_it_changed(script, asking, source_of):
    source = source_of("feed", url=script.url("/feed.xml"))
    first = asking()
    script.routes["/feed.xml"] = Reply(RSS, headers={"Last-Modified": "yesterday, more or less"})
    assert keys_of(source, fetched(source, first)) == ["arxiv:2604.00001"]
    script.routes["/feed.xml"] = Reply(status=304)
    assert fetched(source, asking(validators=first.learned)) == []
    assert script.log[-1].headers["if-modified-since"] == "yesterday, more or less"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"oops", 500),
        Reply(b"<!DOCTYPE html><html><body>Log in</body></html>"),
        Reply(RSS[:90], length=len(RSS)),
        Reply(b""),
    ],
)
def test_a_bad_answer_is_an_error_whatever_its_status(script, asking, source_of, lists, reply):
    script.reply = lambda _asked: reply
    feed = source_of("feed", url=script.url("/feed.xml"))
    archive = source_of("arxiv", categories=["cs.LG"], base_url=script.url())
    for source in (feed, archive, lists):
        with pytest.raises(SourceError):
            keys_of(source, fetched(source, asking()))
