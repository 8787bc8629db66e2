"""What "more like this" and "fewer like this" do to the next edition, on the real ranker."""

import random
from datetime import timedelta

import numpy as np
import pytest
from builders import NOON, a_paper, a_profile, an_interest
from test_ranking_default import choice, ids, votes

from digest.model import Feedback, FeedbackKind
from digest.ranking import Candidates
from digest.ranking.avoided import avoided
from digest.ranking.background import unlearned
from digest.ranking.tastes import Rated
from digest.ranking.window import Window

MORE, LESS = FeedbackKind.MORE, FeedbackKind.LESS
TOPICS = {
    "robots": "robot grasping manipulation gripper dexterous hand tactile policy arm contact",
    "proteins": "protein folding structure residue amino acid sequence binding enzyme mutation",
    "galaxies": "galaxy redshift stellar halo dark matter spectroscopy quasar dust luminosity",
    "privacy": "differential privacy noise budget gradient clipping federated leakage attack",
    "speech": "speech recognition acoustic phoneme speaker transcription audio accent voice",
    "graphs": "graph neural network node edge message passing molecule embedding link community",
}
LINKS = "we study a method for the of and show that improves on results with in new"
WANTED = ("robots", "proteins", "privacy")


def a_text(chance, topic, length):
    words = TOPICS[topic].split()
    return " ".join(
        chance.choice(words if chance.random() < 0.6 else LINKS.split()) for _ in range(length)
    )


def papers_of(chance, topics, *, start=1):
    return tuple(
        a_paper(
            n,
            title=a_text(chance, topic, 8),
            abstract=a_text(chance, topic, 60),
            authors=(),
            categories=(),
        )
        for n, topic in enumerate(topics, start)
    )


class Morning:
    """A day of papers of all topics, a reader of three, and papers that they were shown before."""

    def __init__(self, seed, *, words=False, own=True):
        chance = random.Random(seed)
        self.topics = [topic for topic in TOPICS for _ in range(6)]
        chance.shuffle(self.topics)
        self.papers = papers_of(chance, self.topics)
        self.old = dict(zip(TOPICS, papers_of(chance, TOPICS, start=900), strict=True))
        liked = papers_of(chance, WANTED, start=800)
        self.known = {paper.key: paper for paper in (*liked, *self.old.values())}
        interest = an_interest(
            "mine",
            *([] if not words else ["robot grasping", "protein folding", "differential privacy"]),
            liked=() if words else tuple(paper.key for paper in liked),
        )
        self.profile = a_profile(interests=(interest,) if own else (), max_papers=10, exploration=0)

    def mark(self, kind, topic, *, interest="mine", days=1):
        at = NOON - timedelta(days=days)
        return Feedback(paper_id=self.old[topic].row_id, kind=kind, at=at, interest=interest)

    def ranked(self, *marks, **changes):
        return choice(
            self.papers, self.profile, known_papers=self.known, feedback=marks, explain=True,
            **changes,
        )  # fmt: skip

    def scores(self, *marks, **changes):
        found = self.ranked(*marks, **changes)
        told = {pick.paper_id: pick.score for pick in found.picks}
        told |= {one.paper_id: one.score for one in found.exclusions}
        return np.array([told[paper.row_id] for paper in self.papers])

    def of(self, topic):
        return np.array([one == topic for one in self.topics])

    def likeness(self, topic):
        candidates = Candidates(
            papers=self.papers, window_start_at=NOON - timedelta(days=1), window_end_at=NOON
        )
        window = Window(candidates, NOON, unlearned())
        strength = avoided(window, [Rated(self.old[topic], 1.0)]).strength[0]
        return np.array([strength[window.position_of[paper.row_id]] for paper in self.papers])


SETTINGS = [
    (seed, words, interest) for seed in range(3) for words in (False, True)
    for interest in ("mine", "", "gone")
]  # fmt: skip


@pytest.mark.parametrize(("seed", "words", "interest"), SETTINGS)
def test_less_lowers_its_neighbours_and_nothing_else(seed, words, interest):
    day = Morning(seed, words=words)
    before = day.scores()
    after = day.scores(day.mark(LESS, "proteins", interest=interest))
    assert (after <= before + 1e-6).all()
    unlike = day.likeness("proteins") == 0
    assert unlike.sum() > 10
    assert after[unlike] == pytest.approx(before[unlike], abs=1e-6)
    near = day.of("proteins")
    assert after[near].mean() < 0.6 * before[near].mean()
    further = day.scores(
        day.mark(LESS, "proteins", interest=interest), day.mark(LESS, "robots", interest=interest)
    )
    assert (further <= after + 1e-6).all()
    assert further[day.of("robots")].mean() < 0.6 * after[day.of("robots")].mean()


@pytest.mark.parametrize(("seed", "words", "interest"), SETTINGS)
def test_more_raises_its_neighbours_and_less_beside_it_lowers_others(seed, words, interest):
    day = Morning(seed, words=words)
    more = day.mark(MORE, "galaxies", interest=interest)
    less = [day.mark(LESS, topic, interest=interest) for topic in ("proteins", "privacy")]
    before, raised, both = day.scores(), day.scores(more), day.scores(more, *less)
    galaxies, robots = day.of("galaxies"), day.of("robots")
    assert raised[galaxies].mean() > before[galaxies].mean() + 0.05
    assert both[galaxies].mean() > before[galaxies].mean() + 0.05
    assert both[robots].mean() > 0.6 * before[robots].mean()
    for topic in ("proteins", "privacy"):
        assert both[day.of(topic)].mean() < 0.6 * raised[day.of(topic)].mean()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("own", [True, False])
def test_no_marks_empty_an_edition_that_had_papers(seed, own):
    day = Morning(seed, own=own)
    observations = {paper.row_id: votes(50.0 + paper.row_id) for paper in day.papers}
    assert day.ranked(observations=observations).picks
    marks = [day.mark(LESS, topic) for topic in TOPICS]
    assert day.ranked(*marks, observations=observations).picks
    more = [day.mark(MORE, "galaxies"), *(day.mark(LESS, topic) for topic in WANTED)]
    assert day.ranked(*more, observations=observations).picks


@pytest.mark.parametrize("own", [True, False])
def test_what_a_reader_wants_fewer_of_does_not_come_back_for_its_votes(own):
    day = Morning(1, own=own)
    observations = {
        paper.row_id: votes(400.0 if hot else 40.0)
        for paper, hot in zip(day.papers, day.of("speech"), strict=True)
    }
    speech = {paper.row_id for paper, hot in zip(day.papers, day.of("speech"), strict=True) if hot}
    day.profile = a_profile(
        interests=day.profile.interests, max_papers=5, trending_weight=1.0, exploration=0
    )
    # An interest of the reader's own has its best paper in any case.
    assert len(speech.intersection(ids(day.ranked(observations=observations)))) >= 4
    after = day.ranked(day.mark(LESS, "speech", interest=""), observations=observations)
    assert not set(ids(after)) & speech


def test_more_adds_to_what_a_reader_without_interests_gets():
    day = Morning(2, own=False)
    observations = {paper.row_id: votes(float(paper.row_id)) for paper in day.papers}
    before = day.scores(observations=observations)
    after = day.scores(day.mark(MORE, "graphs", interest=""), observations=observations)
    assert (after >= before - 1e-6).all()
    assert after[day.of("graphs")].min() > before[day.of("graphs")].min()


def test_more_does_not_take_from_what_a_category_is_worth():
    day = Morning(3)
    day.papers = tuple(
        a_paper(n, title=p.title, abstract=p.abstract, authors=(), categories=("q-bio.BM",))
        for n, p in enumerate(day.papers, 1)
    )
    day.profile = a_profile(interests=(an_interest("mine", categories=("q-bio.BM",)),))
    assert (day.scores(day.mark(MORE, "speech")) >= day.scores() - 1e-6).all()


def test_the_account_names_the_paper_and_what_it_took():
    day = Morning(4)
    plain = {e.paper_id: e for e in day.ranked().picks}
    found = day.ranked(day.mark(LESS, "robots"))
    told = [
        one for one in (*found.picks, *found.exclusions) if one.parts.get("fewer like", 0) > 0.1
    ]
    assert told
    for one in told:
        if one.paper_id in plain:
            left = 1 - one.parts["fewer like"]
            assert one.interest_score == pytest.approx(
                plain[one.paper_id].interest_score * left, abs=1e-3
            )
    title = day.old["robots"].title
    for pick in found.picks:
        says = f"you asked for fewer papers like {title[:20]}" in pick.reason
        assert says is (pick.parts.get("fewer like", 0) >= 0.1)


def test_an_old_mark_counts_less_and_the_latest_fifty_count():
    day = Morning(5)
    fresh, old = (day.scores(day.mark(LESS, "robots", days=days)) for days in (1, 360))
    robots = day.of("robots")
    assert fresh[robots].sum() < old[robots].sum() < day.scores()[robots].sum()
    other = [
        Feedback(paper_id=5000 + n, kind=LESS, at=NOON - timedelta(hours=n), interest="mine")
        for n in range(50)
    ]
    assert day.scores(day.mark(LESS, "robots", days=9), *other) == pytest.approx(day.scores())
