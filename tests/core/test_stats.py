import numpy as np
import pytest
from scipy import stats

from clockodile.core.errors import UserError
from clockodile.core.stats import paired_comparison, summary, wilson_interval

pytestmark = pytest.mark.filterwarnings("error")
FIRST = np.array([[0.91, 0.94, 0.90, 0.95, 0.93], [0.92, 0.93, 0.91, 0.97, 0.92]])
SECOND = np.array([[0.88, 0.93, 0.89, 0.91, 0.92], [0.89, 0.91, 0.90, 0.93, 0.90]])


def repeated_cross_validation(rng, *, images=200, folds=5, seeds=3) -> np.ndarray:
    """Accuracies (seeds, folds) of a noisy nearest-centre classifier on a fresh draw of images of two classes."""
    labels = np.repeat([0, 1], images // 2)
    points = rng.normal(size=(images, 6)) + np.where(labels[:, None] == 1, 0.4, -0.4)
    fold, scores = rng.permutation(images) % folds, np.empty((seeds, folds))
    for seed in range(seeds):
        for number in range(folds):
            known = fold != number
            direction = points[known & (labels == 1)].mean(0) - points[known & (labels == 0)].mean(0)
            direction += rng.normal(size=6) * 0.2
            scores[seed, number] = ((points[~known] @ direction > 0) == labels[~known]).mean()
    return scores


def test_mean_spread_and_interval():
    found = summary(FIRST)
    assert found["mean"] == pytest.approx(FIRST.mean()) and found["std"] == pytest.approx(FIRST.std(ddof=1))
    assert found["low"] < found["mean"] < found["high"] and found["count"] == 10


def test_the_interval_is_wider_than_students_by_the_published_factor():
    found, means = summary(FIRST), FIRST.mean(0)
    plain = stats.t.interval(0.95, 4, means.mean(), stats.sem(means))
    # 1/5 + 1/4 in place of 1/5
    assert found["high"] - found["low"] == pytest.approx((plain[1] - plain[0]) * 1.5)


def test_repeating_the_same_scores_adds_no_knowledge():
    once, often = summary(FIRST), summary(np.tile(FIRST, (50, 1)))
    assert often["low"] == pytest.approx(once["low"]) and often["high"] == pytest.approx(once["high"])


def test_equal_scores_have_an_interval_without_width():
    found = summary(np.full((2, 5), 0.9))
    assert (found["low"], found["mean"], found["high"]) == pytest.approx((0.9, 0.9, 0.9)) and found["std"] < 1e-12


def test_the_interval_covers_the_expected_score_and_the_naive_one_does_not():
    rng = np.random.default_rng(0)
    runs = np.array([repeated_cross_validation(rng) for _ in range(300)])
    truth = runs.mean()
    covered = [found["low"] <= truth <= found["high"] for found in map(summary, runs)]
    naive = [abs(run.mean() - truth) < stats.t.ppf(0.975, 14) * stats.sem(run, axis=None) for run in runs]
    assert np.mean(covered) >= 0.95 > 0.9 > np.mean(naive)


def test_the_paired_difference_and_its_interval():
    found = paired_comparison(FIRST, SECOND)
    plain = stats.ttest_rel(FIRST.mean(0), SECOND.mean(0)).confidence_interval()
    assert found["difference"] == pytest.approx((FIRST - SECOND).mean())
    assert found["high"] - found["low"] == pytest.approx((plain.high - plain.low) * 1.5)


def test_swapping_flips_the_sign_alone():
    one, other = paired_comparison(FIRST, SECOND), paired_comparison(SECOND, FIRST)
    assert one["difference"] == -other["difference"]
    assert (one["low"], one["high"]) == pytest.approx((-other["high"], -other["low"]))


def test_identical_scores_are_no_difference():
    found = paired_comparison(FIRST, FIRST)
    assert found == {"difference": 0, "low": 0, "high": 0}


def test_the_same_gap_everywhere_is_a_sure_difference():
    assert paired_comparison(FIRST, FIRST - 0.02)["low"] == pytest.approx(0.02)


def test_equal_classifiers_are_seldom_called_different():
    rng = np.random.default_rng(1)
    runs = [repeated_cross_validation(rng) for _ in range(300)]
    found = [paired_comparison(*pair) for pair in zip(runs[::2], runs[1::2], strict=True)]
    assert np.mean([gap["low"] > 0 or gap["high"] < 0 for gap in found]) <= 0.07


def test_wilson_known_values():
    assert wilson_interval(0.5, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    low, high = wilson_interval(1.0, 100)
    assert high == pytest.approx(1) and low == pytest.approx(0.9630, abs=1e-4)
    assert wilson_interval(0.0, 0) == (0, 1)


def test_wilson_is_symmetric_and_narrows_with_images():
    low, high = wilson_interval(3 / 40, 40)
    assert wilson_interval(37 / 40, 40) == pytest.approx((1 - high, 1 - low))
    assert np.ptp(wilson_interval(300 / 4000, 4000)) < np.ptp((low, high))


@pytest.mark.parametrize(("right", "count"), [(0, 20), (20, 20), (37, 50), (880, 1000)])
def test_intervals_are_those_of_scipy(right, count):
    expected = stats.binomtest(right, count).proportion_ci(0.95, method="wilson")
    assert wilson_interval(right / count, count) == pytest.approx(tuple(expected), abs=1e-4)


@pytest.mark.parametrize("values", [np.ones(5), np.ones((3, 1)), np.ones((0, 5))])
def test_scores_of_another_shape_are_refused_in_words(values):
    with pytest.raises(UserError, match="fold"):
        summary(values)


def test_different_folds_cannot_be_paired():
    with pytest.raises(UserError, match="same folds"):
        paired_comparison(FIRST, SECOND[:, :4])


def test_folds_that_score_alike_do_not_make_it_certain():
    """Forty-one of forty-one: a true share of 92 % would do that in one of thirty collections."""
    found = summary(np.ones((1, 5)), images=41)
    assert found["mean"] == found["high"] == 1 and 0.9 < found["low"] < 0.93 and found["std"] == 0
    assert summary(np.ones((1, 5)))["low"] == 1, "of what are no shares of images nothing else is known"
    uneven = np.array([[0.9, 1.0]])
    assert summary(uneven, images=41) == summary(uneven)
