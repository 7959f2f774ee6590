"""Autoencoders: they learn to redraw."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F

from clockodile.learn.autoencoders import DenseAutoencoder, check_side
from clockodile.learn.training import train_full_batch


def test_it_learns_to_redraw_sixteen_images(data):
    images = data.tensor()[:16, :, ::2, ::2]
    build = partial(DenseAutoencoder, image_size=16)
    model, losses = train_full_batch(build, images, images, seed=0, epochs=200, loss=F.mse_loss)
    assert losses[-1] < losses[0] / 2.5
    assert model(images).shape == images.shape and not model.training


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
