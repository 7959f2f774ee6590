"""The variational autoencoder: its loss, what it is told, and that a picture belongs to its seed."""

import copy

import pytest
import torch

from clockodile.hybrids.generators.vae import (
    ConditionalVAE,
    VaeConfig,
    class_weights,
    codes_of,
    train_vae,
    vae_hybrids,
    vae_loss,
)

TINY = VaeConfig(steps=40, batch=16, code=8, width=8, ema_decay=0.9)


@pytest.fixture(scope="module")
def net():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return ConditionalVAE(classes=3, image_size=16, code=8, width=8).eval()


def test_a_perfect_copy_with_an_empty_code_has_no_loss():
    images, nothing = torch.rand(4, 3, 8, 8), torch.zeros(4, 5)
    assert vae_loss(images, images, nothing, nothing, deviation=0.1) == 0
    assert vae_loss(1 - images, images, nothing, nothing, deviation=0.1) > 1
    assert vae_loss(images, images, nothing + 1, nothing, deviation=0.1).item() == pytest.approx(2.5)
    assert vae_loss(images, images, nothing, nothing - 1, deviation=0.1) > 0


def test_the_code_costs_what_the_divergence_of_two_gaussians_says():
    mean, log_variance = torch.randn(2, 6, 4)
    images, standard = torch.zeros(6, 3, 8, 8), torch.distributions.Normal(0, 1)
    drawn_from = torch.distributions.Normal(mean, (log_variance / 2).exp())
    expected = torch.distributions.kl_divergence(drawn_from, standard).sum(1).mean()
    assert torch.allclose(vae_loss(images, images, mean, log_variance, deviation=1), expected, atol=1e-5)


def test_weights_are_the_mix():
    assert class_weights(2, 4, pair=(3, 1), mix=0.25).tolist() == [[0, 0.25, 0, 0.75]] * 2


def test_codes_belong_to_their_seed_alone():
    assert torch.equal(codes_of([5, 7, 9], 8)[1], codes_of([7], 8)[0])
    assert codes_of(range(500), 8).std().item() == pytest.approx(1, abs=0.05)
    assert codes_of([], 8).shape == (0, 8)


@pytest.mark.parametrize("side", [16, 32, 64])
def test_shapes_and_ranges(side):
    net = ConditionalVAE(classes=3, image_size=side, code=8, width=8)
    images, weights = torch.rand(2, 3, side, side), class_weights(2, 3)
    mean, log_variance = net.encode(images, weights)
    assert mean.shape == log_variance.shape == (2, 8)
    redrawn = net.decode(mean, weights)
    assert redrawn.shape == images.shape and 0 <= redrawn.min() and redrawn.max() <= 1


def test_sides_that_cannot_be_halved_three_times_are_refused(net):
    with pytest.raises(ValueError, match="multiple of 8"):
        ConditionalVAE(classes=2, image_size=30)
    with pytest.raises(ValueError, match="multiple of 8"):
        net.encode(torch.rand(1, 3, 12, 12), class_weights(1, 3))


def test_hybrids_do_not_know_their_neighbours_and_the_order_of_the_pair_does_not_matter(net):
    many = vae_hybrids(net, range(5), pair=(0, 2), mix=0.3)
    assert torch.allclose(many[3:4], vae_hybrids(net, [3], pair=(0, 2), mix=0.3), atol=1e-5)
    assert torch.allclose(many, vae_hybrids(net, range(5), pair=(2, 0), mix=0.7), atol=1e-5)
    assert not torch.allclose(many, vae_hybrids(net, range(5), pair=(0, 2), mix=0.9), atol=1e-5)


def test_it_learns_the_same_each_time_and_leaves_other_randomness_alone():
    images, labels = torch.full((40, 3, 16, 16), 0.1), torch.arange(40) % 2
    before = torch.random.get_rng_state()
    runs = [train_vae(images, labels, TINY, classes=2, seed=3) for _ in range(2)]
    assert torch.equal(before, torch.random.get_rng_state())
    (net, losses), (again, _) = runs
    assert len(losses) == 40 and sum(losses[-5:]) < 0.7 * sum(losses[:5])
    assert torch.equal(vae_hybrids(net, range(3)), vae_hybrids(again, range(3))) and not net.training


def test_new_codes_are_spread_as_those_of_the_class(net):
    """Ex-post density estimation: mean and covariance of each class's codes, half-way between for half of each."""
    images, labels = torch.rand(400, 3, 16, 16), torch.arange(400) % 2
    images[labels == 1] *= 0.2
    net = copy.deepcopy(net)
    net.fit_codes(images, labels)
    with torch.no_grad():
        mean, log_variance = net.encode(images, torch.nn.functional.one_hot(labels, 3).float())
    normal = torch.randn(20_000, 8, generator=torch.Generator().manual_seed(0))
    for label in (0, 1):
        codes = net.sample_codes(normal, class_weights(len(normal), 3, mix=float(label)))
        own = mean[labels == label]
        noise = log_variance[labels == label].exp().mean(0).diag()
        assert torch.allclose(codes.mean(0), own.mean(0), atol=0.05)
        assert torch.allclose(codes.T.cov(), torch.cov(own.T, correction=0) + noise, atol=0.1)
    half = net.sample_codes(0 * normal[:1], class_weights(1, 3))
    assert torch.allclose(half[0], net.mean[:2].mean(0), atol=1e-5)
