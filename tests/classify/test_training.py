import numpy as np
import pytest
import torch

from clockodile.classify.earlier_nets import ThreeBlockNet
from clockodile.classify.training import evaluate, predict, seeded, train_full_batch


@pytest.fixture
def sixteen(data):
    rows = np.r_[0:8, 60:68]
    return data.tensor()[rows], torch.from_numpy(data.labels[rows])


def test_it_overfits_sixteen_images(sixteen):
    net, history = train_full_batch(ThreeBlockNet, *sixteen, seed=0, epochs=100)
    assert evaluate(net, *sixteen)["accuracy"] == 1
    assert history["loss"].iloc[-1] < 0.1 < history["loss"].iloc[0]


def test_the_initial_loss_is_that_of_knowing_nothing(sixteen):
    _, history = train_full_batch(ThreeBlockNet, *sixteen, seed=0, epochs=1)
    assert abs(history["loss"][0] - np.log(2)) < 0.05


def test_the_same_seed_gives_the_same_net(sixteen):
    nets = [train_full_batch(ThreeBlockNet, *sixteen, seed=seed, epochs=3)[0] for seed in (4, 4, 5)]
    same, other = (torch.equal(nets[0].out.weight, net.out.weight) for net in nets[1:])
    assert same and not other


def test_validation_is_watched_but_never_trained_on(sixteen, data):
    watched = (data.tensor(), torch.from_numpy(data.labels))
    with_it, history = train_full_batch(ThreeBlockNet, *sixteen, seed=0, epochs=3, validation=watched)
    without, _ = train_full_batch(ThreeBlockNet, *sixteen, seed=0, epochs=3)
    assert torch.equal(with_it.out.weight, without.out.weight)
    assert {"validation_loss", "validation_accuracy"} <= set(history.columns)


def test_prediction_does_not_depend_on_the_batch(sixteen):
    net = ThreeBlockNet()
    assert torch.allclose(predict(net, sixteen[0], batch=16), predict(net, sixteen[0], batch=5), atol=1e-5)


def test_a_seed_leaves_the_outside_alone():
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    with seeded(9):
        torch.rand(5)
    assert torch.equal(torch.rand(1), expected)
