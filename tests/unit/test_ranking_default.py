from dataclasses import replace
from datetime import timedelta

import pytest
from builders import NOON, a_paper, a_profile, an_interest

from digest.model import Author, Feedback, FeedbackKind, Observation, Term, TermMode
from digest.ranking import Candidates, Reader
from digest.ranking.default import ranker

FILLER = (
    "Sediment transport in braided rivers",
    "A survey of medieval trade routes",
    "Photometry of variable stars in open clusters",
    "Soil bacteria under drought",
    "Numerical schemes for shallow water",
    "Language change in island communities",
    "Bond markets and expectations",
    "The migration of arctic terns",
)


def papers_titled(*titles, start=1, **changes):
    return tuple(
        a_paper(n, **({"title": title, "abstract": "", "authors": ()} | changes))
        for n, title in enumerate(titles, start)
    )


def choice(papers, profile, *, observations=None, explain=False, seed=1, **reader):
    candidates = Candidates(
        papers=tuple(papers),
        observations=observations or {},
        window_start_at=NOON - timedelta(days=1),
        window_end_at=NOON,
    )
    reader = Reader(subscription_id=1, profile=profile, **reader)
    return ranker({}).rank(candidates, [reader], now=NOON, seed=seed, explain=explain)[0]


def ids(found):
    return [pick.paper_id for pick in found.picks]


def causes(found):
    return {exclusion.paper_id: exclusion.cause for exclusion in found.exclusions}


def votes(*values, hours=2.0):
    """Give one observation a day, the last some hours ago."""
    return tuple(
        Observation(
            kind="hf_upvotes",
            observed_at=NOON - timedelta(hours=hours + 24 * (len(values) - 1 - n)),
            value=value,
        )
        for n, value in enumerate(values)
    )


def test_one_matching_term_is_well_above_the_floor_and_the_rest_below():
    papers = papers_titled(*FILLER, "Automatic kernel fusion")
    found = choice(
        papers, a_profile(interests=(an_interest("gpu", "kernel fusion"),)), explain=True
    )
    assert ids(found) == [9]
    assert found.picks[0].score > 0.3
    assert set(causes(found).values()) == {"floor"}


def test_a_popular_paper_off_topic_does_not_pass_the_floor():
    papers = papers_titled(*FILLER, "Automatic kernel fusion")
    profile = a_profile(interests=(an_interest("gpu", "kernel fusion"),), exploration=0)
    found = choice(papers, profile, observations={1: votes(100_000.0), 9: votes(3.0)})
    assert ids(found) == [9]


def test_more_evidence_never_ties_at_the_top():
    papers = papers_titled(
        "Kernel fusion", "Kernel fusion and tiling", "Kernel fusion, tiling and autotuning", *FILLER
    )
    terms = ("kernel fusion", "tiling", "autotuning")
    found = choice(papers, a_profile(interests=(an_interest("gpu", *terms),)))
    assert ids(found) == [3, 2, 1]
    assert len({pick.score for pick in found.picks}) == 3


def test_five_likes_are_not_drowned_by_a_hundred():
    papers = papers_titled(
        *[f"Language models and reasoning, study {n}" for n in range(1, 21)],
        "Sediment cores of glacial lakes",
    )
    known = {
        p.key: p
        for p in papers_titled(
            *[f"Language models that reason in steps {n}" for n in range(100)],
            *[f"Glacial lake sediment record {n}" for n in range(5)],
            start=1000,
        )
    }
    keys = list(known)
    profile = a_profile(
        interests=(
            an_interest("models", liked=keys[:100]),
            an_interest("geology", liked=keys[100:]),
        ),
        max_papers=5,
    )
    found = choice(papers, profile, known_papers=known)
    assert 21 in ids(found)
    assert {pick.section for pick in found.picks} == {"models", "geology"}


def test_a_quota_limits_its_interest():
    papers = papers_titled("Kernel fusion a", "Kernel fusion b", "Kernel fusion c", *FILLER)
    profile = a_profile(interests=(an_interest("gpu", "kernel fusion", quota=2),))
    found = choice(papers, profile, explain=True)
    assert ids(found) == [1, 2]
    assert causes(found)[3] == "quota"


def test_must_and_must_not_decide_before_any_score():
    papers = papers_titled("Kernel fusion on phones", "Kernel fusion", "Kernel fusion on boats")
    terms = (
        Term(text="kernel fusion"),
        Term(text="phones", mode=TermMode.MUST),
    )
    found = choice(papers, a_profile(interests=(an_interest("gpu", terms=terms),)), explain=True)
    assert ids(found) == [1]
    assert causes(found) == {2: "must", 3: "must"}
    not_boats = (Term(text="kernel fusion"), Term(text="boat", mode=TermMode.MUST_NOT))
    found = choice(
        papers, a_profile(interests=(an_interest("gpu", terms=not_boats),)), explain=True
    )
    assert causes(found) == {3: "must-not"}


def test_a_muted_term_is_never_shown():
    papers = papers_titled("Kernel fusion", "Kernel fusion for surveillance")
    profile = a_profile(interests=(an_interest("gpu", "kernel fusion"),), mutes=("surveillance",))
    found = choice(papers, profile, explain=True)
    assert ids(found) == [1]
    assert 2 not in found.other_ids
    assert causes(found)[2] == "muted"


def test_a_withdrawn_paper_or_one_of_another_source_is_not_shown():
    papers = (
        a_paper(1, title="Kernel fusion", withdrawn=True),
        a_paper(2, title="Kernel fusion", sources=("blog",)),
        a_paper(3, title="Kernel fusion", sources=("arxiv-ml", "blog")),
    )
    profile = a_profile(interests=(an_interest("gpu", "kernel fusion"),), sources=("arxiv-ml",))
    found = choice(papers, profile, explain=True)
    assert ids(found) == [3]
    assert causes(found) == {1: "withdrawn", 2: "source"}


def test_a_followed_author_is_named_and_doubt_is_said():
    papers = (
        a_paper(1, title="Trade routes", authors=(Author(name="Ada Lovelace"),)),
        a_paper(2, title="Bond markets", authors=(Author(name="A. Lovelace"),)),
        *papers_titled(*FILLER, start=3),
    )
    found = choice(papers, a_profile(interests=(an_interest("her", authors=("Ada Lovelace",)),)))
    assert ids(found) == [1, 2]
    assert found.picks[0].reason == "By Ada Lovelace, whom you follow"
    assert "perhaps" in found.picks[1].reason


def test_a_category_alone_is_an_interest():
    papers = (a_paper(1, categories=("math.AG",)), a_paper(2, categories=("cs.LG",)))
    found = choice(papers, a_profile(interests=(an_interest("ag", categories=("math",)),)))
    assert ids(found) == [1]
    assert found.picks[0].reason == "In math.AG, which you follow"


def test_the_reason_is_made_of_what_counted():
    known = {p.key: p for p in papers_titled("Fusion of kernels", "Kernels, fused", start=900)}
    papers = papers_titled("Automatic kernel fusion", *FILLER)
    interest = an_interest("gpu", "kernel fusion", liked=tuple(known))
    found = choice(
        papers,
        a_profile(interests=(interest,)),
        observations={1: votes(10.0, 67.0)},
        known_papers=known,
    )
    assert found.picks[0].reason == (
        'Similar to Fusion of kernels and 1 more paper that you liked; mentions "kernel fusion"'
    )


def test_less_like_this_pushes_down():
    known = {
        p.key: p for p in papers_titled("Protein folding dynamics", "Kernel fusion", start=900)
    }
    papers = papers_titled("Kernel fusion on chips", "Protein folding on chips", *FILLER)
    less = Feedback(paper_id=901, kind=FeedbackKind.LESS, at=NOON - timedelta(days=1))
    profile = a_profile(interests=(an_interest("chips", liked=tuple(known)),))
    liked = choice(papers, profile, known_papers=known)
    told = choice(papers, profile, known_papers=known, feedback=(replace(less, interest="chips"),))
    score = {pick.paper_id: pick.score for pick in liked.picks}
    after = {pick.paper_id: pick.score for pick in told.picks}
    assert after.get(1, 0.0) < score[1]


def test_feedback_without_interest_teaches_one_of_its_own():
    known = {p.key: p for p in papers_titled("Migration routes of terns", start=900)}
    papers = papers_titled(*FILLER)
    more = Feedback(paper_id=900, kind=FeedbackKind.MORE, at=NOON)
    found = choice(papers, a_profile(interests=()), known_papers=known, feedback=(more,))
    assert ids(found)[:1] == [8]
    assert found.picks[0].section == "papers you liked"


def test_no_more_than_a_few_papers_of_one_group():
    group = (Author(name="Same Person"),)
    papers = papers_titled(*["Kernel fusion"] * 6, authors=group) + papers_titled(
        "Kernel fusion apart", start=7
    )
    profile = a_profile(interests=(an_interest("gpu", "kernel fusion"),), max_papers=4)
    found = choice(papers, profile, explain=True)
    assert 7 in ids(found)
    assert len(ids(found)) == 3
    assert causes(found)[3] == "diversity"


def test_papers_of_a_followed_author_are_not_rationed():
    group = (Author(name="Same Person"),)
    papers = papers_titled(*[f"Subject {n}" for n in range(6)], authors=group)
    interest = an_interest("her", authors=("Same Person",))
    assert len(ids(choice(papers, a_profile(interests=(interest,), max_papers=6)))) == 6


def test_carried_over_papers_take_what_new_ones_leave_and_at_most_half():
    old = papers_titled(*["Kernel fusion"] * 6, first_seen_at=NOON - timedelta(days=3))
    new = papers_titled("Kernel fusion", start=7)
    profile = a_profile(interests=(an_interest("gpu", "kernel fusion"),), max_papers=4)
    found = choice(old + new, profile, seen_since=NOON - timedelta(days=1))
    assert [pick.is_new for pick in found.picks] == [True, False, False]
    carried = found.picks[1]
    assert carried.section == "carried-over"
    assert "first seen 3 days ago" in carried.reason


def test_on_a_full_day_one_pick_in_seven_is_carried_over_and_only_if_it_is_better():
    old = papers_titled(
        *[f"Kernel fusion {n}" for n in range(9)], first_seen_at=NOON - timedelta(days=2)
    )
    new = papers_titled(*FILLER, *FILLER, start=20)
    interest = an_interest("gpu", "kernel fusion")
    profile = a_profile(interests=(interest,), max_papers=14, min_score=0, exploration=0)
    found = choice(old + new, profile, seen_since=NOON - timedelta(days=1))
    assert [pick.is_new for pick in found.picks] == [False] * 2 + [True] * 12
    equals = papers_titled(*[f"Kernel fusion {n}" for n in range(20)])
    old = [replace(p, first_seen_at=NOON - timedelta(days=2)) for p in equals[:10]]
    found = choice([*old, *equals[10:]], profile, seen_since=NOON - timedelta(days=1))
    assert [pick.is_new for pick in found.picks[:10]] == [True] * 10


@pytest.mark.parametrize(
    ("hours", "told"), [(1, "earlier today"), (24, "1 day ago"), (48, "2 days ago")]
)
def test_a_paper_carried_over_says_when_it_was_new(hours, told):
    old = papers_titled("Kernel fusion", first_seen_at=NOON - timedelta(hours=hours))
    profile = a_profile(interests=(an_interest("gpu", "kernel fusion"),))
    found = choice(old, profile, seen_since=NOON - timedelta(minutes=1))
    assert f"first seen {told}" in found.picks[0].reason


def test_what_took_off_late_moves_nobody_elses_trend():
    new = papers_titled(*["Kernel fusion"] * 3)
    late = papers_titled(*["Old news"] * 20, start=10, first_seen_at=NOON - timedelta(days=9))
    seen = {p.row_id: votes(2, 10 + p.row_id) for p in new}
    rose = {p.row_id: votes(2, 2, 900) for p in late}
    profile = a_profile(interests=(an_interest("gpu", "kernel fusion"),))
    window = Candidates(
        papers=(*new, *late),
        observations=seen | rose,
        window_start_at=NOON - timedelta(days=1),
        window_end_at=NOON,
        late_ids=frozenset(p.row_id for p in late),
    )
    reader = Reader(subscription_id=1, profile=profile)
    (both,) = ranker({}).rank(window, [reader], now=NOON, seed=1)
    alone = choice(new, profile, observations=seen)
    trend = {pick.paper_id: pick.trend_score for pick in both.picks}
    assert alone.picks
    assert all(trend[pick.paper_id] == pick.trend_score for pick in alone.picks)


def test_exploration_is_seeded_and_never_pads_an_empty_day():
    papers = papers_titled(*FILLER, *[f"Kernel fusion {n}" for n in range(4)])
    interest = an_interest("gpu", "kernel fusion")
    profile = a_profile(interests=(interest,), exploration=0.5, max_papers=9)
    seen = {n: votes(2.0) for n in range(2, 13)} | {1: votes(300.0)}
    found = choice(papers, profile, observations=seen)
    strange = [pick for pick in found.picks if pick.section == "exploration"]
    assert [pick.paper_id for pick in strange] == [1]
    assert strange[0].reason == "Popular elsewhere: 300 upvotes"
    assert found == choice(papers, profile, observations=seen)
    assert choice(papers_titled(*FILLER), profile, observations=seen).picks == ()
