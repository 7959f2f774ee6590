"""The earlier generators on a run: trained once, kept, and never shown the held-out fold."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from clockodile.core.recipes import PROFILES
from clockodile.hybrids.generators import earlier
from clockodile.hybrids.generators.earlier import (
    PLANS,
    AutoencoderConfig,
    curve,
    fit_autoencoder,
    fit_conv_autoencoder,
    fit_gan,
    fit_vae,
    known_photographs,
)
from clockodile.hybrids.generators.gan import GanConfig
from clockodile.hybrids.generators.vae import VaeConfig

FITS = pytest.mark.parametrize(
    ("fit", "shorter"),
    [
        (fit_autoencoder, {"epochs": 2}),
        (fit_conv_autoencoder, {"plan": AutoencoderConfig(epochs=1, batch=50)}),
        (fit_vae, {"plan": VaeConfig(steps=3, batch=8, code=8, width=8)}),
        (fit_gan, {"plan": GanConfig(steps=3, batch=8, code=8, width=8)}),
    ],
    ids=["dense", "conv", "vae", "gan"],
)


def same(first, second) -> bool:
    return all(
        torch.equal(a, b)
        for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


@FITS
def test_each_is_trained_once(fit, shorter, run, data):
    first, fitted = fit(run, data, **shorter)
    again, loaded = fit(run, data, **shorter)
    assert (fitted.origin, loaded.origin) == ("trained", "run folder")
    assert same(first, again) and not first.training
    assert np.isfinite(loaded.metrics["losses"]).all()
    assert fit(run, data, retrain=True, **shorter)[1].origin == "trained"


@FITS
def test_the_held_out_fold_changes_nothing(fit, shorter, run, data, tmp_path):
    images = data.images.copy()
    images[data.fold == 0] = 255 - images[data.fold == 0]
    other = replace(data, images=images, card=data.card | {"fingerprint": "0" * 16})
    there = replace(run, dir=tmp_path / "elsewhere")
    assert same(fit(run, data, **shorter)[0], fit(there, other, **shorter)[0])


@FITS
def test_other_folds_mean_another_training(fit, shorter, run, data):
    fit(run, data, **shorter)
    assert fit(run, replace(data, fold=(data.fold + 1) % 5), **shorter)[1].origin == "trained"


def test_only_training_photographs_outside_the_fold_are_known(data):
    split = data.split.copy()
    split[:10] = "test"
    known = known_photographs(replace(data, split=split))
    assert len(known) == ((data.fold != 0) & (split == "train")).sum()
    assert set(known.split) == {"train"} and 0 not in known.fold


def test_the_autoencoder_of_the_first_report_takes_the_profiles_epochs(run, data, monkeypatch):
    asked = {}

    def train(make_model, images, **plan):
        asked.update(plan)
        return make_model(), [1.0]

    monkeypatch.setattr(earlier, "train_autoencoder", train)
    fit_autoencoder(run, data)
    assert asked["epochs"] == run.profile.autoencoder_epochs and asked["batch"] is None


def test_every_profile_has_its_plans():
    assert set(PLANS) == set(PROFILES)
    assert PLANS["quick"].gan.steps < PLANS["full"].gan.steps


def test_curves_are_short_and_keep_their_mean():
    assert curve([1.0, 3.0]) == [1.0, 3.0]
    long = curve([(float(i), 0.0) for i in range(1000)])
    assert len(long) == 100 and long[0] == [4.5, 0.0]
