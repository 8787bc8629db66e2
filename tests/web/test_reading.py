import json

import pytest
from builders import NOON
from web_builders import TITLES, store_paper


def order_of(page, *titles):
    return sorted(titles, key=page.index)


def test_front_page_lists_the_latest_day_by_trend(web):
    page = web.get("/").text
    titles = [title for title, _, _ in TITLES]
    assert order_of(page, *titles)[:2] == [titles[0], titles[1]]
    assert "Yesterday&#39;s transformers" not in page
    assert "+40" in page  # votes since the day before
    assert "Tuesday, April 14, 2026" in page


def test_days_weeks_and_months_lead_to_each_other(web):
    day = web.get("/papers/2026-04-14")
    assert "/papers/2026-04-13" in day.text
    assert "/papers/2026-W16" in day.text
    for wide in ("2026-W16", "2026-04"):
        assert "Yesterday&#39;s transformers" in web.get(f"/papers/{wide}").text
    assert "No papers here" in web.get("/papers/2020-01-01").text


@pytest.mark.parametrize(
    "name",
    ["2026-13-01", "2026-02-30", "2026-W60", "x", "26-4-1", "0000-01", "0001-01-01", "0001-W01",
     "9999-12-31", "9999-12", "9999-W52", "1989-12-31", "2201-01-01"],
)  # fmt: skip
def test_what_is_no_date_is_not_found(web, name):
    assert web.get(f"/papers/{name}").status_code == 404


@pytest.mark.parametrize("name", ["1990-01-01", "1990-W01", "2200-12-31", "2200-12", "2200-W52"])
def test_the_first_and_last_days_have_a_page(web, name):
    assert "No papers here" in web.get(f"/papers/{name}").text


def test_filters_narrow_the_day(web):
    page = web.get("/papers/2026-04-14?category=cs.RO").text
    assert "iron shirts" in page
    assert "fold proteins" not in page
    assert "None match these filters" in web.get("/?source=nowhere").text


def test_interests_in_the_address_order_the_day_and_say_why(web):
    titles = [title for title, _, _ in TITLES]
    page = web.get("/?sort=interests&terms=quiet+gradients").text
    assert order_of(page, *titles)[0] == "A theory of quiet gradients"
    assert 'class="why"' in page


def test_paper_page_has_everything_known(web):
    page = web.get("/paper/arxiv:2604.00001")
    assert page.status_code == 200
    for expected in (
        "Abstract",
        "Ada Lovelace",
        "arxiv-ml",
        "<svg",
        "https://arxiv.org/pdf/2604.00001",
    ):
        assert expected in page.text
    assert web.get("/paper/arxiv:2604.99999").status_code == 404


def test_paper_as_bibtex_and_json(web):
    entry = web.get("/paper/arxiv:2604.00001.bib").text
    assert entry.startswith("@misc{lovelace2026diffusion,")
    assert "eprint        = {2604.00001}" in entry
    found = web.get("/paper/arxiv:2604.00001.json").json()
    assert found["entry"]["paper"]["key"] == "arxiv:2604.00001"


def test_hostile_papers_stay_text(web):
    with web.app.writing() as connection:
        store_paper(
            connection, 66, '<script>alert(1)</script> "q" \u202eevil\u0007', "cs.LG", 900, NOON,
            url="javascript:alert(1)", links=[{"kind": "pdf", "url": "data:text/html,x"}],
            abstract='<img src=x onerror="alert(1)"> }}{{ 7*7 }}',
            authors=[{"name": '"><b>Eve', "affiliations": [], "ids": []}],
        )  # fmt: skip
    for path in ("/", "/paper/arxiv:2604.00066", "/search?q=script", "/feeds/daily.atom"):
        page = web.get(path).text
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "javascript:alert" not in page
        assert "data:text/html" not in page
        assert "\u202e" not in page
        assert "<b>Eve" not in page
        assert "49" not in page or path == "/paper/arxiv:2604.00066"


def test_search_finds_papers_and_shows_what_was_typed_as_text(web):
    assert "Diffusion models fold proteins" in web.get("/search?q=protein+folding").text
    assert web.get('/search?q="><script>alert(1)</script>').text.count("<script") == 1


def test_feed_ids_and_dates_never_move(web):
    first = web.get("/feeds/daily.json").json()
    web.clock.move(hours=3)
    with web.app.writing() as connection:
        connection.exec_driver_sql("UPDATE papers SET abstract = 'changed', revisions = 4")
    second = web.get("/feeds/daily.json").json()
    assert [(i["id"], i["date_published"]) for i in first["items"]] == [
        (i["id"], i["date_published"]) for i in second["items"]
    ]
    assert first["items"][0]["id"] == "https://digest.example.org/paper/arxiv:2604.00001"


def test_atom_feed_is_well_formed_and_links_itself(web):
    from lxml import etree  # noqa: PLC0415

    answer = web.get("/feeds/search.atom?q=proteins")
    root = etree.fromstring(answer.content)
    space = {"a": "http://www.w3.org/2005/Atom"}
    assert root.xpath("count(//a:entry)", namespaces=space) == 1
    assert root.xpath("string(a:link[@rel='self']/@href)", namespaces=space).startswith(
        "https://digest.example.org/feeds/search.atom?q=proteins"
    )
    assert "application/atom+xml" in answer.headers["content-type"]


def test_page_fits_its_budget(web):
    page = web.get("/")
    sizes = len(page.content) + sum(
        len(web.get(f"/static/{name}").content) for name in ("style.css", "page.js", "icon.svg")
    )
    assert sizes < 100_000


def test_health_and_metrics_answer_without_people(web):
    assert web.get("/healthz").json()["ok"] is True
    assert "digest_papers 5" in web.get("/metrics").text
    assert json.dumps(web.get("/healthz").json())
