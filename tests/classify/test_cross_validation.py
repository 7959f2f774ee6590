from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from clockodile.classify.cross_validation import evaluate_held_out, nearest_known, predict_out_of_fold
from clockodile.classify.report_nets import ThreeBlockNet
from clockodile.learn.training import predict, train_full_batch

NET = partial(ThreeBlockNet, channels=(4, 8, 8), hidden=16)


def trained(net, data, epochs):
    """Fits the net to all folds but one."""
    images, labels = data.tensor(), torch.from_numpy(data.labels)

    def fit(seed, fold):
        known = torch.from_numpy(data.fold != fold)
        return train_full_batch(net, images[known], labels[known], seed=seed, epochs=epochs)[0]

    return fit


def test_shapes_and_order(data):
    found = predict_out_of_fold(trained(NET, data, 2), data, range(2))
    assert found["logits"].shape == (2, 120, 2)
    assert found["centre_distance"].shape == (2, 120, 2) and found["centre_distance"].min() >= 0
    assert np.array_equal(found["ids"], data.ids) and np.array_equal(found["fold"], data.fold)


def test_each_image_is_judged_by_the_net_that_did_not_see_it(data):
    fit, images = trained(NET, data, 3), data.tensor()
    for mirrored in (False, True):
        found = predict_out_of_fold(fit, data, [7], mirrored=mirrored)
        for fold in (0, 3):
            said = predict(fit(7, fold), images[data.fold == fold], mirrored=mirrored)
            assert np.allclose(found["logits"][0, data.fold == fold], said, atol=1e-5)


@pytest.mark.slow
def test_nothing_can_be_learned_from_shuffled_labels(data):
    """A leak of held-out images into training would show as accuracy above chance."""
    shuffled = np.random.default_rng(0).permutation(data.labels)
    cheat = type(data)(**{**vars(data), "labels": shuffled})
    found = predict_out_of_fold(trained(ThreeBlockNet, cheat, 40), cheat, [0])
    accuracy = (found["logits"].mean(0).argmax(1) == shuffled).mean()
    assert 0.3 < accuracy < 0.7


class Angle(nn.Module):
    """Features that are two pixels of the picture, so that angles between pictures can be set by hand."""

    def features(self, images):
        return images[:, :2, 0, 0]

    def forward(self, images):
        return self.features(images)


def test_distances_are_to_the_means_of_the_known_images_of_each_class():
    known, unseen = torch.tensor([True, True, True, False]), torch.tensor([False, False, False, True])
    images = torch.zeros(4, 3, 8, 8)
    images[:, :2] = torch.tensor([[0.0, 0.0], [0.2, 0.4], [0.9, 0.9], [0.5, 0.9]])[:, :, None, None]
    net = Angle()
    net.weight = nn.Parameter(torch.ones(1))  # without any, nobody knows which device it is on
    found = evaluate_held_out(net, images, torch.tensor([0, 0, 1, 1]), known, unseen, 2)
    assert np.allclose(found["centre_distance"], [[np.hypot(0.4, 0.7), 0.4]], atol=1e-6)


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
