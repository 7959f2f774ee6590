"""The drawn stand-in: contract, determinism, variety, and that it is neither trivial nor hopeless."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from skimage.feature import hog
from sklearn.linear_model import LogisticRegression

from clockodile.core.errors import UserError
from clockodile.data.stand_in import SUBJECTS, draw, stand_in_collection


@pytest.fixture(scope="module")
def small():
    return stand_in_collection(seed=3, per_class=6, others=3)


@pytest.fixture(scope="module")
def classes():
    """120 pictures of each class in random order, and their labels."""
    images = np.stack([draw(name, (7, i)) for i in range(120) for name in ("clock", "crocodile")])
    return images / 255, np.tile([0, 1], 120)


def test_rows_are_ordered_labelled_and_named(small):
    assert small.images.shape == (24, 32, 32, 3) and small.images.dtype == np.uint8
    assert small.labels.tolist() == [0] * 6 + [1] * 6 + [0] * 3 + [1] * 3 + [-1] * 6
    assert small.split.tolist() == ["train"] * 12 + ["test"] * 6 + ["background"] * 3 + ["hybrid"] * 3
    assert small.classes == ("clock", "crocodile") and len(set(small.ids)) == 24
    assert small.ids[0] == "stand_in/clock/0000" and small.ids[15] == "stand_in/test-crocodile/0000"
    assert small.ids[18] == "stand_in/background/0000" and small.ids[-1] == "stand_in/hybrid/0002"
    assert (small.source.kind, small.source.stamp) == ("stand_in", "drawn stand-in")


def test_a_picture_depends_on_the_seed_and_its_number_alone(small):
    fewer = stand_in_collection(("crocodile", "clock"), seed=3, per_class=2, others=1)
    assert fewer.labels[:4].tolist() == [0, 0, 1, 1]
    for name, image in zip(fewer.ids, fewer.images, strict=True):
        assert np.array_equal(image, small.images[small.ids.tolist().index(name)])
    other = stand_in_collection(seed=4, per_class=6, others=3)
    assert not (other.images == small.images).all(axis=(1, 2, 3)).any()


def test_no_two_pictures_are_nearly_the_same(classes):
    flat = classes[0].reshape(len(classes[0]), -1)
    assert pdist(flat).min() / np.sqrt(flat.shape[1]) > 0.03  # root mean square; more than sensor noise


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("size", (8, 32, 48))
def test_any_size_is_drawn_and_never_blank(subject, size):
    images = np.stack([draw(subject, (size, i), size) for i in range(5)])
    assert images.shape == (5, size, size, 3) and images.dtype == np.uint8
    assert images.std(axis=(1, 2, 3)).min() > 2


def test_a_larger_picture_shows_the_same_thing():
    pairs = [(draw("clock", (1, i)), draw("clock", (1, i), 64)) for i in range(8)]
    halved = [large.reshape(32, 2, 32, 2, 3).mean((1, 3)) for _, large in pairs]
    alike = [np.corrcoef(small.ravel(), half.ravel())[0, 1] for (small, _), half in zip(pairs, halved, strict=True)]
    assert np.median(alike) > 0.9


@pytest.mark.parametrize("names", (("clock", "crocodile", "cat"), ("cat", "dog"), ()))
def test_other_classes_are_refused_in_one_line(names):
    with pytest.raises(UserError, match="draws clock and crocodile, not .*; give a data folder"):
        stand_in_collection(names)


def held_out_accuracy(features: np.ndarray, labels: np.ndarray) -> float:
    """Of a logistic regression that learned from the first two thirds."""
    cut = 2 * len(labels) // 3
    features = (features - features[:cut].mean(0)) / features[:cut].std(0)
    model = LogisticRegression(C=0.01, max_iter=500).fit(features[:cut], labels[:cut])
    return model.score(features[cut:], labels[cut:])


def test_colour_says_little_pixels_more_and_edges_most(classes):
    images, labels = classes
    edges = np.stack([hog(image, channel_axis=2) for image in images])
    assert held_out_accuracy(images.mean((1, 2)), labels) < 0.75
    assert 0.6 < held_out_accuracy(images.reshape(len(images), -1), labels) < 0.95
    assert held_out_accuracy(edges, labels) > 0.85
