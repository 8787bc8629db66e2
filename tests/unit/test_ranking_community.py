"""What similar readers liked: helps those with few likes, and never tells of anybody."""

import numpy as np
import pytest
from builders import NOON, a_profile, an_interest
from hypothesis import given
from hypothesis import strategies as st
from test_ranking_default import FILLER, papers_titled

from digest.model import Feedback, FeedbackKind
from digest.ranking import Candidates, Reader
from digest.ranking.community import MOST_OF_READER, Community, liked_together
from digest.ranking.default import ranker

OLD = papers_titled("Tree rings of the north", "Tides and the moon", "Fur seals at rest", start=900)
RINGS, TIDES, SEALS = (paper.row_id for paper in OLD)
NEW = papers_titled(*FILLER, "Moons and tides of giant planets")


def learnt(likes, *, fewest=3, papers=(*OLD, *NEW)):
    together = liked_together(likes, fewest=fewest)
    if together is None:
        return None
    by_id = {paper.row_id: paper for paper in papers}
    return Community(papers=tuple(by_id[n] for n in together.paper_ids), alike=together.alike)


def both(first, second, *readers):
    return [(reader, paper) for reader in readers for paper in (first, second)]


def choice(community, *, takes_part=True, feedback=(), explain=False):
    candidates = Candidates(
        papers=NEW, window_start_at=NOON, window_end_at=NOON, community=community
    )
    interest = an_interest("wood", liked=(OLD[0].key,))
    profile = a_profile(interests=(interest,), community=takes_part, exploration=0)
    reader = Reader(
        subscription_id=1, profile=profile, feedback=feedback,
        known_papers={paper.key: paper for paper in (*OLD, *NEW)},
    )  # fmt: skip
    return ranker({}).rank(candidates, [reader], now=NOON, seed=1, explain=explain)[0]


def shares(found):
    told = {e.paper_id: e.parts for e in found.exclusions} | {
        p.paper_id: p.parts for p in found.picks
    }
    return {row_id: parts["community"] for row_id, parts in told.items() if "community" in parts}


def test_what_enough_similar_readers_liked_comes_and_says_so():
    found = choice(learnt(both(RINGS, 3, 11, 12, 13)))
    pick = next(p for p in found.picks if p.paper_id == 3)
    assert pick.parts["community"] > 0.2
    assert "iked by readers with similar likes" in pick.reason


def test_a_new_paper_near_to_what_they_liked_comes_too():
    found = choice(learnt(both(RINGS, TIDES, 11, 12, 13)))
    assert [p.paper_id for p in found.picks][:1] == [9]
    assert "lose to what readers with similar likes liked" in found.picks[0].reason
    assert 9 not in [p.paper_id for p in choice(None).picks]


@pytest.mark.parametrize("readers", [(11,), (11, 12), (11, 11, 11, 12, 12)])
def test_too_few_readers_change_nothing_at_all(readers):
    assert learnt(both(RINGS, 3, *readers)) is None
    assert choice(learnt(both(RINGS, 3, *readers)), explain=True) == choice(None, explain=True)


def test_a_single_reader_never_shows_among_the_likes_of_many():
    crowd = both(RINGS, TIDES, 11, 12, 13, 14)
    seen = choice(learnt(crowd), explain=True)
    alone = choice(learnt([*crowd, (14, 5), (15, RINGS), (15, 5), (15, SEALS)]), explain=True)
    assert shares(alone).keys() == shares(seen).keys()
    assert "liked by readers" not in " ".join(p.reason for p in alone.picks if p.paper_id == 5)


def test_a_readers_own_likes_never_complete_the_number():
    me = 11  # two others only: with the reader's own likes they would be three
    likes = both(RINGS, TIDES, me, 12, 13)
    said = (Feedback(paper_id=TIDES, kind=FeedbackKind.MORE, at=NOON, interest="sea"),)
    borrowed = learnt(likes).borrowed([OLD[0].key], [OLD[0].key, OLD[1].key])
    assert borrowed == ()
    assert shares(choice(learnt(likes), feedback=said, explain=True)) == {}


def test_who_takes_no_part_gets_nothing_from_it():
    community = learnt(both(RINGS, 3, 11, 12, 13))
    assert choice(community, takes_part=False, explain=True) == choice(
        None, takes_part=False, explain=True
    )


def test_what_a_reader_disliked_is_not_borrowed():
    said = (Feedback(paper_id=3, kind=FeedbackKind.LESS, at=NOON, interest=""),)
    found = choice(learnt(both(RINGS, 3, 11, 12, 13)), feedback=said, explain=True)
    assert shares(found).get(3, 0) < 0.1


def test_however_many_agree_it_stays_one_part_of_the_score():
    crowd = both(RINGS, 3, *range(10, 2000))
    found = choice(learnt(crowd), explain=True)
    assert max(shares(found).values()) <= 0.5


def test_nobody_floods_the_others():
    flood = [(7, paper) for paper in range(1000, 1000 + 3 * MOST_OF_READER)]
    likes = [(reader, paper) for reader in (7, 8, 9) for _, paper in flood]
    together = liked_together(likes, fewest=3)
    assert together.paper_ids == tuple(p for _, p in flood[-MOST_OF_READER:])


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 8)), max_size=60), st.integers(2, 4))
def test_every_pair_that_counts_was_liked_by_enough_readers(likes, fewest):
    together = liked_together(likes, fewest=fewest)
    held = {paper: {r for r, p in likes if p == paper} for paper in range(1, 9)}
    pairs = {
        (a, b): len(held[a] & held[b]) / np.sqrt(len(held[a]) * len(held[b]))
        for a in held for b in held if a != b and len(held[a] & held[b]) >= fewest
    }  # fmt: skip
    if together is None:
        assert pairs == {}
        return
    table = together.alike.tocoo()
    ids = together.paper_ids
    found = {(ids[a], ids[b]): value for a, b, value in zip(*table.coords, table.data, strict=True)}
    assert found == pytest.approx(pairs)
