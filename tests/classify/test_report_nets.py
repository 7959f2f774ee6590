import re
from functools import partial

import numpy as np
import pytest
import torch

from clockodile.classify.report_nets import FiveConvNet, SevenBlockNet, ShallowNet, TwoConvBlockNet
from clockodile.learn.models import count_parameters
from clockodile.learn.training import evaluate, predict, seeded, train_full_batch

NETS = {ShallowNet: 32, FiveConvNet: 128, SevenBlockNet: 64, TwoConvBlockNet: 128}  # net -> size of its features
NARROW = partial(SevenBlockNet, widths=(8, 16, 32, 64, 64, 128, 128))  # an eighth of its width, for speed
STEPS = [(ShallowNet, 40), (FiveConvNet, 80), (NARROW, 60), (TwoConvBlockNet, 40)]
STEPS += [pytest.param(SevenBlockNet, 40, marks=pytest.mark.slow)]
every_net = pytest.mark.parametrize("net", NETS)


@pytest.fixture
def sixteen(data):
    rows = np.r_[0:8, 60:68]
    # 16 pixels a side: quicker
    return data.tensor()[rows][..., ::2, ::2], torch.from_numpy(data.labels[rows])


@every_net
@pytest.mark.parametrize(("classes", "size"), [(2, 8), (3, 16), (2, 32), (3, 48)])
def test_any_number_of_classes_and_several_image_sizes(net, classes, size):
    model, images = net(classes=classes, image_size=size), torch.rand(4, 3, size, size)
    assert predict(model, images).shape == (4, classes)
    with torch.no_grad():
        assert model.features(images).shape == (4, NETS[net])


@every_net
def test_the_number_of_parameters_is_the_stated_one(net):
    stated = re.search(r"([\d,]+) parameters", net.__doc__).group(1)
    assert count_parameters(net()) == int(stated.replace(",", ""))


def test_the_seven_blocks_have_the_published_size():
    assert round(4 * count_parameters(SevenBlockNet()) / 2**20, 2) == 70.00  # MB of float32


@pytest.mark.parametrize(("size", "left"), [(8, 1), (16, 1), (32, 1), (48, 1), (128, 1), (50, 1)])
def test_the_seven_blocks_halve_a_picture_while_that_is_possible(size, left):
    with torch.no_grad():
        pooled = SevenBlockNet(image_size=size, widths=(2,) * 7).eval().blocks(torch.rand(1, 3, size, size))
    assert pooled.shape[2:] == (left, left)


@every_net
@pytest.mark.parametrize("classes", [2, 5])
def test_the_initial_loss_is_that_of_knowing_nothing(net, classes, data):
    with seeded(0):
        model = net(classes=classes)
    loss = evaluate(model, data.tensor(), torch.from_numpy(data.labels))["loss"]
    assert abs(loss - np.log(classes)) < 0.1


@pytest.mark.parametrize(("net", "steps"), STEPS)
def test_it_overfits_sixteen_images(net, steps, sixteen):
    model, losses = train_full_batch(partial(net, image_size=16), *sixteen, seed=0, epochs=steps)
    assert losses[-1] < 0.2 < losses[0]
    assert evaluate(model, *sixteen)["accuracy"] == 1


@every_net
def test_an_image_is_judged_alone_and_always_alike(net):
    model, images = net().eval(), torch.rand(3, 3, 32, 32)
    with torch.no_grad():
        assert torch.allclose(model(images)[2], model(images[2:])[0], atol=1e-4)


def test_dropout_is_for_training_only():
    model, images = TwoConvBlockNet(), torch.rand(4, 3, 32, 32)
    with torch.no_grad(), seeded(0):
        assert not torch.equal(model.train()(images), model(images))
        assert torch.equal(model.eval()(images), model(images))
