import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from clockodile.ambiguous.scores import (
    both,
    centroid_distance_ratio,
    decompose_entropy,
    distances_to_centres,
    entropy,
    evidence_against,
    knn_label_entropy,
    low_normalized_margin,
    low_self_confidence,
    margin,
    mutual_information,
    nearest_centroid_margin,
    rank_of,
    within_tolerance,
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
        centroid_distance_ratio(distance, (0, 1)),
        centroid_distance_ratio(distance * scale, (0, 1)),
        atol=1e-6,
    )


def test_balance_at_known_places():
    distance = np.array([[[1.0, 1.0], [0.0, 5.0], [2.0, 3.0], [0.0, 0.0]]])
    assert np.allclose(centroid_distance_ratio(distance, (0, 1)), [1, 0, 0.8, 1])


def test_a_wider_tolerance_lets_more_pass():
    balance = np.linspace(0, 1, 101)
    counts = [within_tolerance(balance, tolerance).sum() for tolerance in (0, 0.1, 0.2, 0.5, 1.1)]
    assert counts == sorted(counts) and counts[0] == 0 and counts[-1] == 101


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
        margin(probability),
        mutual_information(logits),
        low_normalized_margin(probability, labels),
    ):
        assert score.shape == (10,) and (score >= -1e-9).all() and (score <= 1 + 1e-9).all()


def test_no_idea_is_1_and_certainty_is_0():
    probability = np.array([[0.25] * 4, [1, 0, 0, 0]])
    assert np.allclose(entropy(probability), [1, 0]) and np.allclose(margin(probability), [1, 0])


@given(LOGITS)
def test_the_parts_of_the_entropy_add_up(logits):
    aleatoric, epistemic = decompose_entropy(logits)
    assert np.allclose(aleatoric + epistemic, entropy(softmax(logits).mean(0)), atol=1e-9)


def test_nets_that_agree_disagree_about_nothing_and_opposite_ones_about_everything():
    sure = np.array([[[9.0, -9.0]], [[9.0, -9.0]]])
    opposite = sure * np.array([1, -1])[:, None, None]
    assert mutual_information(sure)[0] < 1e-6 and mutual_information(opposite)[0] > 0.99


def test_label_quality_is_that_of_confident_learning_by_hand():
    probability = np.array([[0.9, 0.1], [0.7, 0.3], [0.4, 0.6], [0.2, 0.8]])
    labels = np.array([0, 0, 1, 1])
    # mean probability of the own class: 0.8 and 0.7, so class 1 gains 0.1; the first image: 0.9 against 0.2 of 1.1
    assert np.allclose(low_normalized_margin(probability, labels), [2 / 11, 4 / 11, 4 / 11, 2 / 11])


def test_nearness_to_others_is_a_half_in_the_middle_and_more_beyond():
    distance = np.array([[[1.0, 3.0], [2.0, 2.0], [3.0, 1.0], [0.0, 0.0]]])
    assert np.allclose(nearest_centroid_margin(distance, np.zeros(4, int)), [0.25, 0.5, 0.75, 0.5])
    assert np.allclose(nearest_centroid_margin(distance[..., ::-1], np.ones(4, int)), [0.25, 0.5, 0.75, 0.5])


def test_centres_are_those_of_the_other_folds():
    features = np.array([[0.0], [2.0], [10.0], [12.0], [100.0], [200.0]])
    labels, fold = np.array([0, 0, 1, 1, 0, 1]), np.array([0, 1, 0, 1, 2, 2])
    found = distances_to_centres(features, labels, fold)
    assert np.allclose(found[0, 0], [51, 106]) and np.allclose(found[0, 4], [99, 89])


def test_neighbours_of_one_class_leave_no_doubt_and_mixed_ones_do():
    angles = np.deg2rad([0, 1, 2, 3, 80, 81, 82, 83])
    features = np.stack([np.cos(angles), np.sin(angles)], 1)
    fold = np.arange(8) % 2
    pure = knn_label_entropy(features, np.array([0, 0, 0, 0, 1, 1, 1, 1]), fold, count=2)
    mixed = knn_label_entropy(features, np.array([0, 0, 1, 1, 0, 0, 1, 1]), fold, count=2)
    assert np.allclose(pure, 0) and np.allclose(mixed, 1)


def test_only_the_allowed_are_neighbours():
    angles = np.deg2rad([0, 1, 2, 30])
    features, labels = np.stack([np.cos(angles), np.sin(angles)], 1), np.array([0, 0, 1, 1])
    fold = np.array([0, 1, 1, 1])
    near = [knn_label_entropy(features, labels, fold, count=count)[0] for count in (1, 2)]
    assert near == [0, 1]
    # fold 1 is judged by its only stranger, image 0
    far = knn_label_entropy(features, labels, fold, count=2, allowed=np.array([True, False, True, True]))
    assert far[0] == 0


def test_both_is_the_weaker_evidence():
    evidence = np.array([[0.9, 0.2, 0.99], [0.5, 0.7, 0.1]])
    assert both(evidence, (0, 1)).tolist() == [0.2, 0.5] and both(evidence, (2, 0)).tolist() == [0.9, 0.1]


def test_evidence_against_a_label_is_above_a_half_when_another_class_has_more():
    evidence = np.array([[0.9, 0.1, 0.5], [0.2, 0.6, 0.6], [0.0, 0.0, 1.0]])
    assert np.allclose(evidence_against(evidence, np.array([0, 1, 0])), [0.3, 0.5, 1.0])
