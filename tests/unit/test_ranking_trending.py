from datetime import timedelta

import pytest
from builders import NOON, a_paper

from digest.model import Author, Observation
from digest.ranking.popularity import popularity, took_off
from digest.ranking.trending import TOOK_OFF, growth, heats, late_heats

HOUR = timedelta(hours=1)


def seen(*hours_and_values, kind="hf_upvotes"):
    """Give observations as (hours before noon, value) pairs, oldest first."""
    return tuple(
        Observation(kind=kind, observed_at=NOON - hours * HOUR, value=value)
        for hours, value in hours_and_values
    )


def aged(number, hours):
    born = NOON - hours * HOUR
    return a_paper(number, published_at=born, first_seen_at=born)


def heat_of(*series, hours=12):
    papers = [aged(n, hours) for n in range(1, len(series) + 1)]
    return heats(papers, dict(enumerate(series, 1)), NOON)


def test_a_paper_of_which_nothing_is_known_has_no_heat():
    (heat,) = heat_of(())
    assert (heat.score, heat.gains, popularity(heat)) == (0.0, (), "")


def test_more_votes_at_equal_age_are_hotter_and_never_pass_one():
    scores = [heat.score for heat in heat_of(*(seen((1, v)) for v in (0, 3, 30, 300, 3e9)))]
    assert scores == sorted(scores)
    assert len(set(scores[:4])) == 4
    assert 0 <= scores[0] < scores[-1] <= 1


def test_a_young_paper_with_the_votes_of_an_old_one_is_hotter():
    papers = [aged(1, 4), aged(2, 24 * 9)]
    young, old = heats(papers, {1: seen((1, 20)), 2: seen((1, 20))}, NOON)
    assert young.score > old.score


def test_growing_now_beats_having_grown_long_ago():
    papers = [aged(1, 24 * 20), aged(2, 24 * 20)]
    rising = seen((24 * 15, 5), (25, 10), (1, 60))
    standing = seen((24 * 15, 60), (25, 60), (1, 60))
    now_hot, then_hot = heats(papers, {1: rising, 2: standing}, NOON)
    assert now_hot.score > 2 * then_hot.score


def test_a_second_kind_that_agrees_adds_heat():
    one, both = heat_of(seen((1, 40)), seen((1, 40)) + seen((1, 90), kind="github_stars"))
    assert both.score > one.score
    assert set(both.by_kind) == {"hf_upvotes", "github_stars"}


def test_what_is_observed_after_now_or_is_no_number_is_not_counted():
    future, broken, plain = heat_of(
        seen((1, 5), (-3, 900)), seen((2, float("inf")), (1, 5)), seen((1, 5))
    )
    assert future.score == broken.score == plain.score


def test_a_handful_of_papers_is_no_scale_of_its_own():
    alone = heat_of(seen((1, 80)))[0].score
    among_equals = heat_of(*(seen((1, 80)) for _ in range(3)))[0].score
    assert alone > 0.5
    assert among_equals > 0.5


def test_expected_votes_grow_with_age_and_level_off():
    values = [growth(hours) for hours in (1, 6, 12, 24, 96, 1000)]
    assert values == sorted(values)
    assert growth(12) == pytest.approx(1)
    assert growth(24) == pytest.approx(1.19, abs=0.1)
    assert growth(1000) == pytest.approx(1.75, abs=0.01)


@pytest.mark.parametrize(
    ("series", "words"),
    [
        (seen((25, 3), (1, 60)), "60 upvotes"),
        (seen((1, 1)), "1 upvote"),
        (seen((25, 60), (1, 20)), "20 upvotes"),
        (seen((1, 0)), ""),
    ],
)
def test_popularity_is_told_as_it_was_observed(series, words):
    (heat,) = heat_of(series)
    assert popularity(heat) == words


def late_of(*series, usual=()):
    """Give the heats of papers of twelve days ago in a window of three days."""
    old = [aged(n, 24 * 12) for n in range(1, len(series) + 1)]
    new = [aged(100 + n, 24) for n in range(len(usual))]
    known = dict(enumerate(series, 1)) | {100 + n: one for n, one in enumerate(usual)}
    return late_heats(old, new, known, NOON - 72 * HOUR, NOON)


def test_what_gained_in_the_window_took_off_what_gained_before_did_not():
    rising, famous, trickle = late_of(
        seen((75, 3), (1, 123)), seen((200, 3), (80, 900), (1, 902)), seen((75, 3), (1, 9))
    )
    assert rising.score >= TOOK_OFF > max(trickle.score, famous.score)
    assert took_off(aged(1, 24 * 12), rising, NOON).endswith(": 120 more upvotes since April 11")


def test_growth_is_measured_by_what_new_papers_gain_here():
    one = seen((75, 3), (1, 43))
    (quiet,) = late_of(one, usual=[seen((1, 2))] * 60)
    (busy,) = late_of(one, usual=[seen((1, 90))] * 60)
    assert quiet.score > TOOK_OFF > busy.score


def test_a_first_look_at_an_old_paper_claims_no_growth():
    (heat,) = late_of(seen((1, 500)))
    assert heat.score < TOOK_OFF
    assert took_off(aged(1, 24 * 12), heat, NOON) == ""


def test_a_rise_over_weeks_is_no_rise_in_days():
    slow, fast = late_of(seen((24 * 12, 0), (1, 60)), seen((73, 0), (1, 60)))
    assert slow.score < TOOK_OFF < fast.score


@pytest.mark.parametrize("votes", [1, 30])
def test_one_group_that_floods_a_window_moves_nobody_elses_heat_far(votes):
    usual = [a_paper(n, authors=(Author(name=f"Author {n}"),)) for n in range(1, 31)]
    flood = [a_paper(n, authors=(Author(name="Flo Odder"),)) for n in range(100, 300)]
    observed = {paper.row_id: seen((1, 5 * n)) for n, paper in enumerate(usual, 1)}
    before = [heat.score for heat in heats(usual, observed, NOON)]
    observed |= {paper.row_id: seen((1, votes)) for paper in flood}
    after = [heat.score for heat in heats(usual + flood, observed, NOON)]
    assert after[: len(usual)] == pytest.approx(before, abs=0.16)
    assert max(after[len(usual) :]) < max(after[: len(usual)])


def test_a_source_that_died_leaves_the_others_scale_as_it_was():
    alive = [seen((1, v), kind="hn_points") for v in (2, 9, 40)]
    last_words = [seen((70, v)) for v in (500, 900)]
    alone = heat_of(*alive)
    beside = heat_of(*alive, *last_words)
    assert [h.by_kind["hn_points"] for h in beside[:3]] == [h.by_kind["hn_points"] for h in alone]
    assert [h.score for h in beside[:3]] == [h.score for h in alone]
