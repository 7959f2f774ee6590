import warnings

import numpy as np
import pytest
from scipy.special import softmax

from clockodile.classify.metrics import classification_metrics, expected_calibration_error, reliability_bins
from clockodile.core.errors import UserError

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


def test_the_values_of_five_images_by_hand():
    found = classification_metrics(LABELS, TWO)
    assert found["accuracy"] == 0.8
    assert found["precision"] == pytest.approx(2 / 3) and found["recall"] == 1
    assert found["auroc"] == pytest.approx(5 / 6)  # of six pairs one is the wrong way round
    assert found["log_loss"] == pytest.approx(-np.log([0.9, 0.6, 0.3, 0.6, 0.9]).mean())
    assert found["brier"] == pytest.approx(np.mean([0.01, 0.16, 0.49, 0.16, 0.01]))


@pytest.mark.parametrize("classes", [2, 3, 6])
def test_perfect_predictions(classes):
    labels = np.arange(60) % classes
    found = classification_metrics(labels, np.eye(classes)[labels])
    best = {"accuracy": 1, "precision": 1, "recall": 1, "auroc": 1, "log_loss": 0, "ece": 0, "brier": 0}
    assert found == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("classes", [2, 3, 6])
def test_knowing_nothing(classes):
    labels = np.arange(60) % classes
    found = classification_metrics(labels, np.full((60, classes), 1 / classes))
    assert found["auroc"] == 0.5 and found["log_loss"] == pytest.approx(np.log(classes))
    assert found["ece"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("classes", [2, 4])
def test_the_order_of_images_does_not_matter(classes):
    labels, probability = honest(200, classes)
    probability = probability.round(1) + 1e-3  # many equal confidences
    probability /= probability.sum(1, keepdims=True)
    order = np.random.default_rng(1).permutation(200)
    expected = classification_metrics(labels, probability)
    assert classification_metrics(labels[order], probability[order]) == pytest.approx(expected)


def test_renaming_three_classes_changes_nothing():
    labels, probability = honest(200, 3)
    new_name = np.array([2, 0, 1])
    renamed = classification_metrics(new_name[labels], probability[:, new_name.argsort()])
    assert renamed == pytest.approx(classification_metrics(labels, probability))


def test_a_sure_error_costs_much_but_never_infinitely_much():
    found = classification_metrics(np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]]))
    assert 10 < found["log_loss"] < 100


def test_a_class_without_images_leaves_only_the_curve_undefined():
    found = classification_metrics(
        np.array([0, 1, 1]), np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0, 1, 0]])
    )
    assert np.isnan(found.pop("auroc")) and np.isfinite(list(found.values())).all()


def test_probabilities_of_float32_are_taken_without_a_warning():
    labels, probability = honest(100, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = classification_metrics(labels, probability.astype(np.float32))
    assert found == pytest.approx(classification_metrics(labels, probability), abs=1e-5)


@pytest.mark.parametrize(
    ("labels", "probability", "says"),
    [
        ([0, 1], [[3.0, -1.0], [0.0, 2.0]], "softmax"),
        ([0, 1], [[0.2, 0.2], [0.5, 0.5]], "softmax"),
        ([0, 1], [[np.nan, 0.5], [0.5, 0.5]], "softmax"),
        ([0, 2], [[0.5, 0.5], [0.5, 0.5]], "labels"),
        ([0], [[0.5, 0.5], [0.5, 0.5]], "shape"),
        ([0, 1], [0.5, 0.5], "shape"),
        ([], np.empty((0, 2)), "empty"),
    ],
)
def test_what_is_no_prediction_is_refused_in_words(labels, probability, says):
    with pytest.raises(UserError, match=says):
        classification_metrics(np.array(labels, int), np.array(probability))


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
