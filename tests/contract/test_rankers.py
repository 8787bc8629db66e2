"""Every ranker module found on disk keeps the same promises."""

import pkgutil
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import NOON, a_paper, a_profile, an_interest

import digest.ranking
from digest.model import Observation
from digest.plugins import resolve
from digest.ranking import Candidates, Reader

NOT_RANKERS = {
    "_making",
    "accounts",
    "avoided",
    "background",
    "choose",
    "community",
    "evaluation",
    "grades",
    "interests",
    "interleaving",
    "likeness",
    "meaning",
    "named",
    "nearest",
    "people",
    "picking",
    "promise",
    "popularity",
    "reasons",
    "space",
    "table",
    "tastes",
    "terms",
    "trending",
    "window",
    "words",
}
"""Modules of the package that decide something else: a forgotten factory is a red test."""

RANKERS = sorted(
    module.name
    for module in pkgutil.iter_modules(digest.ranking.__path__)
    if module.name not in NOT_RANKERS and not module.ispkg
)


@pytest.fixture(params=RANKERS)
def ranker(request):
    return resolve(request.param, "digest.ranking", "ranker")({})


def some_candidates(count=30):
    papers = tuple(
        a_paper(
            n,
            title=f"Kernel fusion for accelerators, part {n}"
            if n % 3 == 0
            else f"Sediments of the river number {n}",
            abstract="",
            authors=(),
        )
        for n in range(1, count + 1)
    )
    votes = {
        n: (Observation(kind="hf_upvotes", observed_at=NOON - timedelta(hours=2), value=float(n)),)
        for n in range(1, count + 1)
    }
    return Candidates(
        papers=papers,
        observations=votes,
        window_start_at=NOON - timedelta(days=1),
        window_end_at=NOON,
    )


def a_reader(**changes):
    profile = a_profile(interests=(an_interest("compilers", "kernel fusion"),), **changes)
    return Reader(subscription_id=1, profile=profile)


def ranked(ranker, *readers, candidates=None, seed=7, explain=False):
    return ranker.rank(
        candidates or some_candidates(), readers, now=NOON, seed=seed, explain=explain
    )


def test_it_has_the_name_it_is_found_by(ranker):
    assert ranker.name in RANKERS


def test_one_choice_per_reader_in_order(ranker):
    readers = [a_reader(max_papers=n) for n in (1, 3, 5)]
    choices = ranked(ranker, *readers)
    assert [len(choice.picks) for choice in choices] == [1, 3, 5]


def test_no_paper_is_chosen_twice_nor_listed_again(ranker):
    (choice,) = ranked(ranker, a_reader())
    ids = [pick.paper_id for pick in choice.picks] + list(choice.other_ids)
    assert len(ids) == len(set(ids)) == 30


def test_what_was_shown_is_never_shown_again(ranker):
    reader = a_reader()
    (before,) = ranked(ranker, reader)
    shown = frozenset(pick.paper_id for pick in before.picks)
    again = Reader(subscription_id=1, profile=reader.profile, shown=shown)
    (after,) = ranked(ranker, again)
    assert not shown & ({pick.paper_id for pick in after.picks} | set(after.other_ids))


def test_scores_lie_between_0_and_1_and_never_rise(ranker):
    (choice,) = ranked(ranker, a_reader(max_papers=30))
    scores = [pick.score for pick in choice.picks]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


def test_every_pick_says_why(ranker):
    (choice,) = ranked(ranker, a_reader())
    assert all(pick.reason and pick.section for pick in choice.picks)


def test_the_same_input_gives_the_same_picks(ranker):
    assert ranked(ranker, a_reader()) == ranked(ranker, a_reader())


def test_the_order_of_the_papers_does_not_matter(ranker):
    forward = some_candidates()
    backward = Candidates(
        papers=forward.papers[::-1],
        observations=forward.observations,
        window_start_at=forward.window_start_at,
        window_end_at=forward.window_end_at,
    )
    assert ranked(ranker, a_reader(), candidates=forward) == ranked(
        ranker, a_reader(), candidates=backward
    )


def test_one_reader_does_not_change_another(ranker):
    alone = ranked(ranker, a_reader())
    beside = ranked(ranker, a_reader(), a_reader(trending_weight=1.0, max_papers=2))
    assert alone[0] == beside[0]


def test_every_paper_left_out_has_a_cause_when_asked(ranker):
    (choice,) = ranked(ranker, a_reader(max_papers=3), explain=True)
    assert {pick.paper_id for pick in choice.picks} | {
        exclusion.paper_id for exclusion in choice.exclusions
    } == set(range(1, 31))


def test_an_empty_window_is_an_empty_choice(ranker):
    nothing = Candidates(papers=(), window_start_at=NOON - timedelta(days=1), window_end_at=NOON)
    (choice,) = ranked(ranker, a_reader(), candidates=nothing)
    assert choice.picks == ()


def test_a_profile_without_interests_is_ranked_by_trend(ranker):
    reader = Reader(subscription_id=1, profile=a_profile(interests=(), max_papers=3))
    (choice,) = ranked(ranker, reader)
    assert [pick.paper_id for pick in choice.picks] == [30, 29, 28]
    assert {pick.section for pick in choice.picks} == {"trending"}


def test_what_took_off_late_is_a_small_share_and_says_so(ranker):
    given = some_candidates(60)
    late = frozenset(range(3, 31, 3))
    observations = dict(given.observations) | {
        n: tuple(
            Observation(kind="hf_upvotes", observed_at=NOON - timedelta(hours=h), value=v)
            for h, v in ((26.0, 3.0), (2.0, 400.0))
        )
        for n in late
    }
    candidates = replace(given, late_ids=late, observations=observations)
    (found,) = ranked(ranker, a_reader(max_papers=10), candidates=candidates, explain=True)
    came = [pick for pick in found.picks if pick.paper_id in late]
    assert len(came) == 2
    assert all("ook off after it came out on April" in pick.reason for pick in came)
    assert all("397 more upvotes since yesterday" in pick.reason for pick in came)
    assert not any(pick.is_new for pick in came)
    assert {e.cause for e in found.exclusions if e.paper_id in late} == {"late"}
