from functools import partial

import numpy as np
import pytest
import torch

from clockodile.classify.cross_validation import class_centres, mean_probability, predict_out_of_fold
from clockodile.classify.report_nets import ThreeBlockNet
from clockodile.learn.training import predict, train_full_batch

NET = partial(ThreeBlockNet, channels=(4, 8, 8), hidden=16)


def test_shapes_and_order(data):
    found = predict_out_of_fold(NET, data, seeds=2, epochs=2)
    assert found["logits"].shape == (2, 120, 2)
    assert found["features"].shape == (2, 120, 16)
    assert found["centre_distance"].shape == (2, 120, 2) and found["centre_distance"].min() >= 0
    assert np.array_equal(found["ids"], data.ids) and np.array_equal(found["fold"], data.fold)


def test_each_image_is_judged_by_the_net_that_did_not_see_it(data):
    found = predict_out_of_fold(NET, data, seeds=1, epochs=3, first_seed=7)
    images, labels = data.tensor(), torch.from_numpy(data.labels)
    for fold in (0, 3):
        known = torch.from_numpy(data.fold != fold)
        net, _ = train_full_batch(NET, images[known], labels[known], seed=7, epochs=3)
        assert np.allclose(found["logits"][0, data.fold == fold], predict(net, images[~known]), atol=1e-5)


@pytest.mark.slow
def test_nothing_can_be_learned_from_shuffled_labels(data):
    """A leak of held-out images into training would show as accuracy above chance."""
    shuffled = np.random.default_rng(0).permutation(data.labels)
    cheat = type(data)(**{**vars(data), "labels": shuffled})
    found = predict_out_of_fold(ThreeBlockNet, cheat, seeds=1, epochs=40)
    accuracy = (found["logits"].mean(0).argmax(1) == shuffled).mean()
    assert 0.3 < accuracy < 0.7


def test_centres_are_means_of_their_class():
    features = torch.tensor([[0.0, 0.0], [2.0, 4.0], [9.0, 9.0]])
    assert class_centres(features, torch.tensor([0, 0, 1]), 2).tolist() == [[1, 2], [9, 9]]


def test_probabilities_are_averaged_over_nets():
    logits = np.array([[[0.0, 0.0]], [[1000.0, -1000.0]]])
    assert np.allclose(mean_probability(logits), [[0.75, 0.25]])
