import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.ranking.evaluation import DEPTH, interval, measure


def test_the_ideal_order_measures_one():
    assert measure([3, 1, 2], {3, 1}).ndcg == pytest.approx(1)
    assert measure([3, 1, 2], {3, 1}).recall == 1
    assert measure([3, 1, 2], {3, 1}).first == 1


def test_ndcg_discounts_by_the_logarithm_of_the_rank():
    assert measure([9, 9, 5], {5}).ndcg == pytest.approx(1 / math.log2(4))


def test_what_is_not_in_the_order_was_not_found():
    found = measure([1, 2, 3], {7})
    assert (found.ndcg, found.recall, found.first) == (0, 0, 4)


@given(st.permutations(range(25)), st.sets(st.integers(0, 24), min_size=1))
def test_a_relevant_paper_moved_up_never_makes_it_worse(order, relevant):
    at = max(i for i, paper in enumerate(order) if paper in relevant)
    better = [order[at], *order[:at], *order[at + 1 :]]
    assert measure(better, relevant).ndcg >= measure(order, relevant).ndcg - 1e-12
    assert 0 <= measure(order, relevant).recall <= 1
    assert measure(order, relevant).recall <= DEPTH / len(relevant)


def test_an_interval_holds_its_mean_and_is_the_same_for_a_seed():
    values = [0.1, 0.5, 0.4, 0.9, 0.3, 0.35]
    found = interval(values, seed=1)
    assert found.low < found.value < found.high
    assert found == interval(values, seed=1)
    assert interval([0.4] * 8, seed=1) == interval([0.4] * 8, seed=2)
