"""Each page in a real browser: nothing for axe-core to find, no wider than a phone, no errors."""

from __future__ import annotations

import pytest
from web_browser import town
from web_pages import pages

pytestmark = pytest.mark.browser
COLOURED = ("today", "paper", "preview", "preferences", "erase")
"""Between them these pages have everything that has a colour."""
UNFOLD = "document.querySelectorAll('details').forEach(fold => { fold.open = true })"


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    with town(tmp_path_factory.mktemp("pages")) as found:
        yield found, pages(found)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_to_complain_of(browser, here, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found, every = here
    context = browser.new_context(base_url=found.url, color_scheme=scheme)
    page = context.new_page()
    wrong = {}
    for name in every if scheme == "light" else COLOURED:
        page.goto(every[name])
        page.evaluate(UNFOLD)
        results = axe.run(page)
        if results.violations_count:
            wrong[name] = results.generate_report()
    context.close()
    assert wrong == {}


def test_no_page_is_wider_than_a_phone_or_has_a_broken_script(browser, here):
    found, every = here
    context = browser.new_context(base_url=found.url, viewport={"width": 360, "height": 740})
    page = context.new_page()
    errors, wide = [], {}
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    for name, path in every.items():
        page.goto(path)
        page.evaluate(UNFOLD)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 360:
            wide[name] = width
    context.close()
    errors = [error for error in errors if "404" not in error and "410" not in error]
    assert (wide, errors) == ({}, [])


def test_the_skip_link_comes_first_and_every_control_can_be_reached(browser, here):
    found, _ = here
    context = browser.new_context(base_url=found.url)
    page = context.new_page()
    page.goto("/subscribe")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "address"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "terms-0"  # and not the trap
    context.close()
