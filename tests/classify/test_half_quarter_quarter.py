from dataclasses import replace

import numpy as np
import pytest
import torch

from clockodile.classify import half_quarter_quarter
from clockodile.classify.half_quarter_quarter import quarter_accuracies
from clockodile.learn.training import train_full_batch


@pytest.fixture
def run(run):
    """A run that trains this net for three steps."""
    return replace(run, profile=replace(run.profile, classifier_epochs=3))


@pytest.fixture
def trained(monkeypatch):
    """What was trained: the number of images, the seed and the first weights of each net."""
    made = []

    def watched(make, images, labels, *, seed, epochs):
        net, losses = train_full_batch(make, images, labels, seed=seed, epochs=epochs)
        assert epochs == 3
        made.append((len(images), seed, net.out.weight))
        return net, losses

    monkeypatch.setattr(half_quarter_quarter, "train_full_batch", watched)
    return made


def test_a_net_is_trained_on_half_and_measured_once(run, data, trained):
    first = quarter_accuracies(run, data, seed=0)
    assert quarter_accuracies(run, data, seed=0) == first and [count for count, *_ in trained] == [60]
    assert first.keys() == {"validation", "test"} and all(0 <= share <= 1 for share in first.values())
    quarter_accuracies(run, data, seed=0, retrain=True)
    assert len(trained) == 2


def test_another_seed_means_another_net(run, data, trained):
    for seed in (0, 1):
        quarter_accuracies(run, data, seed=seed)
    (_, first, weights), (_, second, others) = trained
    assert (first, second) == (0, 1) and not torch.equal(weights, others)


def test_accuracies_are_never_taken_for_another_splits(run, data, trained):
    """Same images, other groups: another half, so its quarters must be asked anew."""
    quarter_accuracies(run, data, seed=0)
    regrouped = replace(data, group=np.random.default_rng(0).permutation(len(data)))
    quarter_accuracies(run, regrouped, seed=0)
    assert len(trained) == 2
