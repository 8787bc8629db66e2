"""The owner's pages in a real browser, without script: logged in by the form, then looked at."""

from __future__ import annotations

import pytest
from builders import NOON
from web_browser import town
from web_pages import pages
from web_routes import OWNER_TOKEN

from digest.store import alerts

pytestmark = pytest.mark.browser
PATHS = (
    "", "/sources", "/runs", "/editions", "/editions/1", "/deliveries", "/deliveries/1",
    "/subscribers", "/subscribers/1", "/preview/1", "/bounces",
)  # fmt: skip


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    with town(tmp_path_factory.mktemp("owner")) as found:
        pages(found)
        with found.app.writing() as connection:
            alerts.wrong(connection, "source:inbox", "a very long sentence " * 12, now=NOON)
        yield found


def logged_in(browser, found, **options):
    context = browser.new_context(base_url=found.url, **options)
    page = context.new_page()
    page.goto("/owner")
    assert page.url.endswith("/owner/login")
    page.get_by_label("The owner's token").fill(OWNER_TOKEN)
    page.get_by_role("button", name="Log in").click()
    assert page.url.endswith("/owner")
    return context, page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_owners_pages(browser, here, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    context, page = logged_in(browser, here, color_scheme=scheme)
    wrong = {}
    for path in PATHS:
        page.goto("/owner" + path)
        results = axe.run(page, options={"resultTypes": ["violations"]})
        if results.violations_count:
            wrong[path] = results.generate_report()
    context.close()
    assert wrong == {}


def test_the_levers_move_without_script_on_a_phone(browser, here):
    context, page = logged_in(
        browser, here, java_script_enabled=False, viewport={"width": 360, "height": 740}
    )
    page.get_by_role("button", name="Hold all sending").click()
    assert page.get_by_text("Sending is on hold. Nothing leaves").count() == 1
    page.get_by_role("button", name="Let sending go on").click()
    assert page.get_by_text("Sending goes on.").count() == 1
    page.goto("/owner/deliveries/1")
    page.get_by_role("button", name="Cancel").click()
    assert page.get_by_text("It is cancelled.").count() == 1
    page.get_by_role("button", name="Log out").click()
    page.goto("/owner")
    assert page.url.endswith("/owner/login")
    context.close()


def test_no_page_of_the_owner_is_wider_than_a_phone(browser, here):
    context, page = logged_in(browser, here, viewport={"width": 360, "height": 740})
    wide = {}
    for path in PATHS:
        page.goto("/owner" + path)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 360:
            wide[path] = width
    context.close()
    assert wide == {}
