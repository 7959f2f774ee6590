import numpy as np
import pytest

from clockodile.classify.baselines import baseline_accuracies, direction_free_auc, image_statistics


def test_statistics_of_plain_pictures():
    images = np.zeros((2, 32, 32, 3), np.uint8)
    images[1, ..., 0] = 255
    table = image_statistics(images)
    assert table.loc[0].eq(0).all()
    assert table.loc[1, ["red", "green", "saturation", "contrast", "edges"]].tolist() == [1, 0, 1, 0, 0]


def test_statistics_stay_in_their_range(data):
    table = image_statistics(data.images)
    assert len(table) == 120 and table.min(axis=None) >= 0 and table.max(axis=None) <= 1


def test_the_border_is_only_the_border():
    images = np.zeros((1, 32, 32, 3), np.uint8)
    images[:, 4:-4, 4:-4] = 255
    assert image_statistics(images)["border"][0] == 0


@pytest.mark.parametrize(("values", "area"), [([0, 1, 2, 3], 1.0), ([3, 2, 1, 0], 1.0), ([1, 1, 1, 1], 0.5)])
def test_separation(values, area):
    assert direction_free_auc(np.array(values), np.array([0, 0, 1, 1])) == area


def test_the_nearest_neighbour_repeats_the_label_of_a_copy():
    rng = np.random.default_rng(0)
    images = np.repeat(rng.integers(0, 256, (50, 8, 8, 3)).astype(np.uint8), 2, axis=0)
    labels, fold = np.repeat(rng.integers(0, 2, 50), 2), np.arange(100) % 2
    found = baseline_accuracies(images, labels, fold).groupby("model")["accuracy"].mean()
    assert found["nearest neighbour in pixels"] == 1


def test_baselines_know_colour_and_nothing_else():
    rng = np.random.default_rng(0)
    labels, fold = np.repeat([0, 1], 50), np.arange(100) % 5
    images = rng.integers(0, 100, (100, 8, 8, 3)).astype(np.uint8)
    same = baseline_accuracies(images, labels, fold).groupby("model")["accuracy"].mean()
    images[labels == 1, ..., 2] += 100
    told = baseline_accuracies(images, labels, fold).groupby("model")["accuracy"].mean()
    assert told["mean colour + logistic regression"] == 1 and told["majority class"] == 0.5
    assert same["mean colour + logistic regression"] < 0.7
