import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from clockodile.ambiguous.scores import (
    TOP,
    both,
    centroid_distance_ratio,
    entropy,
    low_normalized_margin,
    low_self_confidence,
    overlap,
    rank_of,
    top,
)

DISTANCES = arrays(float, (2, 10, 3), elements=st.floats(0, 1e6))


def test_doubt_is_what_the_label_does_not_get():
    probability = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]])
    assert np.allclose(low_self_confidence(probability, np.array([0, 0, 1])), [0.1, 0.8, 0.5])


@given(DISTANCES)
def test_balance_is_a_share_and_does_not_care_who_is_first(distance):
    balance = centroid_distance_ratio(distance, (0, 2))
    assert balance.shape == (10,) and (balance >= 0).all() and (balance <= 1).all()
    assert np.allclose(balance, centroid_distance_ratio(distance, (2, 0)))


@given(DISTANCES, st.floats(0.01, 100))
def test_balance_does_not_care_about_scale(distance, scale):
    distance = np.round(distance, 3)  # products of subnormal numbers lose their digits
    assert np.allclose(
        centroid_distance_ratio(distance, (0, 1)), centroid_distance_ratio(distance * scale, (0, 1)), atol=1e-6
    )


def test_balance_at_known_places():
    distance = np.array([[[1.0, 1.0], [0.0, 5.0], [2.0, 3.0], [0.0, 0.0]]])
    assert np.allclose(centroid_distance_ratio(distance, (0, 1)), [1, 0, 0.8, 1])


@given(arrays(float, 12, elements=st.floats(0, 1)))
def test_ranks_are_a_permutation_in_order_of_the_score(score):
    rank = rank_of(score)
    assert sorted(rank) == list(range(1, 13))
    assert (np.diff(score[np.argsort(rank)]) <= 0).all()


LOGITS = arrays(float, (3, 10, 4), elements=st.floats(-30, 30))


def softmax(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


@given(LOGITS)
def test_every_score_of_probabilities_lies_between_0_and_1(logits):
    probability, labels = softmax(logits).mean(0), np.arange(10) % 4
    for score in (
        low_self_confidence(probability, labels),
        entropy(probability),
        low_normalized_margin(probability, labels),
    ):
        assert score.shape == (10,) and (score >= -1e-9).all() and (score <= 1 + 1e-9).all()


def test_no_idea_is_1_and_certainty_is_0():
    probability = np.array([[0.25] * 4, [1, 0, 0, 0]])
    assert np.allclose(entropy(probability), [1, 0])


def test_label_quality_is_that_of_confident_learning_by_hand():
    probability = np.array([[0.9, 0.1], [0.7, 0.3], [0.4, 0.6], [0.2, 0.8]])
    labels = np.array([0, 0, 1, 1])
    # mean probability of the own class: 0.8 and 0.7, so class 1 gains 0.1; the first image: 0.9 against 0.2 of 1.1
    assert np.allclose(low_normalized_margin(probability, labels), [2 / 11, 4 / 11, 4 / 11, 2 / 11])


def test_both_is_the_weaker_evidence():
    evidence = np.array([[0.9, 0.2, 0.99], [0.5, 0.7, 0.1]])
    assert both(evidence, (0, 1)).tolist() == [0.2, 0.5] and both(evidence, (2, 0)).tolist() == [0.9, 0.1]


RANKED = arrays(float, 40, elements=st.floats(0, 1))


@given(RANKED, RANKED)
def test_overlap_is_symmetric_a_share_and_1_with_itself(first, second):
    shared = overlap(first, second)
    assert shared == overlap(second, first) and 0 <= shared <= 1
    assert overlap(first, first) == 1


def test_random_rankings_share_what_chance_gives():
    rng = np.random.default_rng(0)
    shared = [overlap(*rng.random((2, 200))) for _ in range(300)]
    assert abs(np.mean(shared) - TOP / 200) < 0.02


def test_ties_keep_their_order():
    assert top(np.array([0.5, 1, 0.5, 1]), 3).tolist() == [1, 3, 0]
