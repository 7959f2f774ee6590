"""The velocity net: shapes, what it is told, and where it starts."""

import pytest
import torch

from clockodile.hybrids.generators.unet import WARPS, UNet, learn_classes, timestep_embedding


@pytest.fixture
def net():
    torch.manual_seed(0)
    net = UNet(classes=3, widths=(16, 32), cond=32, depth=1)
    for parameter in net.parameters():  # trained nets have no zeros
        torch.nn.init.normal_(parameter, std=0.1)
    return net.eval()


@pytest.mark.parametrize("side", [16, 32, 64])
def test_velocities_have_the_shape_of_pictures(net, side):
    x = torch.randn(2, 3, side, side)
    assert net(x, torch.rand(2), torch.tensor([0, 4])).shape == x.shape


def test_untrained_it_says_nothing():
    net = UNet(classes=2, widths=(16, 32), cond=32, depth=1)
    assert not net(torch.randn(1, 3, 16, 16), torch.rand(1), torch.tensor([0])).any()


def test_time_class_and_moves_are_heard(net):
    x, time, label = torch.randn(1, 3, 16, 16), torch.tensor([0.3]), torch.tensor([1])
    usual = net(x, time, label)
    assert not torch.allclose(usual, net(x, time + 0.1, label))
    assert not torch.allclose(usual, net(x, time, label + 1))
    assert not torch.allclose(usual, net(x, time, label, torch.ones(1, WARPS)))
    assert torch.allclose(usual, net(x, time, label, torch.zeros(1, WARPS)))


def test_a_picture_does_not_depend_on_its_neighbours(net):
    x, time, labels = torch.randn(4, 3, 16, 16), torch.rand(4), torch.tensor([0, 1, 2, 3])
    alone = torch.cat([net(x[[i]], time[[i]], labels[[i]]) for i in range(4)])
    assert torch.allclose(net(x, time, labels), alone, atol=1e-5)


def test_the_embedding_tells_near_times_apart():
    near = timestep_embedding(torch.tensor([0.500, 0.501]), 64)
    assert near.shape == (2, 64) and (near[0] - near[1]).abs().max() > 0.3


def test_new_classes_mean_anything_as_yet(net):
    more = learn_classes(net, 5)
    assert more.null_class == 6 and net.null_class == 4 and len(net.class_embed.weight) == 5
    x, time = torch.randn(1, 3, 16, 16), torch.tensor([0.3])
    same = {0: 4, 4: 4, 5: 3, 6: 4}  # other things stay what they were
    for new, old in same.items():
        assert torch.equal(more(x, time, torch.tensor([new])), net(x, time, torch.tensor([old])))
