import numpy as np
import pytest
from scipy.special import softmax

from clockodile.classify.calibration import cross_fitted_temperature, fit_temperature, log_loss_at, log_mean_probability
from clockodile.core.errors import UserError


def boasting(temperature: float, *, count: int = 4000, classes: int = 2, seed: int = 0):
    """Logits that are `temperature` times too large for the labels drawn from them."""
    rng = np.random.default_rng(seed)
    honest = rng.normal(size=(count, classes)) * 2
    labels = (softmax(honest, axis=1).cumsum(1) < rng.random((count, 1))).sum(1).clip(max=classes - 1)
    return honest * temperature, labels


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_it_recovers_a_known_temperature(temperature, classes):
    assert fit_temperature(*boasting(temperature, classes=classes)) == pytest.approx(temperature, rel=0.1)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_never_worse_than_doing_nothing_nor_than_its_neighbours(seed):
    logits, labels = boasting(1 + seed / 2, count=60, classes=3, seed=seed)
    best = fit_temperature(logits, labels)
    for other in (1.0, best * 0.9, best * 1.1):
        assert log_loss_at(best, logits, labels) <= log_loss_at(other, logits, labels)


def test_scaling_the_logits_scales_the_temperature():
    logits, labels = boasting(1.5)
    assert fit_temperature(logits * 2, labels) == pytest.approx(2 * fit_temperature(logits, labels), rel=1e-3)


@pytest.mark.parametrize("size", [0.01, 1.0, 1000.0])
@pytest.mark.parametrize("right", [True, False])
def test_the_temperature_stays_finite_when_all_are_right_or_all_wrong(size, right):
    labels = np.arange(40) % 2
    logits = size * np.eye(2)[labels if right else 1 - labels]
    found = fit_temperature(logits, labels)
    assert 0.05 <= found <= 20 and np.isfinite(log_loss_at(found, logits, labels))
    assert found <= 1 if right else found >= 1


def test_no_decision_changes_and_rows_sum_to_one():
    logits, labels = boasting(3.0, count=300, classes=4)
    scaled = cross_fitted_temperature(logits, labels, np.arange(300) % 5)
    assert np.array_equal(scaled.argmax(1), logits.argmax(1))
    assert np.allclose(scaled.sum(1), 1) and scaled.min() >= 0


def test_out_of_fold_probabilities_of_a_boasting_net_get_better():
    logits, labels = boasting(3.0, count=500)
    scaled = cross_fitted_temperature(logits, labels, np.arange(500) % 5)
    before, after = (-np.log(table[np.arange(500), labels]).mean() for table in (softmax(logits, axis=1), scaled))
    assert after < 0.8 * before


def test_an_image_has_no_say_in_its_own_probability():
    logits, labels = boasting(3.0, count=100)
    fold = np.arange(100) % 4
    lies = np.where(fold == 2, 1 - labels, labels)
    honest, lied = (cross_fitted_temperature(logits, given, fold) for given in (labels, lies))
    assert np.array_equal(honest[fold == 2], lied[fold == 2])
    assert not np.allclose(honest[fold != 2], lied[fold != 2])


def test_log_mean_probability_are_logits_of_the_mean_probability():
    logits = np.random.default_rng(0).normal(size=(3, 7, 4)) * 5
    mean = softmax(logits, axis=2).mean(0)
    assert np.allclose(softmax(log_mean_probability(logits), axis=1), mean)
    assert np.allclose(np.exp(log_mean_probability(logits)), mean)
    assert np.isfinite(log_mean_probability(logits * 1e4)).all()


def test_one_fold_and_missing_labels_are_refused_in_words():
    logits, labels = boasting(1.0, count=10)
    with pytest.raises(UserError, match="fold"):
        cross_fitted_temperature(logits, labels, np.zeros(10))
    with pytest.raises(UserError, match="labels"):
        fit_temperature(logits, labels[:9])
