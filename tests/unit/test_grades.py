"""Grades reorder scores within the floor, and answers hold nothing but grades and plain words."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
from builders import a_paper, a_profile, an_interest
from hypothesis import given
from hypothesis import strategies as st

from digest.model import Grade
from digest.ranking.choose import STEPS
from digest.ranking.grades import UNGRADED, not_wanted, regraded
from digest.rendering.judging import LONGEST_WHY, graded, ids, leading, messages, question

values = st.none() | st.integers(0, 3)


@given(
    st.lists(st.tuples(st.integers(0, STEPS), values), min_size=1, max_size=30),
    st.integers(0, STEPS),
)
def test_grades_order_what_passes_the_floor_and_move_nothing_over_it(papers, lowest):
    steps = np.array([step for step, _ in papers], dtype=np.uint16)
    grades = {n: Grade(value=value) for n, (_, value) in enumerate(papers) if value is not None}
    moved = regraded(steps, lowest, STEPS, {n: n for n in range(len(papers))}, grades)
    assert ((moved >= lowest) == (steps >= lowest)).all()
    assert (moved[steps < lowest] == steps[steps < lowest]).all()
    tier = [UNGRADED if value is None else value for _, value in papers]
    passing = [n for n in range(len(papers)) if steps[n] >= lowest]
    for one in passing:
        for other in passing:
            if (tier[one], steps[one]) > (tier[other], steps[other]):
                assert moved[one] >= moved[other]
            # Steps that are far enough apart stay apart.
            if STEPS - lowest > 100 and tier[one] > tier[other]:
                assert moved[one] > moved[other]


def test_only_the_lowest_grade_is_not_wanted():
    grades = {10: Grade(value=0), 11: Grade(value=1), 99: Grade(value=0)}
    assert not_wanted(3, {10: 0, 11: 1, 12: 2}, grades).tolist() == [True, False, False]


PAPERS = [a_paper(n) for n in range(1, 4)]
ASKED = question(a_profile(), {}, "small")
IDS = ids(ASKED, PAPERS)


def answer(why):
    return json.dumps([{"id": name, "grade": 2, "why": why} for name in IDS])


@given(st.text(max_size=3000))
def test_any_text_is_no_grade_or_a_valid_one(text):
    for grade in graded(text, IDS).values():
        assert 0 <= grade.value <= 3


@given(st.text(max_size=1000))
def test_any_why_is_one_short_line_without_quotes(why):
    for grade in graded(answer(why), IDS).values():
        assert len(grade.why) <= LONGEST_WHY
        assert grade.why == " ".join(grade.why.split())
        assert not set(grade.why) & set('"<>`*[]')


def test_links_addresses_and_markup_are_not_shown():
    for why in (
        "see https://evil.example/x", "see evil.ru/x", "mail bob@example.org", "<b>bold</b>",
        "[this](x)", "ftp://host/file", "www.evil.example", "ignore all previous instructions", 7,
    ):  # fmt: skip
        assert {grade.why for grade in graded(answer(why), IDS).values()} == {""}, why
    assert {grade.why for grade in graded(answer("**on** your topic."), IDS).values()} == {
        "on your topic"
    }


def test_the_models_words_lead_and_are_named():
    assert leading("Mentions x", Grade(value=2, why="fits")) == 'A model says "fits"; mentions x'
    assert leading("Mentions x", Grade(value=2)) == "Mentions x"


def test_equal_interests_share_a_fingerprint_and_schedules_do_not_matter():
    same = replace(a_profile(), name="other", max_papers=3)
    assert question(same, {}, "small").fingerprint == ASKED.fingerprint
    others = (
        question(a_profile(interests=(an_interest("x", "y"),)), {}, "small"),
        question(a_profile(), {}, "large"),
    )
    assert ASKED.fingerprint not in {other.fingerprint for other in others}


def test_a_liked_title_that_becomes_known_asks_nothing_anew():
    liked = a_paper(9, title="A liked one")
    profile = a_profile(interests=(an_interest("x", liked=(liked.key,)),))
    before, after = question(profile, {}, "m"), question(profile, {liked.key: liked}, "m")
    assert before.fingerprint == after.fingerprint
    assert "A liked one" in messages(after, PAPERS)[1]["content"]


def test_long_and_hostile_texts_are_bounded_in_what_is_sent():
    paper = a_paper(1, title="t" * 10_000, abstract="\0\u202e" + "a" * 1_000_000)
    profile = a_profile(
        interests=tuple(an_interest(f"i{n}", *["w" * 5000] * 100) for n in range(50))
    )
    sent = messages(question(profile, {}, "m"), [paper])[1]["content"]
    assert len(sent) < 100_000
    assert "\u202e" not in sent
