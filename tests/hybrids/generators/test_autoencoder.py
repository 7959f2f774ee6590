"""Report 000's autoencoder: it learns to redraw, is trained once on what may be known, and kept."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tiny_nets import with_short_plans

from clockodile.hybrids.generators import autoencoder
from clockodile.hybrids.generators.autoencoder import DenseAutoencoder, fit_autoencoder
from clockodile.hybrids.generators.flow_of_run import HELD_OUT
from clockodile.learn.training import train_full_batch


@pytest.fixture
def short(run):
    return with_short_plans(run)


def numbers(net: torch.nn.Module) -> torch.Tensor:
    return torch.cat([part.flatten().float() for part in net.state_dict().values()])


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


def test_it_is_trained_once_and_kept(short, data, monkeypatch):
    first = fit_autoencoder(short, data)
    assert not first.training
    monkeypatch.setattr(autoencoder, "train_full_batch", None)  # nothing is trained twice
    assert torch.equal(numbers(fit_autoencoder(short, data)), numbers(first))


def test_retrained_with_another_seed_it_is_another(short, data):
    first = numbers(fit_autoencoder(short, data))
    assert torch.equal(numbers(fit_autoencoder(short, data, retrain=True)), first)
    assert not torch.equal(numbers(fit_autoencoder(replace(short, seed=1), data)), first)


def test_photographs_of_the_held_out_fold_make_no_difference(short, data, tmp_path):
    images = np.where((data.fold == HELD_OUT)[:, None, None, None], 0, data.images).astype(np.uint8)
    other = replace(data, images=images, card=data.card | {"fingerprint": "a" * 16})
    elsewhere = replace(short, dir=tmp_path / "elsewhere")
    assert torch.equal(numbers(fit_autoencoder(short, data)), numbers(fit_autoencoder(elsewhere, other)))
