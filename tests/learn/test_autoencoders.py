"""Autoencoders: they learn to redraw, the same way each time."""

import pytest
import torch

from clockodile.learn.autoencoders import DenseAutoencoder, check_side, train_autoencoder


def test_it_learns_to_redraw_sixteen_images(data):
    images = data.tensor()[:16, :, ::2, ::2]
    model, losses = train_autoencoder(
        lambda: DenseAutoencoder(image_size=16), images, seed=0, epochs=100, learning_rate=2e-3
    )
    assert losses[-1] < losses[0] / 2.5
    assert model(images).shape == images.shape and not model.training


def test_the_same_seed_gives_the_same_model(data):
    models = [
        train_autoencoder(DenseAutoencoder, data.tensor(), seed=1, epochs=2, batch=50)[0] for _ in range(2)
    ]
    for a, b in zip(*(model.state_dict().values() for model in models), strict=True):
        assert torch.equal(a, b)


def test_without_a_batch_size_every_step_sees_all_images(data):
    images = data.tensor()[:20]
    whole, _ = train_autoencoder(DenseAutoencoder, images, seed=1, epochs=3)
    given, _ = train_autoencoder(DenseAutoencoder, images, seed=1, epochs=3, batch=20)
    assert torch.equal(whole(images), given(images))


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
