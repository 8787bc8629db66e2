"""A block of readers gets what each reader would get alone."""

import random
from dataclasses import replace
from datetime import timedelta

from builders import NOON, a_paper
from hypothesis import given, settings
from hypothesis import strategies as some

from digest.model import Author, Interest, Observation, Picks, Profile, Term, TermMode
from digest.ranking import Candidates, Reader
from digest.ranking.background import unlearned
from digest.ranking.default import DefaultRanker, ranker, standing
from digest.ranking.picking import Seat, chosen, pick_all
from digest.ranking.tastes import Known, taste_of
from digest.ranking.window import Window

WORDS = (
    "graph", "kernel", "token", "protein", "robot", "quantum", "causal", "speech", "memory",
    "policy", "tensor", "latent",
)  # fmt: skip
PEOPLE = ("Ada Zhang", "Bo Silva", "Eve Kim", "Dan Ito", "Una Roy", "Kai Lund", "Ida Bell")


def some_candidates(chance):
    """Papers of few words and few people, some older, some twice, some that took off late."""

    def paper(number):
        title = " ".join(chance.choices(WORDS, k=chance.choice([3, 16])))
        authors = tuple(Author(name=name) for name in chance.sample(PEOPLE, chance.choice([1, 3])))
        hours = chance.choice([3, 30, 50])
        return a_paper(
            number, title=title, abstract="", authors=authors,
            first_seen_at=NOON - timedelta(hours=hours), withdrawn=chance.random() < 0.05,
        )  # fmt: skip

    papers = [paper(number) for number in range(1, 80)]
    papers += [
        replace(papers[n], row_id=100 + n, key=f"arxiv:2605.{n:05}") for n in range(0, 40, 9)
    ]
    papers += [paper(number) for number in range(200, 206)]
    votes = {
        paper.row_id: (
            Observation(kind="hf_upvotes", observed_at=NOON, value=chance.random() * 90),
        )
        for paper in papers
        if chance.random() < 0.5
    }
    return Candidates(
        papers=tuple(papers),
        observations=votes,
        late_ids=frozenset(range(200, 206)),
        window_start_at=NOON - timedelta(days=2),
        window_end_at=NOON,
    )


def some_reader(chance, number):
    def interest(place):
        modes = [TermMode.SHOULD] * 6 + [TermMode.MUST, TermMode.MUST_NOT]
        terms = [Term(text=w, mode=chance.choice(modes)) for w in chance.sample(WORDS, 3)]
        followed = (chance.choice(PEOPLE),) if chance.random() < 0.3 else ()
        quota = chance.choice([None] * 5 + [1, 3])
        return Interest(name=f"i{place}", terms=tuple(terms), authors=followed, quota=quota)

    profile = Profile(
        name="p",
        interests=tuple(interest(place) for place in range(chance.choice([0, 1, 1, 1, 2, 3]))),
        max_papers=chance.choice([0, 1, 2, 5, 10, 30]),
        min_score=chance.choice([0.0, 0.15, 0.3, 0.6]),
        exploration=chance.choice([0.0, 0.1, 0.5]),
        trending_weight=chance.choice([0.0, 0.3, 1.0]),
    )
    shown = frozenset(chance.sample(range(1, 80), chance.choice([0, 0, 30])))
    since = chance.choice([None, NOON - timedelta(hours=24), NOON - timedelta(hours=40)])
    return Reader(subscription_id=number, profile=profile, shown=shown, seen_since=since)


def seated(reader):
    tastes = (taste_of(one, (), Known({}), NOON) for one in reader.profile.interests)
    return Seat(reader, tuple(tastes))


@settings(max_examples=25, deadline=None)
@given(seed=some.integers(0, 10**6))
def test_a_block_picks_what_the_rules_pick_for_each_reader(seed):
    chance = random.Random(seed)
    window = Window(some_candidates(chance), NOON, unlearned())
    _, stands = standing(window, [seated(some_reader(chance, n)) for n in range(40)], 7)
    for number, picked in enumerate(pick_all(stands)):
        alone = chosen(stands, number)
        assert tuple(picked.positions) == alone.positions
        assert frozenset(picked.explored) == alone.explored


def test_columns_of_picks_are_the_picks():
    chance = random.Random(1)
    readers = [some_reader(chance, n) for n in range(12)]
    choices = ranker({}).rank(some_candidates(chance), readers, now=NOON, seed=7)
    assert any(len(choice.picks) > 3 for choice in choices)
    for choice in choices:
        assert Picks.of(tuple(choice.picks)) == choice.picks
        assert Picks.of(tuple(choice.picks)).columns._asdict() == choice.picks.columns._asdict()
        assert not {pick.paper_id for pick in choice.picks} & set(choice.other_ids)
        assert len(choice.other_ids) == len(tuple(choice.other_ids))


class Counting(DefaultRanker):
    """Counts the windows that it prepares."""

    def __init__(self):
        super().__init__()
        self.prepared = 0

    def meanings(self, candidates, background):
        self.prepared += 1
        return super().meanings(candidates, background)


def test_windows_that_take_turns_are_prepared_once():
    chance = random.Random(1)
    windows = [some_candidates(chance) for _ in range(3)]
    counting, reader = Counting(), some_reader(chance, 1)
    for candidates in (*windows, *windows):
        counting.rank(candidates, [reader], now=NOON, seed=7)
    assert counting.prepared == 3
