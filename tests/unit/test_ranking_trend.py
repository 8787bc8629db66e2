from datetime import timedelta

from builders import NOON, a_profile, an_interest
from test_ranking_default import FILLER, ids, papers_titled, votes

from digest.model import Term, TermMode
from digest.ranking import Candidates, Reader
from digest.ranking.trend import ranker


def picked(*interests, **changes):
    candidates = Candidates(
        papers=papers_titled(*FILLER, "Automatic kernel fusion"),
        observations={1: votes(900.0), 2: votes(90.0), 9: votes(1.0)},
        window_start_at=NOON - timedelta(days=1),
        window_end_at=NOON,
    )
    reader = Reader(subscription_id=1, profile=a_profile(interests=interests, **changes))
    return ranker({}).rank(candidates, [reader], now=NOON, seed=1)[0]


def test_what_takes_off_comes_first_whatever_the_interests():
    assert ids(picked(an_interest("gpu", "kernel fusion"))) == [1, 2]


def test_mutes_and_forbidden_terms_still_hold():
    forbid = an_interest("all", terms=(Term(text="medieval", mode=TermMode.MUST_NOT),))
    assert ids(picked(forbid)) == [1]
    assert ids(picked(mutes=("braided rivers",))) == [2]
