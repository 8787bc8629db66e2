from __future__ import annotations

import re
from dataclasses import replace

import pytest
from builders import a_paper, a_pick, a_profile, an_edition, an_edition_input

from digest.model import Author, Completeness, Frequency, Link, Message, SourceLine
from digest.rendering import EditionInput
from digest.rendering.compose import Composer
from digest.rendering.lint import lint

COMPOSER = Composer()

HOSTILE = (
    "<script>alert(1)</script>",
    "</title></style><img src=x onerror=alert(1)>",
    "one\r\nBcc: victim@example.org\r\n\r\n<b>two</b>",
    "one\u2028two\u2029three\x85four\x0bfive\x00six",
    "\u202egnp.exe \u2066isolated\u2069 \u200fmarked",
    "t" * 1000,
    "word " * 200,
    "{{ 7 * 7 }}{% include 'x' %}{# gone #}",
    "\x02unsubscribe\x03",
    '" onmouseover="alert(1)',
    "\ud800 half a character",
    "",
)


def composed(given: EditionInput, composer: Composer = COMPOSER) -> Message:
    message = composer.compose(given, bodies=True)
    assert lint(message) == ()
    return message


def of_one(**changes: object) -> Message:
    return composed(an_edition_input(papers={1: a_paper(1, **changes)}))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_inert_wherever_a_source_can_put_it(text: str) -> None:
    paper = a_paper(
        1, title=text, abstract=text, comment=text, venue=text, summary=text, categories=(text,),
        authors=(Author(name=text, affiliations=(text,)),),
    )  # fmt: skip
    message = composed(an_edition_input(papers={1: paper, 2: paper}))
    assert "<script" not in message.html
    assert "onerror=alert(1)>" not in message.html
    assert not re.search(
        "[\x00-\x09\x0b-\x1f\x85\u2028\u2029\u202a-\u202e\u2066-\u2069]", message.html
    )
    assert b"\r\nBcc:" not in message.content
    assert "49" not in message.html.partition("<h2")[2].partition("</h2>")[0]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_of_profiles_sources_and_reasons_are_inert(text: str) -> None:
    edition = an_edition(
        a_pick(1, reason=text, section=text),
        a_pick(2, section="trending"),
        source_lines=(
            SourceLine(source=text, new=1, completeness=Completeness.PARTIAL, note=text),
        ),
    )
    message = composed(an_edition_input(edition, profile=a_profile(title=text)))
    assert "<script" not in message.html
    assert "<img" not in message.html


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "//evil.example/x",
     "https://arxiv.org@evil.example/", "file:///etc/passwd", "https://", "java\nscript:x"],
)  # fmt: skip
def test_an_address_that_is_not_plainly_http_is_not_linked(url: str) -> None:
    links = tuple(Link(kind=kind, url=url) for kind in ("pdf", "code", "project", "thumbnail"))
    message = of_one(url=url, links=links)
    assert f'href="{url}"' not in message.html
    assert "evil.example" not in message.html + message.text
    assert ">PDF<" not in message.html


def test_a_very_long_title_is_cut_and_the_subject_stays_short() -> None:
    message = of_one(title="Long " * 300)
    assert len(message.subject) <= 78
    assert "…" in message.html.partition("<h2")[2].partition("</h2>")[0]


def test_right_to_left_titles_say_so() -> None:
    assert '<h2 dir="rtl"' in of_one(title="שלום עולם").html
    assert '<h2 style="' in of_one(title="Careful things").html


def test_no_image_is_loaded_unless_the_owner_wants_it() -> None:
    links = (Link(kind="thumbnail", url="https://img.example/a.png"),)
    given = an_edition_input(papers={1: a_paper(1, links=links)})
    assert "<img" not in COMPOSER.compose(given, bodies=True).html
    with_images = Composer(COMPOSER.templates, remote_images=True).compose(given, bodies=True)
    assert 'src="https://img.example/a.png"' in with_images.html
    assert lint(with_images, remote_images=True) == ()


def test_a_weekly_edition_names_its_seven_days() -> None:
    edition = an_edition(a_pick(1), frequency=Frequency.WEEKLY, other_count=3)
    message = composed(an_edition_input(edition))
    assert "Apr 8 – 14, 2026" in " ".join(message.html.split())
    assert "weekly edition" in message.text
    assert "this week" in message.text


def test_an_empty_day_says_that_nothing_was_announced() -> None:
    message = composed(an_edition_input(an_edition(picks=())))
    assert "Nothing new was announced" in message.html
    assert "Nothing new was announced" in message.text
    assert "a quiet day" in message.subject


def test_a_day_without_matches_is_not_called_a_quiet_one() -> None:
    message = composed(an_edition_input(an_edition(picks=(), other_count=412)))
    assert "412 new papers today, none close enough" in " ".join(message.text.split())
    assert "Nothing new" not in message.text
    assert "nothing for you today" in message.subject


def test_a_pick_whose_paper_is_gone_is_told_of() -> None:
    edition = an_edition(a_pick(1), a_pick(2))
    message = composed(an_edition_input(edition, papers={1: a_paper(1)}))
    assert "1 more paper picked for you did not fit" in " ".join(message.text.split())


def many(count: int, others: int = 0) -> EditionInput:
    """Make an edition of wordy papers: about 2 KB a card."""
    edition = an_edition(
        *(a_pick(n) for n in range(1, count + 1)),
        other_ids=tuple(range(1001, 1001 + others)),
        other_count=others,
    )
    named = [*range(1, count + 1), *range(1001, 1001 + others)]
    papers = {
        n: a_paper(n, title=f"Paper {n:04} " + "é" * 60, abstract="We show things. " * 120)
        for n in named
    }
    return an_edition_input(edition, papers=papers, profile=a_profile(abstracts="full"))


@pytest.mark.parametrize("count", [1, 20, 200])
@pytest.mark.parametrize("others", [0, 700])
@pytest.mark.parametrize("limit", [15, 90])
def test_html_stays_under_the_limit_whatever_there_is(count: int, others: int, limit: int) -> None:
    composer = Composer(COMPOSER.templates, body_limit_kb=limit)
    message = composer.compose(many(count, others), bodies=True)
    assert len(message.html.encode()) <= limit * 1000
    assert lint(message, body_limit_kb=limit) == ()


def with_abstracts(count: int, level: str) -> list[bool]:
    """Tell of each card of an edition whether it holds an abstract."""
    given = many(count)
    message = composed(replace(given, profile=replace(given.profile, abstracts=level)))
    cards = message.html.split('<td class="card"')[1:]
    assert len(cards) == count
    return ['class="abstract"' in card for card in cards]


def test_whole_abstracts_shrink_before_any_goes() -> None:
    assert all(with_abstracts(30, "full"))


def test_abstracts_go_before_papers_and_the_best_keep_theirs() -> None:
    found = [with_abstracts(count, "short") for count in range(30, 60, 3)]
    mixed = [rich for rich in found if any(rich) and not all(rich)]
    assert mixed
    assert all(rich == sorted(rich, reverse=True) for rich in mixed)


def test_what_does_not_fit_is_counted() -> None:
    message = composed(many(300))
    shown = message.html.count('<td class="card"')
    assert 1 < shown < 300
    assert f"{300 - shown} more papers picked for you did not fit" in " ".join(message.text.split())


def test_titles_that_do_not_fit_are_counted() -> None:
    text = " ".join(composed(many(3, others=700)).text.split())
    listed = len(re.findall(r"\* Paper 1\d{3}|\* Paper 1[0-9]+", text))
    assert 10 < listed < 700
    assert f"{listed} other new titles, of 700" in text
    assert f"{700 - listed} more titles are too many for a mail." in text


def test_the_text_asks_once_for_answers_at_the_end() -> None:
    given = an_edition_input(an_edition(a_pick(1), a_pick(2)))
    foot = composed(given).text.partition("-" * 72)[2]
    assert f"Rate these papers    {given.links.feedback_base}\n" in foot
    assert "/more/" not in foot
    nothing = composed(an_edition_input(an_edition(picks=())))
    assert "Rate these papers" not in nothing.text


def test_twenty_papers_take_about_forty_kilobytes() -> None:
    papers = {
        n: a_paper(n, title=f"Careful studies of {n} sorts of things in the wild, taken slowly",
                   abstract="We show of these things what nobody saw before. " * 12)
        for n in range(1, 21)
    }  # fmt: skip
    given = an_edition_input(
        an_edition(*(a_pick(n) for n in papers)),
        papers=papers,
        profile=a_profile(abstracts="none"),
    )
    assert len(COMPOSER.compose(given).content) < 46_000


def test_the_first_best_paper_leads_the_subject() -> None:
    edition = an_edition(a_pick(2), a_pick(1), a_pick(3))
    message = composed(an_edition_input(edition))
    assert message.subject.startswith("Paper number 2 about")
    assert message.subject.endswith(" · 2 more · Apr 14")
