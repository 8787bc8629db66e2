from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.model import FeedbackKind
from digest.ranking.evaluation import shared_wins
from digest.ranking.interleaving import credit, drafted

MORE, LESS, SAVED = FeedbackKind.MORE, FeedbackKind.LESS, FeedbackKind.SAVED
RANKERS = ("old", "new")
MORNINGS, READERS, TRIALS = 30, 50, 1000

orders = st.lists(st.integers(0, 30), unique=True, max_size=12)
seeds = st.integers(0, 2**64 - 1)
patient = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)  # a busy machine is no fault


def flat(order):
    return ["things"] * len(order)


@patient
@given(orders, orders, seeds)
def test_a_draft_is_as_long_as_the_longer_order_and_holds_no_paper_twice(one, two, seed):
    turns = drafted((one, two), (flat(one), flat(two)), seed)
    ids = [(one, two)[turn.side][turn.place] for turn in turns]
    assert len(ids) == len(set(ids)) == max(len(one), len(two))
    assert turns == drafted((one, two), (flat(one), flat(two)), seed)
    if one and two and one[0] != two[0]:
        assert ids[0] in {one[0], two[0]}


@patient
@given(st.permutations(range(20)), st.permutations(range(20)), seeds)
def test_teams_take_turns(one, two, seed):
    sizes = [0, 0]
    for turn in drafted((one[:10], two[:10]), (flat(one[:10]), flat(two[:10])), seed):
        if turn.team >= 0:
            sizes[turn.team] += 1
        assert abs(sizes[0] - sizes[1]) <= 1


@patient
@given(orders, seeds)
def test_orders_that_agree_win_nothing(order, seed):
    turns = drafted((order, order), (flat(order), flat(order)), seed)
    assert [(turn.place, turn.team) for turn in turns] == [(n, -1) for n in range(len(order))]


@patient
@given(st.permutations(range(20)), st.permutations(range(20)), seeds)
def test_no_section_grows_beyond_what_a_ranker_gave_it(one, two, seed):
    lists = one[:8], two[:8]
    names = [[("rare", "usual")[paper > 4] for paper in order] for order in lists]
    turns = drafted(lists, (names[0], names[1]), seed)
    most = Counter(names[0]) | Counter(names[1])
    got = Counter(names[turn.side][turn.place] for turn in turns)
    assert all(got[name] <= most[name] for name in got)
    assert len(turns) == 8


def test_each_side_begins_as_often_as_the_other():
    begun = Counter(
        drafted(([1, 2], [3, 4]), (flat([1, 2]), flat([3, 4])), seed)[0].team
        for seed in np.random.default_rng(5).integers(2**63, size=2000).tolist()
    )
    assert begun[0] == pytest.approx(1000, abs=120)


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ({1: {MORE}}, -1),
        ({2: {MORE}}, 1),
        ({1: {LESS}}, 1),
        ({2: {SAVED}}, 1),
        ({1: {MORE}, 2: {MORE}}, 0),
        ({1: {MORE, SAVED}, 2: {MORE}, 4: {MORE}}, 1),
        ({3: {MORE}}, 0),
        ({99: {LESS}}, 0),
        ({}, 0),
    ],
)
def test_marks_speak_for_the_ranker_of_the_paper(marks, expected):
    assert credit({1: "old", 2: "new", 3: "", 4: "new"}, marks, RANKERS) == expected


def editions(rng, noises, count=4000):
    """What readers' marks of drafted editions say, where a ranker is the truth and noise."""
    told = []
    for seed in rng.integers(2**63, size=count).tolist():
        wanted = rng.normal(size=40)
        lists = [np.argsort(-(wanted + rng.normal(scale=n, size=40)))[:10].tolist() for n in noises]
        turns = drafted((lists[0], lists[1]), (flat(lists[0]), flat(lists[1])), seed)
        teams, marks = {}, {}
        for turn, luck in zip(turns, rng.random(len(turns)), strict=True):
            paper = lists[turn.side][turn.place]
            teams[paper] = RANKERS[turn.team] if turn.team >= 0 else ""
            if luck < 0.25:
                marks[paper] = {MORE if wanted[paper] > 0.8 else LESS}
        told.append(credit(teams, marks, RANKERS))
    return np.array(told)


def first_verdicts(told, rng):
    """For each trial: the morning of the first verdict of a daily look (or -1), and its ranker."""
    drawn = rng.choice(told, size=(TRIALS, MORNINGS, READERS))
    wins = [(drawn == side).sum(axis=2).cumsum(axis=1) for side in (-1, 1)]
    verdicts = []
    for old, new in zip(wins[0].tolist(), wins[1].tolist(), strict=True):
        found = (-1, "")
        for morning, counts in enumerate(zip(old, new, strict=True)):
            share = shared_wins(*counts)
            if not share.low <= 0.5 <= share.high:
                found = (morning, "new" if share.low > 0.5 else "old")
                break
        verdicts.append(found)
    return verdicts


def test_an_equal_ranker_is_accused_in_at_most_one_of_twenty_trials_though_looked_at_daily():
    rng = np.random.default_rng(20260414)
    verdicts = first_verdicts(editions(rng, (1.0, 1.0)), rng)
    accused = sum(morning >= 0 for morning, _ in verdicts)
    assert accused <= TRIALS // 20


def test_a_worse_ranker_is_found_within_thirty_editions_of_fifty_readers():
    rng = np.random.default_rng(20260415)
    verdicts = first_verdicts(editions(rng, (1.0, 1.6)), rng)
    assert sum(better == "old" for _, better in verdicts) >= 0.98 * TRIALS
    assert sum(better == "new" for _, better in verdicts) <= TRIALS // 20


def test_readers_who_differ_accuse_no_ranker_that_is_equal_in_the_mean():
    rng = np.random.default_rng(20260416)
    chance = np.repeat([0.2, 0.8], READERS // 2)
    told = np.where(rng.random((TRIALS, MORNINGS, READERS)) < chance, 1, -1)
    wins = (told == 1).sum(axis=2).cumsum(axis=1)
    counts = READERS * np.arange(1, MORNINGS + 1)
    accused = 0
    for row in wins.tolist():
        shares = (shared_wins(int(n) - w, w) for w, n in zip(row, counts, strict=True))
        accused += any(not s.low <= 0.5 <= s.high for s in shares)
    assert accused <= TRIALS // 20


@patient
@given(st.integers(0, 400), st.integers(0, 400))
def test_the_interval_holds_the_share_and_mirrors(first, second):
    share, other = shared_wins(first, second), shared_wins(second, first)
    assert 0 <= share.low <= share.value <= share.high <= 1
    assert share.low == pytest.approx(1 - other.high, abs=1e-6)


def test_more_wins_narrow_the_interval():
    few, many = shared_wins(6, 14), shared_wins(60, 140)
    assert few.high - few.low > many.high - many.low
    assert few.low < 0.5 < many.low
