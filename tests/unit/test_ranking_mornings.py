"""The right papers in the morning: relevance first, whatever the votes and the profile."""

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import NOON, a_paper, a_profile, an_interest
from hypothesis import given, settings
from hypothesis import strategies as some
from test_ranking_default import FILLER, choice, ids, papers_titled, votes

from digest.model import Author

RELEVANT = ("Kernel fusion on chips", "Fusion of kernels", "Kernels and chips", "A kernel survey")


@settings(max_examples=30, deadline=None)
@given(counts=some.lists(some.integers(0, 400), min_size=12, max_size=12))
def test_votes_lift_no_paper_over_a_clearly_more_relevant_one(counts):
    papers = papers_titled(*RELEVANT, *FILLER)
    seen = {n: votes(float(count)) for n, count in enumerate(counts, 1)}
    profile = a_profile(interests=(an_interest("gpu", "kernel fusion", "chips"),), exploration=0)
    picks = choice(papers, profile, observations=seen).picks
    for place, pick in enumerate(picks):
        assert all(pick.interest_score > later.interest_score - 0.1 for later in picks[place:])


def test_votes_order_what_is_equally_relevant():
    papers = papers_titled("Kernel fusion one", "Kernel fusion two", *FILLER)
    profile = a_profile(interests=(an_interest("gpu", "kernel fusion"),), exploration=0)
    for first, second in ((2, 1), (1, 2)):
        seen = {first: votes(90.0), second: votes(3.0)} | {n: votes(5.0) for n in range(3, 9)}
        assert ids(choice(papers, profile, observations=seen))[:2] == [first, second]


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.5])
@pytest.mark.parametrize("named", [{"categories": ("q-bio",)}, {"authors": ("Ada Zhang",)}])
def test_an_interest_of_names_alone_fills_an_edition(named, weight):
    mine = [
        a_paper(
            n, title=f"{title} {n}", categories=("q-bio.BM",),
            authors=(Author(name=f"Person {n}"), Author(name="Ada Zhang" if n < 9 else f"N{n}")),
        )
        for n, title in enumerate(FILLER * 4, 1)
    ]  # fmt: skip
    others = [
        a_paper(n, title=title, categories=("cs.LG",), authors=())
        for n, title in enumerate(FILLER * 3, 100)
    ]
    seen = {n: votes(80.0) for n in range(100, 112)} | {5: votes(9.0), 6: votes(40.0)}
    interest = an_interest("proteins", **named)
    profile = a_profile(interests=(interest,), max_papers=8, exploration=0, trending_weight=weight)
    found = ids(choice([*mine, *others], profile, observations=seen))
    assert len(found) == 8
    assert all(n < 100 for n in found)
    if "categories" in named and weight:
        assert found[:2] == [6, 5]


def test_a_like_that_nobody_knows_leaves_the_category_an_interest_of_its_own():
    papers = [
        a_paper(n, title=t, categories=("math.AG",), authors=()) for n, t in enumerate(FILLER, 1)
    ]
    interest = an_interest("ag", categories=("math.AG",), liked=("arxiv:2001.00001",))
    assert len(ids(choice(papers, a_profile(interests=(interest,), max_papers=5)))) == 5


def test_a_paper_of_the_category_itself_comes_before_one_that_is_listed_there_too():
    both = [
        a_paper(1, title=FILLER[0], categories=("cs.LG", "math.AG")),
        a_paper(2, title=FILLER[1], categories=("math.AG", "cs.LG")),
    ]
    interest = an_interest("ag", categories=("math.AG",))
    assert ids(choice(both, a_profile(interests=(interest,)))) == [2, 1]


def strange(papers, seen, **changes):
    profile = a_profile(interests=(an_interest("gpu", "kernel fusion"),), max_papers=9, **changes)
    found = choice(papers, profile, observations=seen, seed=3)
    return [pick.paper_id for pick in found.picks if pick.section == "exploration"]


def test_nothing_from_outside_comes_where_nothing_is_near_or_outstanding():
    papers = papers_titled(*FILLER, *RELEVANT, start=1)
    assert strange(papers, {}, exploration=0.5) == []
    usual = {n: votes(5.0) for n in range(1, 13)}
    assert strange(papers, usual, exploration=0.5) == []


def test_what_is_from_outside_takes_no_place_of_a_relevant_paper():
    papers = papers_titled(*FILLER, *[f"Kernel fusion {n}" for n in range(12)])
    seen = {n: votes(2.0) for n in range(2, 20)} | {1: votes(300.0)}
    assert strange(papers, seen, exploration=0.5) == []
    assert strange(papers[:10], seen, exploration=0.5) == [1]


@pytest.mark.parametrize("older", [1, 2])
def test_a_carried_paper_beats_todays_only_after_its_age_is_counted(older):
    old = a_paper(
        1, title="Kernel fusion", abstract="", first_seen_at=NOON - timedelta(days=older + 1)
    )
    new = papers_titled("Kernel fusion", *FILLER, start=2)
    profile = a_profile(interests=(an_interest("gpu", "kernel fusion"),), exploration=0)
    found = choice([old, *new], profile, seen_since=NOON - timedelta(days=1))
    assert ids(found)[0] == 2


def limited(papers, *interests, cap=4):
    profile = a_profile(interests=interests, max_papers=cap, exploration=0, min_score=0)
    return choice(papers, profile)


def test_the_rule_on_authors_yields_once_to_a_clearly_better_paper_and_says_so():
    group = (Author(name="Same Person"),)
    mine = papers_titled(*[f"Kernel fusion {n}" for n in range(6)], authors=group)
    found = limited([*mine, *papers_titled(*FILLER, start=20)], an_interest("gpu", "kernel fusion"))
    assert ids(found)[:3] == [1, 2, 3]
    assert [pick.paper_id < 20 for pick in found.picks].count(True) == 3
    assert "one more from these authors, but clearly better" in found.picks[2].reason
    others = papers_titled(*[f"Kernel fusion apart {n}" for n in range(4)], start=20)
    equal = limited([*mine, *others], an_interest("gpu", "kernel fusion"))
    assert [pick.paper_id < 20 for pick in equal.picks].count(True) == 2
    assert not any("clearly better" in pick.reason for pick in equal.picks)


def test_a_quota_yields_once_to_a_clearly_better_paper_and_says_so():
    papers = papers_titled(*[f"Kernel fusion {n}" for n in range(5)], *FILLER)
    gpu = replace(an_interest("gpu", "kernel fusion"), quota=1)
    found = limited(papers, gpu)
    assert ids(found)[:2] == [1, 2]
    assert [pick.paper_id < 6 for pick in found.picks].count(True) == 2
    assert "over this interest's quota, but clearly better" in found.picks[1].reason
    assert ids(limited(papers[:5], gpu)) == [1]
