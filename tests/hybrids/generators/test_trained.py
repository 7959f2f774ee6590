"""Autoencoders, VAE and GAN on a run: trained once, kept, and never shown the held-out fold."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_nets import with_short_plans

from clockodile.core import store
from clockodile.hybrids.generators.trained import (
    CONV_AUTOENCODER,
    DENSE_AUTOENCODER,
    GAN,
    VAE,
    curve,
    known_photographs,
)

EACH = pytest.mark.parametrize(
    "net", [DENSE_AUTOENCODER, CONV_AUTOENCODER, VAE, GAN], ids=lambda net: net.name
)


@pytest.fixture
def run(run):
    return with_short_plans(run)


def same(first, second) -> bool:
    return all(
        torch.equal(a, b)
        for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


@EACH
def test_each_is_trained_once(net, run, data):
    first, fitted = net.fit(run, data)
    again, loaded = net.fit(run, data)
    assert (fitted.origin, loaded.origin) == ("trained", "run folder")
    assert same(first, again) and not first.training
    assert np.isfinite(loaded.metrics["losses"]).all()
    assert net.fit(run, data, retrain=True)[1].origin == "trained"


@EACH
def test_the_held_out_fold_changes_nothing(net, run, data, tmp_path):
    images = data.images.copy()
    images[data.fold == 0] = 255 - images[data.fold == 0]
    other = replace(data, images=images, card=data.card | {"fingerprint": "0" * 16})
    there = replace(run, dir=tmp_path / "elsewhere")
    assert same(net.fit(run, data)[0], net.fit(there, other)[0])


@EACH
def test_other_folds_mean_another_training(net, run, data):
    net.fit(run, data)
    assert net.fit(run, replace(data, fold=(data.fold + 1) % 5))[1].origin == "trained"


@EACH
def test_longer_trained_weights_of_the_package_are_good_enough(net, run, data, tmp_path, monkeypatch):
    longer = replace(run, profile=replace(run.profile, vae_steps=3, gan_steps=3, conv_autoencoder_epochs=2))
    longer = replace(longer, profile=replace(longer.profile, autoencoder_epochs=3, generator_width=16))
    expected, _ = net.fit(replace(longer, dir=tmp_path / "package"), data)
    monkeypatch.setattr(store, "shipped_weights", lambda: tmp_path / "package" / "generators")
    found, fitted = net.fit(run, data)
    assert fitted.origin == "shipped" and same(expected, found)


def test_only_training_photographs_outside_the_fold_are_known(data):
    split = data.split.copy()
    split[:10] = "test"
    known = known_photographs(replace(data, split=split))
    assert len(known) == ((data.fold != 0) & (split == "train")).sum()
    assert set(known.split) == {"train"} and 0 not in known.fold


def test_the_profile_says_how_long_each_is_trained(run):
    profile = replace(run.profile, name="smoke", autoencoder_epochs=7, vae_steps=11, gan_steps=13)
    assert DENSE_AUTOENCODER.config(profile).epochs == 7 and DENSE_AUTOENCODER.config(profile).batch is None
    assert VAE.config(profile).steps == 11 and GAN.config(profile).steps == 13
    assert VAE.config(profile.with_effort(2)).steps == 22


def test_curves_are_short_and_keep_their_mean():
    assert curve([1.0, 3.0]) == [1.0, 3.0]
    long = curve([(float(i), 0.0) for i in range(1000)])
    assert len(long) == 100 and long[0] == [4.5, 0.0]
