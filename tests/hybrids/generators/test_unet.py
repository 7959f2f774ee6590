"""The velocity net: shapes, what it is told, and where it starts."""

import pytest
import torch
from tiny_flows import small_unet, trained

from clockodile.hybrids.generators.unet import Layout, plain_coords, timestep_embedding


def of(*labels: int) -> Layout:
    return Layout(torch.tensor(labels)[:, None])


@pytest.fixture
def net():
    return trained(small_unet(classes=3))


@pytest.mark.parametrize("side", [16, 32, 48])
def test_velocities_have_the_shape_of_pictures(net, side):
    x = torch.randn(2, 3, side, side)
    assert net(x, torch.rand(2), of(0, net.null_class)).shape == x.shape


def test_untrained_it_says_nothing():
    net = small_unet(classes=2)
    assert not net(torch.randn(1, 3, 16, 16), torch.rand(1), of(0)).any()


def test_time_class_and_place_are_heard(net):
    x, time = torch.randn(1, 3, 16, 16), torch.tensor([0.3])
    usual = net(x, time, of(1))
    moved = Layout(of(1).labels, coords=plain_coords(1, 16) * 0.5)
    for other in (net(x, time + 0.1, of(1)), net(x, time, of(2)), net(x, time, moved)):
        assert not torch.allclose(usual, other, atol=1e-3)


def test_two_regions_of_one_class_are_that_class_everywhere(net):
    x, time = torch.randn(1, 3, 16, 16), torch.tensor([0.6])
    left = (torch.arange(16) < 8).float().expand(1, 1, 16, 16)
    masks = torch.cat([left, 1 - left], 1)
    halves = lambda a, b: net(x, time, Layout(torch.tensor([[a, b]]), masks))  # noqa: E731
    assert torch.allclose(halves(1, 1), net(x, time, of(1)), atol=1e-5)
    other = (halves(1, 2) - halves(1, 1)).abs().mean((0, 1, 2))
    assert other[12:].mean() > other[:4].mean() > 0, "most where the label differs"


def test_a_picture_does_not_depend_on_its_neighbours(net):
    x, time = torch.randn(4, 3, 16, 16), torch.rand(4)
    alone = torch.cat([net(x[[i]], time[[i]], of(i)) for i in range(4)])
    assert torch.allclose(net(x, time, of(0, 1, 2, 3)), alone, atol=1e-4)


def test_the_embedding_tells_near_times_apart():
    near = timestep_embedding(torch.tensor([0.500, 0.501]), 64)
    assert near.shape == (2, 64) and (near[0] - near[1]).abs().max() > 0.3


def test_coordinates_run_from_left_to_right_and_from_top_to_bottom():
    x, y = plain_coords(1, 4)[0]
    assert x[0].tolist() == y[:, 0].tolist() == [-0.75, -0.25, 0.25, 0.75]
    assert (x == x[:1]).all() and (y == y[:, :1]).all()
