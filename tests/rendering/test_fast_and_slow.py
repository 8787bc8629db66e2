from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
import slow_composer
from builders import NOON, a_paper, a_pick, a_profile, an_edition, an_edition_input
from hypothesis import given, settings
from hypothesis import strategies as st
from rendering.editions import a_full_edition, a_hostile_edition, a_rich_paper

from digest.model import Author, Completeness, Frequency, Link, Paper, SourceLine
from digest.rendering import EditionInput, PersonalLinks, SenderIdentity
from digest.rendering.bodies import body, parsed
from digest.rendering.compose import Composer
from digest.rendering.inlining import inline
from digest.rendering.parts import load_templates
from digest.rendering.pieces import all_words, words
from digest.rendering.templates import template_folders

COMPOSER = Composer(body_limit_kb=10_000)
"""One for all examples, so that what it keeps for one reader is tried on the next."""

NASTY = st.sampled_from(
    ["<script>x</script>", "a & b < c", "{{ x }}", "{% raw %}", ". dot", "From me", "\u202eabc",
     "é" * 90, "x" * 200, "שלום", "a\r\nBcc: x@y.z", "\u2028", "\x02reason\x03", "=3D",
     "don't \"quote\"", " "]
)  # fmt: skip
TEXT = st.one_of(NASTY, st.text(max_size=60))
URL = st.sampled_from(
    ["https://arxiv.org/abs/1?a=b&c=d", "javascript:alert(1)", "", "http://é.org/ü"]
)
BASES = st.sampled_from(["", "https://digest.example.org/x/" + "k" * 70])
SECTIONS = st.sampled_from(["things", "<b>", "trending", "update", "exploration"])


@st.composite
def some_papers(draw: st.DrawFn) -> dict[int, Paper]:
    count = draw(st.integers(0, 5))
    return {
        row_id: a_paper(
            row_id,
            title=draw(TEXT),
            abstract=draw(TEXT),
            comment=draw(TEXT),
            url=draw(URL),
            authors=tuple(Author(name=draw(TEXT)) for _ in range(draw(st.integers(0, 5)))),
            links=(Link(kind="pdf", url=draw(URL)), Link(kind="code", url=draw(URL))),
            withdrawn=draw(st.booleans()),
        )
        for row_id in range(1, count + 1)
    }


@st.composite
def inputs(draw: st.DrawFn) -> EditionInput:
    papers = draw(some_papers())
    ids = sorted(papers)
    cut = draw(st.integers(0, len(ids)))
    edition = an_edition(
        picks=tuple(
            a_pick(n, section=draw(SECTIONS), reason=draw(TEXT), is_new=draw(st.booleans()))
            for n in ids[:cut]
        ),
        frequency=draw(st.sampled_from(Frequency)),
        other_ids=tuple(ids[cut:]),
        other_count=len(ids) - cut,
        source_lines=(SourceLine(source=draw(TEXT), new=3, completeness=Completeness.PARTIAL),),
    )
    return an_edition_input(
        edition,
        papers=papers,
        deltas={n: {"hf_upvotes": (12.0, 3.0)} for n in ids[: draw(st.integers(0, 2))]},
        profile=a_profile(
            title=draw(TEXT),
            locale=draw(st.sampled_from(["en", "de", "ar", "ja"])),
            abstracts=draw(st.sampled_from(["none", "short", "full"])),
            all_titles=draw(st.booleans()),
        ),
        sender=SenderIdentity(
            address="digest@example.org", name=draw(TEXT), list_id="d.example.org", installation="x"
        ),
        links=PersonalLinks(
            unsubscribe=draw(BASES), preferences=draw(BASES), view=draw(BASES),
            feedback_base=draw(BASES), papers_base=draw(BASES),
        ),
    )  # fmt: skip


@settings(max_examples=60, deadline=timedelta(seconds=5))
@given(inputs())
def test_the_fast_way_says_what_the_slow_way_says(given_: EditionInput) -> None:
    message = COMPOSER.compose(given_, bodies=True)
    html, text = slow_composer.bodies(COMPOSER.templates, given_, message.subject)
    assert message.text == text
    assert message.html == html


@settings(max_examples=60, deadline=timedelta(seconds=5))
@given(inputs())
def test_nothing_has_to_be_looked_for_before_a_message_goes_out(given_: EditionInput) -> None:
    message = COMPOSER.compose(given_)
    assert message.is_wire_safe
    assert message.content.isascii()
    assert not re.search(rb"^\.", message.content, re.MULTILINE)


@settings(max_examples=20, deadline=timedelta(seconds=5))
@given(inputs())
def test_a_receiver_reads_the_same_of_both_messages(given_: EditionInput) -> None:
    given_ = an_edition_input(
        given_.edition, papers=given_.papers, profile=given_.profile, deltas=given_.deltas
    )
    fast = COMPOSER.compose(given_)
    slow = parsed(slow_composer.message(COMPOSER.templates, given_, fast.subject))
    whole = parsed(fast.content)
    for kind in ("html", "plain"):
        assert body(whole, kind) == body(slow, kind)
    assert whole["Subject"] == slow["Subject"]


@given(inputs())
@settings(max_examples=20, deadline=timedelta(seconds=5))
def test_a_fresh_composer_makes_the_same_bytes_as_a_used_one(given_: EditionInput) -> None:
    fresh = Composer(COMPOSER.templates, body_limit_kb=10_000)
    assert fresh.compose(given_).content == COMPOSER.compose(given_).content


def test_a_paper_that_changed_is_not_shown_as_it_was() -> None:
    before = an_edition_input(papers={1: a_paper(1, title="Before")}, composed_at=NOON)
    after = an_edition_input(papers={1: a_paper(1, title="After")}, composed_at=NOON)
    COMPOSER.compose(before)
    message = COMPOSER.compose(after, bodies=True)
    assert "After" in message.html
    assert "Before" not in message.html + message.text


@given(st.lists(TEXT | st.text("ab .F=<", max_size=80), max_size=4))
def test_words_encoded_together_are_those_encoded_one_by_one(texts: list[str]) -> None:
    together = all_words(texts)
    if together is not None:
        assert together == [words(text) for text in texts]


def test_a_card_that_says_its_reason_twice_says_each_readers_own(tmp_path: Path) -> None:
    for form, line in (("html", "<p>{{ reason }}: {{ reason }}</p>"), ("txt", "{{ reason }}!")):
        card = tmp_path / f"mail/edition/card.{form}"
        card.parent.mkdir(parents=True, exist_ok=True)
        card.write_text(line)
    composer = Composer(load_templates(template_folders(tmp_path)))
    for reason in ("it fits", "it is <new>"):
        picks = a_pick(1, reason=reason), a_pick(2, reason=reason, section="trending")
        given_ = an_edition_input(an_edition(*picks), papers={1: a_paper(1), 2: a_paper(2)})
        message = composer.compose(given_, bodies=True)
        assert unescape(message.html).count(f"<p>{reason}: {reason}</p>") == 2
        assert message.text.count(f"{reason}!") == 2


def test_readers_of_other_signals_side_by_side_see_their_own() -> None:
    papers = {1: a_paper(1)}
    of_each = [{1: {"hf_upvotes": (votes, 0.0)}} for votes in (12.0, 34.0)]
    for _ in range(2):
        for signals, said in zip((*of_each, {}), ("12 upvotes", "34 upvotes", ""), strict=True):
            message = COMPOSER.compose(an_edition_input(papers=papers, deltas=signals), bodies=True)
            assert said in message.html
            assert ("upvotes" in message.html) == bool(said)


def _many(count: int, **changes: object) -> EditionInput:
    papers = {n: a_rich_paper(n, **changes) for n in range(1, count + 1)}
    return an_edition_input(an_edition(*map(a_pick, papers)), papers=papers)


@pytest.mark.parametrize(
    "given_",
    [
        an_edition_input(an_edition(picks=())),
        an_edition_input(),
        a_full_edition(),
        a_hostile_edition(),
        _many(25),
        _many(2, title="Über 模型 и دراسات — ≤ 𝛼 " * 3),
        _many(2, title="Long " * 60),
    ],
    ids=["none", "one", "full", "hostile", "25", "unicode", "long"],
)
def test_inlining_templates_once_is_inlining_each_mail(given_: EditionInput) -> None:
    raw = load_templates(inliner=str)
    given_ = replace(given_, edition=replace(given_.edition, other_ids=(), other_count=0))
    fast = Composer(COMPOSER.templates, body_limit_kb=10_000).compose(given_, bodies=True)
    slow, _ = slow_composer.bodies(raw, given_, fast.subject)
    assert " style=" not in slow
    assert _read(fast.html) == _read(inline(slow))


def _read(html: str) -> str:
    """Return HTML as a browser would read its characters and spaces."""
    return " ".join(unescape(html).split())
