"""Flow matching: loss, guidance, solver, and what a net that can draw says about pictures."""

import pytest
import torch
from tiny_flows import small_unet, trained
from torch import nn

from clockodile.hybrids.generators.flow import (
    adams_bashforth2,
    composed_velocity,
    flow_loss,
    guess,
    losses_told,
    noise_of,
    to_signed,
    to_unit,
)
from clockodile.hybrids.generators.unet import Layout

ANY = Layout(torch.tensor([[0]]))


class Oracle(nn.Module):
    """Knows the photograph of each class, and therefore the velocity; the null class is told the mean."""

    def __init__(self, *photos):
        super().__init__()
        self.photos = nn.Parameter(torch.stack([*photos, sum(photos) / len(photos)]))
        self.null_class = len(photos)

    def forward(self, x, time, layout):
        return (self.photos[layout.labels[:, 0]] - x) / (1 - time.view(-1, 1, 1, 1))


def test_whoever_knows_the_photograph_has_no_loss():
    photo, noise = torch.rand(3, 8, 8) * 2 - 1, torch.randn(5, 3, 8, 8)
    photos, time = photo.expand(5, -1, -1, -1), torch.rand(5) * 0.9
    asked = Layout(torch.zeros(5, 1, dtype=torch.long))
    assert flow_loss(Oracle(photo), photos, asked, noise, time) < 1e-3
    assert flow_loss(Oracle(-photo), photos, asked, noise, time) > 0.1


def test_from_minus_one_to_one_and_back():
    images = torch.rand(2, 3, 4, 4)
    assert torch.allclose(to_unit(to_signed(images)), images, atol=1e-6)
    assert to_unit(torch.tensor([-3.0, 3.0])).tolist() == [0, 1]


def test_noise_depends_on_its_seed_alone():
    noise = noise_of([4, 9, 4], 8)
    assert torch.equal(noise[0], noise[2]) and not torch.equal(noise[0], noise[1])
    assert torch.equal(noise_of([9], 8)[0], noise[1])


def test_the_solver_follows_curves_nearly_exactly():
    start = torch.ones(1, 1, 1, 1)
    straight = adams_bashforth2(lambda x, t: torch.full_like(x, 2.0), start, steps=3)
    assert straight.item() == pytest.approx(3, abs=1e-6)
    found = [adams_bashforth2(lambda x, t: x, start, steps=steps).item() for steps in (32, 64)]
    off = [abs(growth - torch.e) for growth in found]
    assert off[0] < 0.002 * torch.e, "dx/dt = x; Euler's method is off by 0.015 of it"
    assert off[0] > 3 * off[1], "second order: half the step, a quarter of the error"


def test_whoever_knows_the_photograph_is_led_to_it():
    photo = torch.rand(3, 8, 8) * 2 - 1
    velocity = composed_velocity(Oracle(photo, -photo), [ANY], [1.0])
    found = adams_bashforth2(velocity, noise_of([1], 8), steps=16)
    assert torch.allclose(found[0], photo, atol=0.1)


def test_guidance_adds_what_is_special_so_many_times():
    net = trained(small_unet(classes=3))
    x, t = torch.randn(2, 3, 16, 16), torch.full((2,), 0.4)
    layouts = [Layout(torch.full((2, 1), label)) for label in (0, 2)]
    anything, first, second = (guess(net, x, t, Layout(torch.full((2, 1), label))) for label in (net.null_class, 0, 2))
    plain = composed_velocity(net, layouts[:1], [1.0])(x, 0.4)
    assert torch.allclose(plain, first, atol=1e-2)
    product = composed_velocity(net, layouts, [2.0, 3.0])(x, 0.4)
    assert torch.allclose(product, anything + 2 * (first - anything) + 3 * (second - anything), atol=5e-2)


def test_guidance_may_differ_from_place_to_place():
    net = trained(small_unet(classes=3))
    x, layouts = torch.randn(1, 3, 16, 16), [ANY]
    left = (torch.arange(16) < 8).float().expand(1, 1, 16, 16)
    velocity = composed_velocity(net, layouts, [4 * left])(x, 0.5)
    some, none = (composed_velocity(net, layouts, [weight])(x, 0.5) for weight in (4.0, 0.0))
    assert torch.allclose(velocity[..., :8], some[..., :8], atol=1e-4)
    assert torch.allclose(velocity[..., 8:], none[..., 8:], atol=1e-4)


def test_the_loss_is_least_for_the_class_that_a_picture_shows():
    first, second = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    net, images = Oracle(to_signed(first), to_signed(second)), torch.stack([first, second])
    layouts = [Layout(torch.tensor([[label]])) for label in (0, 1, 2)]
    losses = losses_told(net, images, layouts, times=(0.2, 0.5))
    assert losses.shape == (3, 2) and losses.argmin(0).tolist() == [0, 1]
    assert (losses[[0, 1], [0, 1]] < 0.1 * losses[2]).all(), "told its class, it knows all"
    assert (losses[2] < losses[[1, 0], [0, 1]]).all(), "told the wrong class it knows less than told nothing"
