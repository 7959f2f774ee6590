import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from clockodile.ambiguous.scores import centre_balance, doubt, rank_of, within_tolerance

DISTANCES = arrays(float, (2, 10, 3), elements=st.floats(0, 1e6))


def test_doubt_is_what_the_label_does_not_get():
    probability = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]])
    assert np.allclose(doubt(probability, np.array([0, 0, 1])), [0.1, 0.8, 0.5])


@given(DISTANCES)
def test_balance_is_a_share_and_does_not_care_who_is_first(distance):
    balance = centre_balance(distance, (0, 2))
    assert balance.shape == (10,) and (balance >= 0).all() and (balance <= 1).all()
    assert np.allclose(balance, centre_balance(distance, (2, 0)))


@given(DISTANCES, st.floats(0.01, 100))
def test_balance_does_not_care_about_scale(distance, scale):
    distance = np.round(distance, 3)  # products of subnormal numbers lose their digits
    assert np.allclose(centre_balance(distance, (0, 1)), centre_balance(distance * scale, (0, 1)), atol=1e-6)


def test_balance_at_known_places():
    distance = np.array([[[1.0, 1.0], [0.0, 5.0], [2.0, 3.0], [0.0, 0.0]]])
    assert np.allclose(centre_balance(distance, (0, 1)), [1, 0, 0.8, 1])


def test_a_wider_tolerance_lets_more_pass():
    balance = np.linspace(0, 1, 101)
    counts = [within_tolerance(balance, tolerance).sum() for tolerance in (0, 0.1, 0.2, 0.5, 1.1)]
    assert counts == sorted(counts) and counts[0] == 0 and counts[-1] == 101


@given(arrays(float, 12, elements=st.floats(0, 1)))
def test_ranks_are_a_permutation_in_order_of_the_score(score):
    rank = rank_of(score)
    assert sorted(rank) == list(range(1, 13))
    assert (np.diff(score[np.argsort(rank)]) <= 0).all()
