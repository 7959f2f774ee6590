"""Walking along velocities: exact where the way is straight, independent of neighbours, and two classes at once."""

import pytest
import torch
from torch import nn

from clockodile.hybrids.generators.sampling import (
    adams_bashforth2,
    composed_velocity,
    guidance_gradient,
    noise_of,
    sample,
)


class Wanting(nn.Module):
    """Every class wants another grey: the straight way to it."""

    null_class = 3

    def forward(self, x, time, labels, warp=None):
        target = torch.tensor([-0.5, 0.5, 0.0, 0.1])[labels].view(-1, 1, 1, 1)
        return (target - x) / (1 - time.view(-1, 1, 1, 1)).clamp(min=1e-3)


def test_noise_belongs_to_its_seed_alone():
    assert torch.equal(noise_of([5, 7, 9], 8)[1], noise_of([7], 8)[0])
    assert noise_of(range(200), 8).std() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("steps", [1, 2, 12])
def test_a_straight_way_is_walked_exactly(steps):
    noise, target = noise_of([1, 2], 8), torch.rand(2, 3, 8, 8)
    arrived = adams_bashforth2(lambda x, time: target - noise, noise, steps=steps)
    assert torch.allclose(arrived, target, atol=1e-5)


def test_a_bent_way_is_followed_by_looking_back(steps=8):
    """x grows to e; steps that go straight on from the same questions end several times as far from it."""
    straight = (1 + 1 / steps) ** steps
    arrived = adams_bashforth2(lambda x, time: x, torch.ones(1, 3, 4, 4), steps=steps).mean().item()
    assert abs(arrived - torch.e) < 0.3 * abs(straight - torch.e)


def test_twice_the_steps_leave_a_third_of_the_error():
    off = [
        abs(adams_bashforth2(lambda x, time: x, torch.ones(1, 1, 1, 1), steps=n).item() - torch.e)
        for n in (8, 16, 32)
    ]
    assert off[1] < off[0] / 3 and off[2] < off[1] / 3


def test_a_question_a_step():
    asked = []
    adams_bashforth2(
        lambda x, time: asked.append(time) or torch.zeros_like(x), torch.zeros(1, 3, 4, 4), steps=4
    )
    assert asked == [0, 0.25, 0.5, 0.75]


def test_a_pull_is_felt_in_each_step_and_not_carried_on():
    def once(x, velocity, time):
        assert (velocity == 0.5).all()
        return torch.full_like(x, 1.0 if time == 0.25 else 0.0)

    arrived = adams_bashforth2(
        lambda x, time: torch.full_like(x, 0.5), torch.zeros(1, 3, 4, 4), steps=4, guidance=once
    )
    assert torch.allclose(arrived, torch.full_like(arrived, 0.5 + 0.25))


def test_one_class_with_weight_one_is_that_class():
    pictures = sample(Wanting(), {0: 1.0}, [1, 2], size=8, steps=6)
    assert pictures.shape == (2, 3, 8, 8)
    assert torch.allclose(pictures, torch.full_like(pictures, 0.25), atol=0.02)


def test_one_class_as_it_is_is_asked_for_alone():
    class Counting(Wanting):
        asked = 0

        def forward(self, x, *told):
            self.asked += len(x)
            return super().forward(x, *told)

    for weight, questions in ((1.0, 2), (1.5, 4)):
        net, x = Counting(), noise_of([1, 2], 8)
        found = composed_velocity(net, {0: weight}, base=2)(x, 0.5)
        start, wanted = (composed_velocity(net, {}, base=label)(x, 0.5) for label in (2, 0))
        assert torch.allclose(found, start + weight * (wanted - start), atol=1e-5)
        assert net.asked == questions + 4


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


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_a_pull_is_towards_what_is_worth_more_with_the_strength_asked_for(strength):
    x = 0.1 * noise_of([1, 2], 8)
    pull = guidance_gradient(lambda images: images[:, 0].sum((1, 2)), strength)(x, torch.zeros_like(x), 0.5)
    assert not pull.requires_grad
    assert torch.allclose(pull.square().mean((1, 2, 3)).sqrt(), torch.full((2,), strength), atol=1e-5)
    assert (pull[:, 0] >= 0).all() and torch.equal(pull[:, 1:], torch.zeros_like(pull[:, 1:]))


def test_worth_is_asked_about_the_end_of_the_walk():
    asked = []

    def worth(images):
        asked.append(images.detach())
        return images.sum((1, 2, 3))

    guidance_gradient(worth, 1.0)(torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 0.4), 0.5)
    assert torch.allclose(
        asked[0], torch.full((1, 3, 4, 4), 0.6)
    )  # 0 + half of 0.4, then from [-1, 1] to [0, 1]


def test_where_nothing_is_worth_more_nothing_pulls():
    x = noise_of([1], 8)
    pull = guidance_gradient(lambda images: 0 * images.sum((1, 2, 3)), 1.0)(x, -x, 0.5)
    assert torch.equal(pull, torch.zeros_like(x))
