import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from clockodile.ambiguous.stability import agreement, halves_of_nets, overlap, overlap_interval, top

SCORES = arrays(float, 40, elements=st.floats(0, 1))


@given(SCORES)
def test_a_ranking_agrees_with_itself(score):
    assert overlap(score, score, count=10) == 1


@given(SCORES, SCORES)
def test_overlap_is_symmetric_and_a_share(first, second):
    shared = overlap(first, second, count=10)
    assert shared == overlap(second, first, count=10) and 0 <= shared <= 1


def test_random_rankings_share_what_chance_gives():
    rng = np.random.default_rng(0)
    shared = [overlap(*rng.random((2, 200)), count=20) for _ in range(300)]
    assert np.mean(shared) == pytest.approx(20 / 200, abs=0.02)


def test_agreement_of_opposite_and_of_constant_scores():
    score = np.arange(50.0)
    assert agreement(score, -score, count=10) == {"overlap": 0, "correlation": pytest.approx(-1)}
    assert np.isnan(list(agreement(score, np.ones(50)).values())).all()


def test_the_interval_holds_the_overlap_and_is_1_for_the_same():
    rng = np.random.default_rng(0)
    truth = rng.random(300)
    first, second = (truth + 0.1 * rng.random(300) for _ in range(2))
    low, high = overlap_interval(first, second, draws=100)
    assert low < overlap(first, second) < high
    assert overlap_interval(truth, truth, draws=20) == (1, 1)


def test_ties_keep_their_order():
    assert top(np.array([0.5, 1, 0.5, 1]), 3).tolist() == [1, 3, 0]


@pytest.mark.parametrize(("nets", "ways"), [(2, 1), (3, 3), (4, 3), (10, 10)])
def test_halves_share_no_net_and_no_way_comes_twice(nets, ways):
    asked = []
    pairs = halves_of_nets(lambda chosen: asked.append(chosen) or np.zeros(1), nets)
    assert len(pairs) == ways and len(asked) == 2 * ways
    halves = list(zip(asked[::2], asked[1::2], strict=True))
    assert all(len(one) == len(other) == nets // 2 and not set(one) & set(other) for one, other in halves)
    assert len({frozenset((tuple(one), tuple(other))) for one, other in halves}) == ways
