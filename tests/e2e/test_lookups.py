"""Liked papers that no source announced are asked for by id: once, politely, never as news."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from builders import NOON, a_record
from scripted import Reply, serving
from sqlalchemy import select

from digest.actions import lookups, observing, retention
from digest.app import App
from digest.cli.main import run
from digest.config import load_config
from digest.model import Interest, Profile
from digest.sources import Body
from digest.store import papers, profiles, tables
from digest.store import sources as source_rows
from digest.store.ingest import ingest

ENTRY = """<entry><id>http://arxiv.org/abs/{0}v2</id><updated>2026-01-05T10:00:00Z</updated>
<published>2025-12-01T10:00:00Z</published><title>Careful studies of {0}</title>
<summary>What {0} is about.</summary><author><name>Ada Lovelace</name></author>
<category term="cs.LG"/></entry>"""


def answering(*known):
    """arXiv's API, which leaves out what it does not know."""

    def reply(asked):
        ids = parse_qs(urlsplit(asked.path).query)["id_list"][0].split(",")
        entries = "".join(ENTRY.format(one) for one in ids if one in known)
        text = (
            '<feed xmlns="http://www.w3.org/2005/Atom" '
            'xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">'
            f"<opensearch:totalResults>{len(ids)}</opensearch:totalResults>{entries}</feed>"
        )
        return Reply(text.encode(), headers={"Content-Type": "application/atom+xml"})

    return reply


def as_json(value):
    return Reply(json.dumps(value).encode(), headers={"Content-Type": "application/json"})


@pytest.fixture
def web():
    with serving() as script:
        yield script


KINDS = {
    "arxiv": {"categories": ["cs.LG"], "check": False, "backfill": "off"},
    "huggingface": {},
    "crossref": {"query": "bees"},
    "openalex": {"enrich_only": True},
    "semanticscholar": {},
}


@pytest.fixture
def app(engine, web):
    def section(kind, options):
        urls = {"base_url": web.url()} | ({"api_url": web.url()} if kind == "arxiv" else {})
        return {"kind": kind, "every_minutes": 600, **options, **urls}

    overrides = {
        "sources": {kind: section(kind, options) for kind, options in KINDS.items()},
        "http": {"allow_private": True},
        "limits": {kind: {"every_s": 0.001} for kind in KINDS},
    }
    return App(load_config(overrides=overrides), lambda: NOON, engine)


def like(app, *keys, name="ada", disliked=(), origin=profiles.WEB):
    interest = Interest(name="bees", liked=keys, disliked=tuple(disliked))
    profile = Profile(name=name, interests=(interest,))
    with app.writing() as connection:
        profiles.save(connection, profile, origin=origin, now=app.now())
    return profile


def later(app, **delta):
    moment = app.now() + timedelta(**delta)
    return replace(app, clock=lambda: moment)


def stored(app, *keys):
    with app.reading() as connection:
        return papers.by_key(connection, keys)


def sentences(app, *profiles_):
    with app.reading() as connection:
        return lookups.not_found(connection, profiles_)


def test_likes_and_dislikes_are_fetched_in_one_call_and_once(app, web):
    web.routes["/api/query"] = answering("2604.00001", "2604.00002")
    like(app, "arxiv:2604.00001", disliked=["arxiv:2604.00002"])
    report = lookups.look_up(app)
    assert (report.asked, report.found, report.problems) == (2, 2, {})
    found = stored(app, "arxiv:2604.00001", "arxiv:2604.00002")
    assert found["arxiv:2604.00001"].abstract == "What 2604.00001 is about."
    assert found["arxiv:2604.00002"].categories == ("cs.LG",)
    lookups.look_up(later(app, days=40))
    assert len(web.asked("/api/query")) == 1


def test_a_fetched_like_is_never_news_nor_watched(app, web):
    web.routes["/api/query"] = answering("2604.00001")
    like(app, "arxiv:2604.00001")
    lookups.look_up(app)
    with app.reading() as connection:
        news = papers.candidates(
            connection, window_start=NOON - timedelta(days=9), window_end=NOON + timedelta(days=9)
        )
        assert connection.scalars(select(tables.sightings.c.paper_id)).all() == []
    assert news == ()
    asked = len(web.log)
    observing.observe(app)
    assert len(web.log) == asked


def test_a_like_that_is_announced_later_is_news_then(app, web):
    web.routes["/api/query"] = answering("2604.00001")
    like(app, "arxiv:2604.00001")
    lookups.look_up(app)
    record = replace(a_record(1), key="arxiv:2604.00001", native_id="x", source="arxiv")
    with app.writing() as connection:
        ingest(connection, source="arxiv", records=[record], now=NOON)
        news = papers.candidates(
            connection, window_start=NOON, window_end=NOON + timedelta(minutes=1)
        )
    assert [paper.key for paper in news] == ["arxiv:2604.00001"]


def test_what_arxiv_lacks_is_asked_for_at_hugging_face(app, web):
    web.routes["/api/query"] = answering()
    web.routes["/api/papers/2604.00001"] = as_json({"id": "2604.00001", "title": "Careful bees"})
    like(app, "arxiv:2604.00001")
    assert lookups.look_up(app).found == 1
    assert stored(app, "arxiv:2604.00001")["arxiv:2604.00001"].title == "Careful bees"


def test_an_unknown_like_is_remembered_named_and_asked_for_ever_more_rarely(app, web):
    web.routes["/api/query"] = answering()
    profile = like(app, "arxiv:2604.00001")
    (before,) = sentences(app, profile)
    assert before.endswith("not in the store yet; run `digest poll` to fetch it")
    report = lookups.look_up(app)
    assert report.problems == {"arxiv:2604.00001": "unknown to arxiv, huggingface"}
    (sentence,) = sentences(app, profile)
    assert "arxiv:2604.00001: liked, but not found: unknown to arxiv, huggingface" in sentence
    asked_on = [
        day
        for day in range(70)
        if lookups.look_up(later(app, days=day, hours=1)).asked
    ]  # fmt: skip
    assert asked_on == [1, 3, 7, 15, 31, 61]


def test_a_service_that_fails_is_asked_again_soon_and_its_address_is_not_told(app, web):
    web.routes["/api/query"] = Reply(b"busy", 500)
    profile = like(app, "arxiv:2604.00001")
    lookups.look_up(app)
    (sentence,) = sentences(app, profile)
    assert "arxiv gave no usable answer (http-500)" in sentence
    assert "127.0.0.1" not in sentence
    assert lookups.look_up(later(app, minutes=10)).asked == 0
    web.routes["/api/query"] = answering("2604.00001")
    assert lookups.look_up(later(app, minutes=16)).found == 1
    assert sentences(app, profile) == ()


def test_a_service_that_babbles_harms_nobody(app, web):
    web.routes["/api/query"] = [Reply(b"\x00\xff<not-xml", 200), answering("2604.00001")(ASKED)]
    like(app, "arxiv:2604.00001")
    assert lookups.look_up(app).found == 0
    assert lookups.look_up(later(app, hours=1)).found == 1


class ASKED:
    path = "/api/query?id_list=2604.00001"


def test_an_answer_about_other_papers_is_not_stored(app, web):
    web.routes["/api/query"] = lambda _asked: answering("2604.09999")(OTHER)
    like(app, "arxiv:2604.00001")
    assert lookups.look_up(app).found == 0
    assert stored(app, "arxiv:2604.09999") == {}


class OTHER:
    path = "/api/query?id_list=2604.09999"


DOI = "10.1000/x"
WORK = {"id": "https://openalex.org/W12", "doi": f"https://doi.org/{DOI}", "title": "Bees"}
S2 = {"paperId": "a" * 40, "externalIds": {"CorpusId": 12, "DOI": DOI}, "title": "Bees"}


def catalogues(web, *, crossref=(), openalex=(), s2=()):
    def works(asked):
        if "select=DOI" in asked.path:
            return as_json({"status": "ok", "message": {"items": list(crossref)}})
        return as_json({"results": list(openalex), "meta": {"count": len(openalex)}})

    web.routes["/works"] = works
    web.routes["/graph/v1/paper/batch"] = as_json(list(s2) or [None])


@pytest.mark.parametrize(
    "known",
    [{"crossref": [{"DOI": DOI, "title": ["Bees"]}]}, {"openalex": [WORK]}, {"s2": [S2]}],
    ids=["crossref", "openalex", "semanticscholar"],
)
def test_a_doi_is_asked_for_where_one_after_the_other_may_know_it(app, web, known):
    catalogues(web, **known)
    like(app, f"doi:{DOI}")
    assert lookups.look_up(app).found == 1
    assert stored(app, f"doi:{DOI}")[f"doi:{DOI}"].title == "Bees"


def test_an_id_that_no_service_understands_is_said_to_be_one(app, web):
    profile = like(app, "url:https://a.example/paper")
    lookups.look_up(app)
    assert "no service can be asked for such an id" in sentences(app, profile)[0]
    assert web.log == []


def test_many_likes_take_few_calls(app, web):
    ids = [f"2604.{number:05}" for number in range(1, 251)]
    web.routes["/api/query"] = answering(*ids)
    like(app, *(f"arxiv:{one}" for one in ids))
    assert lookups.look_up(app).found == 250
    assert len(web.log) == 3


def test_a_liked_paper_survives_pruning_and_a_pruned_one_comes_back(app, web):
    web.routes["/api/query"] = answering("2604.00001", "2604.00002")
    like(app, "arxiv:2604.00001")
    lookups.look_up(app)
    old = later(app, days=900)
    settings = old.config.settings
    store = settings.store.model_copy(update={"keep_papers_days": 30})
    config = replace(old.config, settings=settings.model_copy(update={"store": store}))
    old = replace(old, config=config)
    retention.prune(old)
    assert len(stored(old, "arxiv:2604.00001")) == 1
    like(old)  # nobody likes it any more, and it is forgotten with the rest
    with old.writing() as connection:
        connection.execute(tables.lookups.delete())
    retention.prune(old)
    assert stored(old, "arxiv:2604.00001") == {}
    like(old, "arxiv:2604.00001")
    assert lookups.look_up(old).found == 1


def test_papers_of_hugging_face_have_arxivs_links_at_once_and_its_word_after_a_poll(app, web):
    listed = {"paper": {"id": "2604.00001", "title": "Careful studies of 2604.00001"}}
    with app.writing() as connection:
        source_rows.ensure(connection, {"huggingface": "huggingface"})
        body = json.dumps([listed]).encode()
        batch = app.sources["huggingface"].parse(a_body(body))
        ingest(connection, source="huggingface", records=batch.records, now=NOON)
    found = stored(app, "arxiv:2604.00001")["arxiv:2604.00001"]
    assert found.url == "https://arxiv.org/abs/2604.00001"
    assert ("pdf", "https://arxiv.org/pdf/2604.00001") in [(x.kind, x.url) for x in found.links]
    web.routes["/api/query"] = answering("2604.00001")
    lookups.look_up(app)
    found = stored(app, "arxiv:2604.00001")["arxiv:2604.00001"]
    assert found.categories == ("cs.LG",)
    assert [author.name for author in found.authors] == ["Ada Lovelace"]
    assert found.first_seen_at == NOON
    lookups.look_up(later(app, minutes=1))
    assert len(web.asked("/api/query")) == 1


def a_body(content):
    return Body(url="http://127.0.0.1/", content=content, fetched_at=NOON, label="2026-04-14")


def test_nobody_is_asked_where_looking_up_is_off(app, web):
    settings = app.config.settings
    off = settings.signals.model_copy(update={"look_up": False})
    config = replace(app.config, settings=settings.model_copy(update={"signals": off}))
    app = replace(app, config=config)
    profile = like(app, "arxiv:2604.00001")
    assert lookups.look_up(app).asked == 0
    assert web.log == []
    assert len(sentences(app, profile)) == 1


CONFIG = """\
[digest]
data_dir = "{folder}/data"
[http]
allow_private = true
[limits.arxiv]
every_s = 0.001
[limits.huggingface]
every_s = 0.001
[sources.arxiv]
kind = "arxiv"
base_url = "{url}"
api_url = "{url}"
backfill = "off"
check = false
categories = ["cs.LG"]
[sources.hf]
kind = "huggingface"
base_url = "{url}"
"""


def test_one_poll_of_a_fresh_store_is_enough_and_commands_name_what_is_missing(
    tmp_path, web, capsys
):
    web.routes["/api/query"] = answering("2604.00001")
    web.routes["/api/daily_papers"] = as_json([])
    (tmp_path / "digest.toml").write_text(CONFIG.format(folder=tmp_path, url=web.url()))
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "ada.toml").write_text(
        '[[interests]]\nname = "bees"\nliked = ["2604.00001", "2604.00002"]\n'
    )

    def said(*words):
        code = run(["-c", "digest.toml", "--now", "2026-04-14T14:00:00+00:00", *words])
        return code, capsys.readouterr().out

    assert "arxiv:2604" not in said("config", "check")[1]
    _, out = said("poll")
    assert "arxiv:2604.00002: liked, and not found: unknown to arxiv, huggingface" in out
    for command in (["config", "check"], ["rank", "ada"], ["doctor", "--offline"]):
        _, out = said(*command)
        assert re.search(r"arxiv:2604\.00002: liked, but not found", out), command
        assert "2604.00001" not in out
    code, out = said("config", "check", "--json")
    assert (code, len(json.loads(out)["warnings"])) == (0, 1)
    _, out = said("rank", "ada", "--json")
    assert len(json.loads(out)["not_found"]) == 1
