import numpy as np
import pytest
from made_photos import striped_and_dotted

from clockodile.classify.baselines import hog_features, make_hog_svm

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("size", [8, 9, 15, 32, 50])
def test_any_image_size_and_one_row_an_image(size):
    images, _ = striped_and_dotted(2, size=size)
    features = hog_features(images)
    assert features.shape[0] == 4 and features.min() >= 0 and features.max() <= 1
    assert np.array_equal(features[1:2], hog_features(images[1:2]))


def test_the_stated_number_of_features():
    assert hog_features(striped_and_dotted(1)[0]).shape == (2, 1764)


def test_brightness_does_not_matter_but_direction_does():
    images, _ = striped_and_dotted(3)
    dim = images // 2
    plain = hog_features(dim)
    assert np.abs(hog_features(dim + 100) - plain).max() < 1e-5
    assert np.abs(hog_features(np.rot90(dim, axes=(1, 2))) - plain).max() > 0.1


def test_an_edge_between_colours_of_equal_grey_is_seen():
    image = np.zeros((1, 32, 32, 3), np.uint8)
    image[:, :, :16, 0], image[:, :, 16:, 1] = 200, 200
    assert hog_features(image).max() > 0.1


def test_it_learns_shapes_and_gives_probabilities(data):
    seen, known = hog_features(data.images), data.fold != 0
    model = make_hog_svm(0).fit(seen[known], data.labels[known])
    probability = model.predict_proba(seen[~known])
    assert (probability.argmax(1) == data.labels[~known]).mean() > 0.9
    assert np.allclose(probability.sum(1), 1) and probability.min() >= 0


def test_three_classes_and_the_same_seed_the_same_probabilities():
    images, labels = striped_and_dotted(20, size=16)
    turned = np.rot90(images[:20], axes=(1, 2))
    seen, labels = hog_features(np.concatenate([images, turned])), np.concatenate([labels, np.full(20, 2)])
    first, again = (make_hog_svm(3).fit(seen, labels).predict_proba(seen) for _ in range(2))
    assert first.shape == (60, 3) and np.array_equal(first, again)
