"""What a mail's HTML and text owe their readers, whatever the edition holds.

The wire's statements (headers, MIME, links) are in ``test_headers`` and ``test_lint``; here are
those on layout, dark mode, preheader, markup, contrast, and the text's being the whole mail.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.headerregistry import Address
from html.parser import HTMLParser

import pytest
from builders import a_pick, a_profile, an_edition, an_edition_input
from rendering.editions import a_full_edition, a_hostile_edition, a_rich_paper

from digest.errors import AddressError
from digest.model import Completeness, Frequency, SourceLine
from digest.rendering import views
from digest.rendering.bodies import body, parsed
from digest.rendering.compose import Composer
from digest.rendering.notices import NoticeInput
from digest.subscribers.addresses import normalise

COMPOSER = Composer()
VOID = {"meta", "img", "br", "hr"}
BLOCKS = {"p", "h1", "h2", "table", "tr", "td", "div"}
EDITIONS = {
    "daily": a_full_edition(),
    "weekly": an_edition_input(an_edition(a_pick(1), frequency=Frequency.WEEKLY)),
    "empty": an_edition_input(an_edition(picks=())),
    "hostile": a_hostile_edition(),
    "rtl": an_edition_input(
        an_edition(a_pick(1)),
        papers={1: a_rich_paper(1, title="دراسات دقيقة للأشياء")},
        profile=a_profile(locale="ar"),
    ),
}


def messages() -> dict[str, tuple[str, str]]:
    found = {}
    for name, edition in EDITIONS.items():
        message = COMPOSER.compose(edition, bodies=True)
        found[name] = (message.html, message.text)
    return found


MESSAGES = messages()
each = pytest.mark.parametrize("name", list(MESSAGES))


@dataclass
class Node:
    tag: str
    attributes: dict[str, str]
    parent: Node | None
    children: list[Node] = field(default_factory=list)
    text: str = ""

    def below(self) -> Iterator[Node]:
        yield self
        for child in self.children:
            yield from child.below()

    @property
    def whole_text(self) -> str:
        return " ".join("".join(node.text for node in self.below()).split())


class Tree(HTMLParser):
    """Builds a tree and refuses what a strict checker refuses: crossed or unclosed tags."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self.here = Node("", {}, None)
        self.comments: list[str] = []
        self.feed(html)
        self.close()
        assert self.here is self.root, f"<{self.here.tag}> is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice"
        node = Node(tag, {name: value or "" for name, value in attrs}, self.here)
        self.here.children.append(node)
        if tag in BLOCKS:
            assert self.here.tag not in {"p", "h1", "h2", "a", "span"}, f"<{tag}> in <p>"
        if tag not in VOID:
            self.here = node

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.here.tag, f"</{tag}> closes <{self.here.tag}>"
        assert self.here.parent is not None
        self.here = self.here.parent

    def handle_data(self, data: str) -> None:
        self.here.text += data

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def all_of(name: str, tag: str) -> list[Node]:
    return [node for node in Tree(MESSAGES[name][0]).root.below() if node.tag == tag]


@each
def test_the_markup_is_whole_and_nothing_from_outside_adds_to_it(name: str) -> None:
    tree = Tree(MESSAGES[name][0])
    tags = {node.tag for node in tree.root.below()}
    assert tags <= {
        "", "html", "head", "meta", "title", "style", "body", "div", "table", "tr", "td", "p",
        "h1", "h2", "a", "span", "b",
    }  # fmt: skip
    assert all(comment.startswith(("[if mso]", "<![endif]")) for comment in tree.comments)


@each
def test_one_column_of_tables_that_say_they_are_layout(name: str) -> None:
    for table in all_of(name, "table"):
        wanted = {"role": "presentation", "cellpadding": "0", "cellspacing": "0", "border": "0"}
        assert wanted.items() <= table.attributes.items()
    for row in all_of(name, "tr"):
        assert [cell.tag for cell in row.children] == ["td"]
    html = MESSAGES[name][0]
    assert "max-width:640px" in html.replace(" ", "")
    assert '<!--[if mso]><table role="presentation" width="640"' in html


@each
def test_one_title_a_heading_a_paper_and_a_language(name: str) -> None:
    count = len(EDITIONS[name].edition.picks)
    assert len(all_of(name, "h1")) == 1
    assert len(all_of(name, "h2")) == count
    [html] = all_of(name, "html")
    assert (html.attributes["lang"], html.attributes["dir"]) == ("en", "ltr")
    [title] = all_of(name, "title")
    assert title.whole_text


EVERYWHERE = {
    "margin", "padding", "background-color", "color", "font-family", "font-size", "font-weight",
    "line-height", "text-decoration", "border", "border-top", "border-bottom", "border-left",
    "letter-spacing", "white-space", "padding-left", "width", "display", "mso-hide",
}  # fmt: skip
ORNAMENT = {"max-width", "max-height", "overflow", "-webkit-text-size-adjust", "border-radius",
            "word-break"}  # fmt: skip
"""Not known to Outlook on Windows: a table of its own, or nothing, stands in for them."""


@each
def test_nothing_rests_on_what_outlook_does_not_know(name: str) -> None:
    tree = Tree(MESSAGES[name][0])
    for node in tree.root.below():
        style = node.attributes.get("style", "")
        known = dict(re.findall(r"([a-z-]+):\s*([^;]+)", style))
        assert set(known) <= EVERYWHERE | ORNAMENT
        assert known.get("display", "none") == "none"
        if node.tag in {"a", "span", "b"}:
            # It gives links and words no padding: no target may need it to be hit.
            assert not {"padding", "width", "margin"} & set(known)
        if "max-width" in known:
            assert (node.tag, node.attributes["width"]) == ("table", "100%")
    assert any("o:PixelsPerInch" in comment for comment in tree.comments)
    assert any("mso-line-height-rule" in comment for comment in tree.comments)


def test_a_title_in_another_script_runs_its_own_way() -> None:
    [heading] = all_of("rtl", "h2")
    assert heading.attributes["dir"] == "rtl"


@each
def test_both_colour_schemes_are_meant(name: str) -> None:
    metas = {m.attributes.get("name"): m.attributes.get("content") for m in all_of(name, "meta")}
    assert metas["color-scheme"] == "light dark"
    html = MESSAGES[name][0]
    dark = html.partition("@media (prefers-color-scheme: dark)")[2].partition("</style>")[0]
    declarations = re.findall(r"[a-z-]+:[^;{}]+;", dark)
    assert len(declarations) > 10
    assert all("!important" in declaration for declaration in declarations)


@each
def test_the_preheader_is_first_hidden_and_short(name: str) -> None:
    [body] = all_of(name, "body")
    first = body.children[0]
    assert "display:none" in first.attributes["style"].replace(" ", "")
    assert 0 < len(first.whole_text) <= 90


@each
def test_the_text_holds_every_title_and_every_address_of_the_html(name: str) -> None:
    text = MESSAGES[name][1]
    flat, shown = " ".join(text.split()), set(text.split())
    for heading in all_of(name, "h2"):
        assert heading.whole_text in flat
    asked = EDITIONS[name].links.feedback_base
    for link in all_of(name, "a"):
        address = link.attributes["href"]
        # Of the answers, the text names the page where all of them can be given.
        assert (asked if address.startswith(asked) else address) in shown


@each
def test_the_text_is_narrow_but_for_addresses(name: str) -> None:
    _title, *lines = MESSAGES[name][1].splitlines()  # a profile's title is its reader's own
    long = [line for line in lines if len(line) > 78]
    assert all("://" in line for line in long)


@each
def test_links_say_where_they_go(name: str) -> None:
    for link in all_of(name, "a"):
        assert link.whole_text
        assert link.whole_text.lower() not in {"here", "link", "click here"}


def luminance(colour: str) -> float:
    """Return the relative luminance of ``#rrggbb`` (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def colours_of(style: str) -> dict[str, str]:
    found = re.findall(r"(?:^|[;\s])(background-color|color):\s*(#[0-9a-f]{3,6})", style)
    return {
        name: colour if len(colour) == 7 else "#" + "".join(2 * digit for digit in colour[1:])
        for name, colour in found
    }


Rule = tuple[list[str], dict[str, str]]
"""The parts of a selector, outermost first, and the colours that it gives."""


def kept_rules(html: str, *, is_dark: bool) -> list[Rule]:
    """Return the colours that the style sheet gives, the most specific rule last."""
    sheet = html.partition("<style>")[2].partition("</style>")[0]
    dark = sheet.partition("@media (prefers-color-scheme: dark)")[2].partition("{")[2]
    found: list[Rule] = []
    part = dark if is_dark else sheet.partition("@media")[0]
    for selectors, rules in re.findall(r"([^{}]+)\{([^{}]*)\}", part):
        found += [(selector.split(), colours_of(rules)) for selector in selectors.split(",")]
    return sorted(found, key=lambda rule: (sum(p[0] == "." for p in rule[0]), len(rule[0])))


def applies(selector: list[str], path: list[Node]) -> bool:
    """Tell whether a selector means the last of nodes that lie in each other."""

    def fits(part: str, node: Node) -> bool:
        classes = node.attributes.get("class", "").split()
        return part[1:] in classes if part[0] == "." else part == node.tag

    *outer, last = selector
    around = iter(path[:-1])
    return fits(last, path[-1]) and all(any(fits(p, node) for node in around) for p in outer)


def kept_colours(rules: list[Rule], path: list[Node]) -> dict[str, str]:
    found: dict[str, str] = {}
    for selector, colours in rules:
        if applies(selector, path):
            found |= colours
    return found


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
@each
def test_every_word_stands_out_from_its_ground(name: str, is_dark: bool) -> None:
    html = MESSAGES[name][0]
    rules = kept_rules(html, is_dark=is_dark)

    def check(path: list[Node], colour: str, ground: str) -> None:
        node = path[-1]
        own, kept = colours_of(node.attributes.get("style", "")), kept_colours(rules, path)
        own = own | kept if is_dark else kept | own  # only what is !important beats a style
        colour, ground = own.get("color", colour), own.get("background-color", ground)
        is_seen = "display:none" not in node.attributes.get("style", "")
        if node.text.strip() and is_seen and node.tag not in {"title", "style"}:
            assert contrast(colour, ground) >= 4.5, (node.attributes.get("class"), colour, ground)
        if is_seen:
            for child in node.children:
                check([*path, child], colour, ground)

    check(all_of(name, "body"), "#000000", "#ffffff")


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
def test_the_buttons_of_notices_stand_out_too(is_dark: bool) -> None:
    notice = NoticeInput(
        kind="preferences",
        recipient="ada@example.org",
        sender=a_full_edition().sender,
        message_id="<n@example.org>",
        composed_at=a_full_edition().composed_at,
        values={"preferences_url": "https://digest.example.org/p/x", "expires": "soon"},
    )
    html = body(parsed(COMPOSER.compose_notice(notice).content), "html")
    [button] = [n for n in Tree(html).root.below() if n.attributes.get("class") == "button"]
    found = colours_of(button.attributes["style"])
    found |= kept_colours(kept_rules(html, is_dark=True), [button]) if is_dark else {}
    assert contrast(found["color"], found["background-color"]) >= 4.5
    ground = button.parent
    assert ground is not None
    assert (ground.tag, ground.attributes["class"]) == ("td", "ground")
    assert colours_of(ground.attributes["style"])["background-color"] == "#1d5a8e"


def test_addresses_that_need_a_special_relay_are_refused_when_they_subscribe() -> None:
    with pytest.raises(AddressError, match="ASCII"):
        normalise("adä@example.org")
    assert normalise("ada@bücher.example") == "ada@xn--bcher-kva.example"
    assert Address(addr_spec=normalise("ada@bücher.example")).domain.isascii()


def test_feedback_is_told_by_day_list_and_installation_and_signed() -> None:
    content = COMPOSER.compose(a_full_edition()).content
    assert b"\r\nFeedback-ID: 20260414:digest:lab1:example.org\r\n" in content


def test_votes_and_their_change_stand_over_the_title() -> None:
    text = " ".join(MESSAGES["daily"][1].split())
    assert "132 upvotes, +41 since yesterday" in text
    for heading in ("Trending beyond your interests", "Updates of papers you have seen"):
        assert heading in text
    assert "Person 0, Person 1, Person 2 and 3 more - A House" in text


def a_line(source, kind, **changes):
    given = {"new": 0, "completeness": Completeness.CONFIRMED, "kind": kind} | changes
    return SourceLine(source=source, **given)


def test_a_source_that_failed_is_named_as_readers_know_it():
    lines = (
        a_line("hf", "huggingface", note="failed: http://x/api answers 503"),
        a_line("ml", "arxiv", new=700, age_hours=18),
    )
    view = views.edition_view(an_edition(source_lines=lines), "en")
    assert view.sources == (
        "Complete: arXiv 700. Hugging Face did not answer in time; its papers follow when it does. "
        "The newest papers from arXiv arrived 18 hours ago."
    )
    assert view.source_details == ("Hugging Face 0 (did not answer)", "arXiv 700 (complete)")


def test_two_sources_of_one_kind_keep_their_names_and_a_fresh_batch_has_no_age():
    lines = (
        a_line("ml", "arxiv", new=7, age_hours=3),
        a_line("bio", "arxiv", new=2, age_hours=3),
    )
    assert views.edition_view(an_edition(source_lines=lines), "en").sources == (
        "Complete: ml 7 and bio 2."
    )
