"""The GAN: gradients come through the changes, each net wants the right thing, and a picture belongs to its seed."""

import pytest
import torch
import torch.nn.functional as F

from clockodile.hybrids.generators.gan import (
    Discriminator,
    GanConfig,
    Generator,
    augment_differentiably,
    change_colour,
    cut_out,
    d_loss,
    g_loss,
    gan_hybrids,
    train_gan,
    translate,
)
from clockodile.hybrids.generators.vae import class_weights

TINY = GanConfig(steps=6, batch=8, code=8, width=8, ema_decay=0.9)
CHANGES = pytest.mark.parametrize("one", [change_colour, translate, cut_out, augment_differentiably])


def seeded(number: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(number)


@pytest.fixture
def pictures():
    return torch.rand(6, 3, 16, 16, generator=seeded()) * 2 - 1


@CHANGES
def test_gradients_flow_through_every_change(one, pictures):
    pictures.requires_grad_()
    one(pictures, seeded()).square().sum().backward()
    assert pictures.grad.isfinite().all()
    assert (pictures.grad.flatten(1).abs().sum(1) > 0).all()


@CHANGES
def test_changes_come_from_the_generator_and_keep_the_shape(one, pictures):
    changed = one(pictures, seeded(1))
    assert changed.shape == pictures.shape and not torch.equal(changed, pictures)
    assert torch.equal(changed, one(pictures, seeded(1)))
    assert not torch.equal(changed, one(pictures, seeded(2)))


def test_a_translation_moves_whole_pixels(pictures):
    moved = translate(pictures, seeded(3), most=0.25)
    padded = F.pad(pictures, (4, 4, 4, 4))
    for picture, whole in zip(moved, padded, strict=True):
        places = [whole[:, y : y + 16, x : x + 16] for y in range(9) for x in range(9)]
        assert any(torch.equal(picture, place) for place in places)


def test_a_cutout_is_grey_and_leaves_the_rest(pictures):
    cut = cut_out(pictures, seeded(4))
    gone = cut != pictures
    assert (cut[gone] == 0).all()
    assert 0.04 < gone.float().mean() < 0.26


def test_colours_change_alike_everywhere(pictures):
    flat = pictures.mean((2, 3), keepdim=True).expand(-1, -1, 16, 16)
    changed = change_colour(flat, seeded(5))
    assert torch.allclose(changed, changed[..., :1, :1].expand_as(changed), atol=1e-5)


def test_each_net_wants_the_opposite():
    sure, fooled = torch.tensor([2.0, 3.0]), torch.tensor([-2.0, -3.0])
    assert d_loss(sure, -sure) == 0 and d_loss(fooled, -fooled) > 2
    assert g_loss(sure) < g_loss(fooled)


@pytest.mark.parametrize("side", [16, 32, 64])
def test_shapes_and_ranges(side):
    weights = class_weights(2, 3)
    drawn = Generator(classes=3, image_size=side, code=8, width=8)(torch.randn(2, 8), weights)
    assert drawn.shape == (2, 3, side, side) and drawn.abs().max() <= 1
    assert Discriminator(classes=3, width=8)(drawn, weights).shape == (2,)


def test_sides_that_cannot_be_halved_three_times_are_refused():
    with pytest.raises(ValueError, match="multiple of 8"):
        Generator(classes=2, image_size=30)


def test_a_score_depends_on_picture_and_class(pictures):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = Discriminator(classes=2, width=8).eval()
    scores = [net(pictures, class_weights(6, 2, mix=mix)) for mix in (0, 0.5, 1)]
    assert len(scores[0].unique()) == 6 and not torch.allclose(scores[0], scores[2])
    assert torch.allclose(scores[1], (scores[0] + scores[2]) / 2, atol=1e-5)


def test_it_finds_the_brightness_of_the_photographs(data):
    dark = torch.full((40, 3, 16, 16), 0.1)
    plan = GanConfig(
        steps=80, batch=16, code=8, width=8, lr_generator=2e-3, lr_discriminator=2e-3, ema_decay=0.9
    )
    net, losses = train_gan(dark, torch.arange(40) % 2, plan, classes=2, seed=0)
    assert len(losses) == 80 and len(losses[0]) == 2
    assert gan_hybrids(net, range(8)).mean() < 0.3  # untrained nets draw grey


def test_the_same_seed_gives_the_same_net_and_other_randomness_is_left_alone(data):
    images, labels = data.tensor()[:60], torch.from_numpy(data.labels)[:60]
    before = torch.random.get_rng_state()
    nets = [train_gan(images, labels, TINY, classes=2, seed=3)[0] for _ in range(2)]
    assert torch.equal(before, torch.random.get_rng_state())
    assert not nets[0].training
    assert torch.equal(gan_hybrids(nets[0], range(3)), gan_hybrids(nets[1], range(3)))


def test_hybrids_do_not_know_their_neighbours_and_the_order_of_the_pair_does_not_matter():
    net = Generator(classes=3, image_size=16, code=8, width=8).eval()
    many = gan_hybrids(net, range(5), pair=(0, 2), mix=0.3)
    assert 0 <= many.min() and many.max() <= 1
    assert torch.allclose(many[3:4], gan_hybrids(net, [3], pair=(0, 2), mix=0.3), atol=1e-5)
    assert torch.allclose(many, gan_hybrids(net, range(5), pair=(2, 0), mix=0.7), atol=1e-5)
    assert not torch.allclose(many, gan_hybrids(net, range(5), pair=(0, 2), mix=0.9), atol=1e-5)
