import numpy as np
import pytest

from clockodile.ambiguous.label_errors import (
    exchange_labels,
    planted_errors,
    probe_out_of_fold,
    shapeless_pictures,
)
from clockodile.ambiguous.score_table import OutOfFold


@pytest.fixture
def features():
    """Two classes that a line tells apart: float32 (200, 4), labels, folds."""
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    rows = rng.normal(size=(200, 4)) + 4 * labels[:, None] * np.array([1, 0, 0, 0])
    return rows.astype(np.float32), labels, np.arange(200) // 2 % 5


def test_pictures_of_nothing():
    found = shapeless_pictures(16, count=7, seed=0)
    assert set(found) == {"noise", "plain colours", "stripes"}
    assert all(images.shape == (7, 16, 16, 3) and images.dtype == np.uint8 for images in found.values())
    assert (found["plain colours"].std((1, 2)) == 0).all()
    assert all(len(np.unique(picture.reshape(-1, 3), axis=0)) <= 2 for picture in found["stripes"])


@pytest.mark.parametrize("classes", [2, 3])
def test_exchanged_labels_are_other_labels(classes):
    labels = np.arange(120) % classes
    spoiled, chosen = exchange_labels(labels, 0.1, seed=0)
    assert chosen.sum() == 12 and np.array_equal(spoiled != labels, chosen)
    assert spoiled.min() >= 0 and spoiled.max() < classes


def test_probes_judge_what_they_have_not_seen(features):
    rows, labels, fold = features
    noise = np.random.default_rng(1).integers(0, 2, len(labels))
    assert (probe_out_of_fold(rows, labels, fold).argmax(1) == labels).mean() > 0.9
    assert abs((probe_out_of_fold(rows, noise, fold).argmax(1) == noise).mean() - 0.5) < 0.15


@pytest.fixture
def known(features):
    rows, labels, fold = features
    none = np.zeros((1, len(labels), 2))
    codes = np.random.default_rng(1).normal(size=(2, len(labels), 3))
    return OutOfFold(labels, fold, none, none, none, codes, rows, none[0], (0, 1))


def test_planted_errors_are_found_by_scores_that_look_at_labels(known):
    found = planted_errors(
        known, share=0.05, seed=0, plantings=2, evidence=lambda spoiled: np.eye(2)[spoiled]
    )
    assert found["label quality"][0] > 0.8 and found["misclassified"][0] > 0.8
    assert found["entropy"][0] < 0.5


def test_the_judge_is_asked_as_well(known):
    """One that knows the truth finds every exchanged label by its evidence against it; what ignores labels none."""
    asked, labels = [], known.labels

    def evidence(spoiled):
        asked.append(spoiled)
        return np.eye(2)[labels] * 0.9 + 0.05 + known.features[:, :2] / 1e3

    found = planted_errors(known, share=0.05, seed=0, plantings=2, evidence=evidence)
    assert found["more evidence for another class"] == (1.0, 0.0)
    assert found["evidence for both (headline)"][0] < 0.2
    assert all(0 < (spoiled != labels).sum() <= 10 for spoiled in asked) and len(asked) == 2
