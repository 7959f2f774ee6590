"""Autoencoders: they learn to redraw, the same way each time."""

import pytest
import torch
import torch.nn.functional as F

from clockodile.learn.autoencoders import ConvAutoencoder, DenseAutoencoder, train_autoencoder

NETS = pytest.mark.parametrize("net", [DenseAutoencoder, ConvAutoencoder])


@NETS
def test_it_learns_to_redraw_sixteen_images(net, data):
    images = data.tensor()[:16, :, ::2, ::2]
    model, losses = train_autoencoder(
        lambda: net(image_size=16), images, seed=0, epochs=100, learning_rate=2e-3
    )
    assert losses[-1] < losses[0] / 2.5
    assert model(images).shape == images.shape and not model.training


@NETS
def test_the_same_seed_gives_the_same_model(net, data):
    models = [train_autoencoder(net, data.tensor(), seed=1, epochs=2, batch=50)[0] for _ in range(2)]
    for a, b in zip(*(model.state_dict().values() for model in models), strict=True):
        assert torch.equal(a, b)


def test_without_a_batch_size_every_step_sees_all_images(data):
    images = data.tensor()[:20]
    whole, _ = train_autoencoder(DenseAutoencoder, images, seed=1, epochs=3)
    given, _ = train_autoencoder(DenseAutoencoder, images, seed=1, epochs=3, batch=20)
    assert torch.equal(whole(images), given(images))


def test_convolutions_redraw_new_images_better():
    clouds = torch.rand(60, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    clouds = F.interpolate(clouds, size=16, mode="bilinear")
    known, new, plan = clouds[:48], clouds[48:], {"epochs": 30, "batch": 16, "learning_rate": 2e-3}

    def error(net: type) -> float:
        model, _ = train_autoencoder(lambda: net(image_size=16), known, seed=0, **plan)
        return F.mse_loss(model(new), new).item()

    dense, convolutional = error(DenseAutoencoder), error(ConvAutoencoder)
    assert convolutional < 0.8 * dense


@NETS
@pytest.mark.parametrize("side", [16, 32, 64])
def test_pictures_stay_pictures_whatever_their_size(net, side):
    images = torch.rand(3, 3, side, side)
    redrawn = net(image_size=side)(images)
    assert redrawn.shape == images.shape
    assert 0 <= redrawn.min() and redrawn.max() <= 1


def test_sides_that_cannot_be_halved_three_times_are_refused():
    with pytest.raises(ValueError, match="multiple of 8"):
        ConvAutoencoder(image_size=20)
    with pytest.raises(ValueError, match="multiple of 8"):
        ConvAutoencoder(image_size=16)(torch.rand(1, 3, 20, 20))
