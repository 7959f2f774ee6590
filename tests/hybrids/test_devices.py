"""Nets and samplers on another device: the `meta` device computes no number, but refuses to meet a CPU tensor."""

from contextlib import nullcontext

import pytest
import torch

from clockodile.hybrids import mixing
from clockodile.hybrids.generators import flow, gan, sampling, vae
from clockodile.hybrids.generators.unet import UNet
from clockodile.hybrids.guidance import GuidanceClassifier
from clockodile.hybrids.mixing import HybridSampler, class_weights, mix_once
from clockodile.learn.models import CompactResNet

META = torch.device("meta")


@pytest.fixture(autouse=True)
def no_autocast(monkeypatch):
    """There is none for the meta device."""
    monkeypatch.setattr(torch, "autocast", lambda *words, **options: nullcontext())


def tiny_flow() -> UNet:
    return UNet(classes=2, widths=(8, 16), depth=1).eval()


def on_meta(shape=(8, 3, 16, 16)) -> torch.Tensor:
    return torch.empty(shape, device=META)


def test_a_missing_move_is_noticed():
    """The tests below would be worth nothing if the two devices could meet."""
    with pytest.raises((RuntimeError, NotImplementedError)):
        torch.nn.Linear(2, 2)(torch.empty(1, 2, device=META))


@pytest.mark.parametrize("weights", [{0: 1.0}, {0: 2.0, 1: torch.ones(1, 1, 16, 16)}])
def test_the_velocity_is_computed_where_the_picture_is(weights):
    velocity = sampling.composed_velocity(tiny_flow().to(META), weights, base=2)
    x = sampling.adams_bashforth2(velocity, on_meta(), steps=2)
    assert x.device == META and x.shape == (8, 3, 16, 16)


@pytest.fixture
def moved(monkeypatch):
    """Pictures are sampled on the meta device; what comes back to the CPU is empty. Yields the devices asked for."""
    back = torch.Tensor.cpu
    for module in (mixing, sampling):
        monkeypatch.setattr(module, "pick_device", lambda: META)
    monkeypatch.setattr(
        torch.Tensor, "cpu", lambda self: torch.zeros(self.shape) if self.device == META else back(self)
    )


@pytest.mark.parametrize("classifier_guidance", [0.0, 0.2])
def test_hybrids_are_sampled_on_the_device(moved, classifier_guidance):
    nets = [CompactResNet(classes=4, image_size=16)]
    sampler = HybridSampler(
        tiny_flow(), GuidanceClassifier(nets, classes=2).eval(), None, ("a", "b"), (0, 1), 16
    )
    assert {weight.device.type for weight in class_weights(sampler, 0.5, spatial_mask="below").values()} == {
        "cpu"
    }
    made = mix_once(sampler, range(3), spatial_mask="below", steps=2, classifier_guidance=classifier_guidance)
    assert made.shape == (3, 3, 16, 16) and made.device.type == "cpu"


def test_one_class_is_sampled_on_the_device(moved):
    assert sampling.sample(tiny_flow(), {1: 1.0}, range(3), size=16, steps=2).device.type == "cpu"


def test_losses_are_computed_where_the_pictures_are():
    labels, noise, time = torch.zeros(8, dtype=torch.long, device=META), on_meta(), on_meta((8,))
    assert flow.flow_loss(tiny_flow().to(META), on_meta(), labels, noise, time).device == META
    model = vae.ConditionalVAE(classes=2, image_size=16, code=8, width=8).to(META)
    weights = on_meta((8, 2))
    mean, log_variance = model.encode(on_meta(), weights)
    codes = model.sample_codes(mean, weights)
    loss = vae.vae_loss(model.decode(codes, weights), on_meta(), mean, log_variance, deviation=0.1)
    assert loss.device == META
    drawn = gan.Generator(classes=2, image_size=16, code=8, width=8).to(META)(on_meta((8, 8)), weights)
    assert gan.Discriminator(classes=2, width=8).to(META)(drawn, weights).device == META


def test_changed_pictures_stay_on_their_device():
    """Random numbers come from a generator of the CPU, so that a seed means the same everywhere."""
    generator = torch.Generator().manual_seed(0)
    assert gan.augment_differentiably(on_meta(), generator).device == META
    moved, told = flow.move(on_meta(), generator, share=0.5)
    assert moved.device == told.device == META
