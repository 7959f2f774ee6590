import numpy as np
import pytest
from scipy.special import softmax

from clockodile.classify.metrics import expected_calibration_error, reliability_bins

pytestmark = pytest.mark.filterwarnings("error")
LABELS = np.array([0, 0, 0, 1, 1])
SECOND = np.array([0.1, 0.4, 0.7, 0.6, 0.9])  # one first is taken for a second
TWO = np.stack([1 - SECOND, SECOND], 1)


def honest(count: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random probabilities, and labels drawn from exactly these: perfectly calibrated."""
    rng = np.random.default_rng(seed)
    probability = softmax(rng.normal(size=(count, classes)) * 2, axis=1)
    labels = (probability.cumsum(1) < rng.random((count, 1))).sum(1).clip(max=classes - 1)
    return labels, probability


@pytest.mark.parametrize("classes", [2, 3, 6])
def test_perfect_predictions_and_knowing_nothing_are_calibrated(classes):
    labels = np.arange(60) % classes
    for probability in (np.eye(classes)[labels], np.full((60, classes), 1 / classes)):
        assert expected_calibration_error(labels, probability) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("classes", [2, 4])
def test_the_order_of_images_does_not_matter(classes):
    labels, probability = honest(200, classes)
    probability = probability.round(1) + 1e-3  # many equal confidences
    probability /= probability.sum(1, keepdims=True)
    order = np.random.default_rng(1).permutation(200)
    expected = expected_calibration_error(labels, probability)
    assert expected_calibration_error(labels[order], probability[order]) == pytest.approx(expected)


def test_renaming_three_classes_changes_nothing():
    labels, probability = honest(200, 3)
    new_name = np.array([2, 0, 1])
    renamed = expected_calibration_error(new_name[labels], probability[:, new_name.argsort()])
    assert renamed == pytest.approx(expected_calibration_error(labels, probability))


def test_calibration_error_of_honest_and_of_boasting_probabilities():
    labels, probability = honest(20_000, 2)
    assert expected_calibration_error(labels, probability) < 0.015
    sure = np.tile([0.1, 0.9], (1000, 1))
    right_in_60_percent = (np.arange(1000) % 10 < 6).astype(int)
    assert expected_calibration_error(right_in_60_percent, sure) == pytest.approx(0.3)


def test_bins_hold_about_equally_many_images_and_all_of_them():
    labels, probability = honest(203, 3)
    bins = reliability_bins(labels, probability, bins=10)
    assert list(bins.columns) == ["confidence", "accuracy", "count", "low", "high"] and len(bins) == 10
    assert bins["count"].sum() == 203 and bins["count"].between(20, 21).all()
    assert bins["confidence"].is_monotonic_increasing
    assert np.average(bins["accuracy"], weights=bins["count"]) == pytest.approx(
        (probability.argmax(1) == labels).mean()
    )
    assert ((bins["low"] <= bins["accuracy"]) & (bins["accuracy"] <= bins["high"])).all()


def test_equal_confidences_share_a_bin():
    bins = reliability_bins(np.array([0, 1] * 10), np.tile([0.3, 0.7], (20, 1)))
    assert bins["count"].tolist() == [20] and bins["accuracy"].tolist() == [0.5]


def test_fewer_images_than_bins():
    assert reliability_bins(LABELS, TWO, bins=10)["count"].sum() == 5
