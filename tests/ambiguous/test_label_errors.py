import numpy as np
import pytest

from clockodile.ambiguous.label_errors import exchange_labels, shapeless_pictures


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
