import numpy as np
from torch import nn

from clockodile.classify.neighbours import nearest_known


class Angle(nn.Module):
    """Features that are two pixels of the picture, so that angles between pictures can be set by hand."""

    def features(self, images):
        return images[:, :2, 0, 0]


def pointing(degrees):
    """uint8 (N, 8, 8, 3): red and green of each picture point in these directions, 0 to 90 degrees."""
    radians = np.deg2rad(np.asarray(degrees))
    pictures = np.zeros((len(radians), 8, 8, 3), np.uint8)
    pictures[..., 0], pictures[..., 1] = ((200 * part(radians))[:, None, None] for part in (np.cos, np.sin))
    return pictures


def test_the_nearest_by_angle_come_first_and_never_from_the_own_fold(data):
    few = data.rows(np.arange(6))
    few = type(few)(
        **{name: getattr(few, name) for name in ("labels", "ids", "split", "group", "classes", "card")},
        images=pointing([0, 2, 10, 30, 60, 90]),
        fold=np.array([0, 0, 1, 1, 0, 1]),
    )
    nets = [Angle(), Angle()]
    assert nearest_known(nets, few, np.array([0, 5]), count=2).tolist() == [[2, 3], [4, 1]]


def test_brightness_does_not_count(data):
    few = data.rows(np.arange(4))
    pictures = pointing([5, 5, 40, 80])
    pictures[1] //= 4
    few = type(few)(
        **{name: getattr(few, name) for name in ("labels", "ids", "split", "group", "classes", "card")},
        images=pictures,
        fold=np.array([0, 1, 1, 1]),
    )
    assert nearest_known([Angle(), Angle()], few, np.array([0]), count=3).tolist() == [[1, 2, 3]]


def test_nothing_asked_nothing_found(data):
    found = nearest_known([Angle()], data, np.array([], dtype=int), count=3)
    assert found.shape == (0, 3)
