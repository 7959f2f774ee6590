"""Walking along velocities: exact where the way is straight, independent of neighbours, and two classes at once."""

import pytest
import torch
from torch import nn

from clockodile.hybrids.sampling import composed_velocity, noise_of, sample, walk


class Wanting(nn.Module):
    """Every class wants another grey: the straight way to it."""

    anything = 3

    def forward(self, x, time, labels, warp=None):
        target = torch.tensor([-0.5, 0.5, 0.0, 0.1])[labels].view(-1, 1, 1, 1)
        return (target - x) / (1 - time.view(-1, 1, 1, 1)).clamp(min=1e-3)


def test_noise_belongs_to_its_seed_alone():
    assert torch.equal(noise_of([5, 7, 9], 8)[1], noise_of([7], 8)[0])
    assert noise_of(range(200), 8).std() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("steps", [1, 2, 12])
def test_a_straight_way_is_walked_exactly(steps):
    noise, target = noise_of([1, 2], 8), torch.rand(2, 3, 8, 8)
    arrived = walk(lambda x, time: target - noise, noise, steps=steps)
    assert torch.allclose(arrived, target, atol=1e-5)


def test_heun_needs_fewer_steps_than_a_curved_way_has_bends():
    arrived = walk(lambda x, time: x, torch.ones(1, 3, 4, 4), steps=12)  # x grows to e
    assert arrived.mean().item() == pytest.approx(torch.e, abs=0.12)


def test_one_class_with_weight_one_is_that_class():
    pictures = sample(Wanting(), {0: 1.0}, [1, 2], size=8, steps=6)
    assert pictures.shape == (2, 3, 8, 8)
    assert torch.allclose(pictures, torch.full_like(pictures, 0.25), atol=0.02)


def test_two_classes_meet_in_between_and_the_order_does_not_matter():
    x = noise_of([3], 8)
    both = composed_velocity(Wanting(), {0: 0.5, 1: 0.5})(x, 0.5)
    turned = composed_velocity(Wanting(), {1: 0.5, 0: 0.5})(x, 0.5)
    middle = (
        composed_velocity(Wanting(), {0: 1.0})(x, 0.5) + composed_velocity(Wanting(), {1: 1.0})(x, 0.5)
    ) / 2
    assert torch.allclose(both, middle, atol=1e-5) and torch.allclose(both, turned, atol=1e-5)


def test_weights_may_differ_from_place_to_place():
    left = (torch.arange(8) < 4).float().view(1, 1, 1, 8)
    pictures = sample(Wanting(), {0: left, 1: 1 - left}, [1, 2, 3], size=8, steps=6, batch=2)
    assert pictures[..., :4].mean() == pytest.approx(0.25, abs=0.02)
    assert pictures[..., 4:].mean() == pytest.approx(0.75, abs=0.02)


def test_pictures_do_not_depend_on_the_batch():
    many = sample(Wanting(), {0: 1.5, 1: 1.0}, range(5), size=8, steps=4, batch=2)
    assert torch.allclose(many[3:4], sample(Wanting(), {0: 1.5, 1: 1.0}, [3], size=8, steps=4), atol=1e-5)
