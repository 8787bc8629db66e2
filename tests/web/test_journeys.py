"""What readers do, in a real browser against the served pages, with real mails between."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from builders import NOON
from lxml import html
from web_browser import body, link, town
from web_builders import store_paper

from digest.actions import sending

pytestmark = pytest.mark.browser
TOMORROW = (
    (21, "Robots learn to fold laundry", "cs.RO"),
    (22, "Robots that iron shirts with care", "cs.RO"),
    (23, "Diffusion models fold longer proteins", "cs.LG"),
)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    with town(tmp_path_factory.mktemp("town")) as found:
        with found.app.writing() as connection:
            for number, title, category in TOMORROW:
                at = NOON + timedelta(days=1)
                store_paper(connection, number, title, category, 0, at, new_at=at, first_seen_at=at)
        yield found


@pytest.fixture
def page(browser, here):
    context = browser.new_context(base_url=here.url, viewport={"width": 1200, "height": 900})
    context.set_default_timeout(8000)
    yield context.new_page()
    context.close()
    here.clock.now = NOON


def ask(here, page, address, terms):
    """Fill the form in as a person does, and press the button."""
    page.goto("/subscribe")
    page.get_by_label("Email address").fill(address)
    page.get_by_label("Words and phrases").fill(terms)
    here.move(timedelta(seconds=20))
    page.get_by_role("button", name="Subscribe").click()
    page.get_by_role("heading", name="Look into your mailbox").wait_for()


def join(here, page, address, terms="diffusion models, robots"):
    """Subscribe and confirm; return the first edition."""
    ask(here, page, address, terms)
    page.goto(link(here.wait_for(address, 1), "confirm"))
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("heading", name="You are subscribed").wait_for()
    assert here.send() == 1
    return here.wait_for(address, 2)


def test_read_today_and_search(here, page):
    page.goto("/")
    page.get_by_role("link", name="Diffusion models fold proteins", exact=True).click()
    assert page.get_by_role("heading", level=1).inner_text() == "Diffusion models fold proteins"
    page.get_by_label("Search all papers").fill("robots shirts")
    page.get_by_label("Search all papers").press("Enter")
    page.get_by_role("heading", name="Papers about").wait_for()
    assert "Robots learn to iron shirts" in page.locator(".papers").first.inner_text()
    page.goto("/")
    page.get_by_role("link", name="Previous day").click()
    assert "Yesterday's transformers" in page.locator(".papers").inner_text()


def test_the_preview_follows_what_is_typed(here, page):
    page.goto("/subscribe")
    page.get_by_label("Words and phrases").fill("robots")
    shown = page.locator("#preview")
    shown.get_by_role("link", name="Robots learn to iron shirts", exact=True).wait_for()
    assert "robots" in shown.locator(".why").first.inner_text()


def test_subscribe_confirm_and_read_the_first_edition(here, page):
    edition = join(here, page, "grace@example.org")
    assert "Diffusion models fold proteins" in body(edition)
    page.goto(link(edition, "editions"))
    assert "Diffusion models fold proteins" in page.locator("main").inner_text()


def test_change_preferences_from_the_mail(here, page):
    edition = join(here, page, "mary@example.org")
    page.goto(link(edition, "preferences"))
    page.get_by_label("Words and phrases").first.fill("quiet gradients")
    page.get_by_label("Sunday").uncheck()
    page.get_by_label("Hour").fill("06:30")
    page.get_by_label("Papers at most").select_option("5")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Saved. It holds").wait_for()
    assert page.get_by_label("Words and phrases").first.input_value() == "quiet gradients"
    assert not page.get_by_label("Sunday").is_checked()
    here.move(timedelta(days=1))
    assert here.send() >= 1
    said = body(here.wait_for("mary@example.org", 3))
    assert "Matches your interest" not in said or "quiet gradients" in said


def test_feedback_from_the_mail_changes_tomorrows_ranking(here, page):
    edition = join(here, page, "rosa@example.org", terms="diffusion models, shirts")
    here.move(timedelta(days=1))
    before = tomorrow(here, "rosa@example.org")
    here.move(timedelta(days=-1))
    page.goto(feedback_link(edition, "more"))
    page.get_by_role("button", name="More like this").click()
    page.get_by_text("papers like it rank higher").wait_for()
    here.move(timedelta(days=1))
    after = tomorrow(here, "rosa@example.org")
    alike = "Robots that iron shirts with care"
    assert after[alike] > before[alike]


def tomorrow(here, address):
    """Return the scores of what a reader's next edition would pick, by title."""
    titles = {number: title for number, title, _ in TOMORROW}
    picks = sending.preview(here.app, address).edition.picks
    return {titles[pick.paper_id]: pick.score for pick in picks}


def feedback_link(edition, kind):
    """Return the mail's own link for a word on "Robots learn to iron shirts", row 2."""
    addresses = [a.get("href", "") for a in html.fromstring(body(edition, "html")).iter("a")]
    return next(href for href in addresses if href.endswith(f"/{kind}/2"))


def test_save_a_paper_see_the_list_and_take_it_back(here, page):
    edition = join(here, page, "lise@example.org")
    page.goto(feedback_link(edition, "saved"))
    page.get_by_role("button", name="Save this paper").click()
    page.get_by_role("link", name="Your saved papers").click()
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("link", name="Your saved papers").click()
    page.get_by_text("Nothing is saved yet").wait_for()


def test_one_click_ends_it_and_a_new_confirmation_brings_it_back(here, page):
    address = "emmy@example.org"
    edition = join(here, page, address)
    target = edition["List-Unsubscribe"].split(">")[0].strip("< ")
    answer = httpx.post(target, data={"List-Unsubscribe": "One-Click"}, trust_env=False)
    assert answer.status_code == 200
    page.goto(target)
    page.get_by_role("heading", name="You are unsubscribed").wait_for()
    here.move(timedelta(days=1))
    here.send()
    assert len(here.mails(address)) == 2
    page.get_by_role("link", name="Subscribe again").click()
    ask(here, page, address, "robots")
    page.goto(link(here.wait_for(address, 3), "confirm"))
    page.get_by_role("button", name="Confirm").click()
    assert here.send() >= 1
    assert "Robots" in body(here.wait_for(address, 4))


def test_unsubscribe_by_the_pages_button(here, page):
    edition = join(here, page, "ida@example.org")
    page.goto(link(edition, "u"))
    page.get_by_role("button", name="Unsubscribe").click()
    page.get_by_role("heading", name="You are unsubscribed").wait_for()
    here.move(timedelta(days=1))
    here.send()
    assert len(here.mails("ida@example.org")) == 2


def test_everything_works_without_scripts(here, browser):
    context = browser.new_context(base_url=here.url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/subscribe")
    page.get_by_label("Words and phrases").fill("robots")
    page.get_by_role("button", name="Preview").click()
    assert "Robots learn to iron shirts" in page.locator("#preview").inner_text()
    assert page.get_by_label("Words and phrases").input_value() == "robots"
    edition = join(here, page, "hedy@example.org")
    page.goto(link(edition, "preferences"))
    page.get_by_label("Papers at most").select_option("20")
    page.get_by_role("button", name="Save", exact=True).click()
    assert "Saved" in page.locator(".done").inner_text()
    page.goto("/")
    page.get_by_label("Sort by").select_option("newest")
    page.get_by_role("button", name="Show").click()
    assert "sort=newest" in page.url
    context.close()


def test_the_first_page_is_under_100_kb(here, browser):
    context = browser.new_context(base_url=here.url)
    page = context.new_page()
    sizes = {}
    page.on("requestfinished", lambda r: sizes.update({r.url: r.sizes()["responseBodySize"]}))
    page.goto("/", wait_until="networkidle")
    context.close()
    assert len(sizes) >= 3
    assert sum(sizes.values()) < 100_000
