"""Autoencoders: they learn to redraw."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F

from clockodile.learn.autoencoders import DenseAutoencoder, check_side, train_autoencoder


def test_it_learns_to_redraw_sixteen_images(data):
    images = data.tensor()[:16, :, ::2, ::2]
    build = partial(DenseAutoencoder, image_size=16)
    start, model = (train_autoencoder(build, images, seed=0, epochs=epochs) for epochs in (0, 200))
    before, after = (F.mse_loss(net(images), images).item() for net in (start, model))
    assert after < before / 2.5
    assert model(images).shape == images.shape and not model.training


def test_the_same_seed_gives_the_same_model(data):
    models = [train_autoencoder(DenseAutoencoder, data.tensor(), seed=1, epochs=2) for _ in range(2)]
    for a, b in zip(*(model.state_dict().values() for model in models), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("side", [16, 32, 64])
def test_pictures_stay_pictures_whatever_their_size(side):
    images = torch.rand(3, 3, side, side)
    redrawn = DenseAutoencoder(image_size=side)(images)
    assert redrawn.shape == images.shape
    assert 0 <= redrawn.min() and redrawn.max() <= 1


@pytest.mark.parametrize("side", [4, 20])
def test_sides_that_cannot_be_halved_three_times_are_refused(side):
    check_side(24)
    with pytest.raises(ValueError, match="multiple of 8"):
        check_side(side)
