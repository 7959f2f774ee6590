"""The autoencoders of notebook 04: trained once on what may be known, kept, or taken from the package."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_nets import with_short_plans

from clockodile.core import store
from clockodile.hybrids.generators import trained
from clockodile.hybrids.generators.flow_of_run import HELD_OUT
from clockodile.hybrids.generators.trained import fit_autoencoder, fit_vae

BOTH = pytest.mark.parametrize("fit", [fit_autoencoder, fit_vae])


@pytest.fixture
def short(run):
    return with_short_plans(run)


def numbers(net: torch.nn.Module) -> torch.Tensor:
    return torch.cat([part.flatten().float() for part in net.state_dict().values()])


@BOTH
def test_it_is_trained_once_and_kept(fit, short, data, monkeypatch):
    first = fit(short, data)
    assert not first.training
    for name in ("train_full_batch", "train_vae"):
        monkeypatch.setattr(trained, name, None)  # nothing is trained twice
    assert torch.equal(numbers(fit(short, data)), numbers(first))


@BOTH
def test_retrained_with_another_seed_it_is_another(fit, short, data):
    first = numbers(fit(short, data))
    assert torch.equal(numbers(fit(short, data, retrain=True)), first)
    assert not torch.equal(numbers(fit(replace(short, seed=1), data)), first)


@BOTH
def test_photographs_of_the_held_out_fold_make_no_difference(fit, short, data, tmp_path):
    images = np.where((data.fold == HELD_OUT)[:, None, None, None], 0, data.images).astype(np.uint8)
    other = replace(data, images=images, card=data.card | {"fingerprint": "a" * 16})
    elsewhere = replace(short, dir=tmp_path / "elsewhere")
    assert torch.equal(numbers(fit(short, data)), numbers(fit(elsewhere, other)))


@BOTH
def test_the_packages_is_taken_for_the_same_photographs_however_long_it_was_trained(
    fit, short, data, tmp_path, monkeypatch
):
    longer = replace(short.profile, autoencoder_epochs=3, vae_steps=3)
    package = replace(short, dir=tmp_path / "package", profile=longer)
    expected = numbers(fit(package, data))
    monkeypatch.setattr(store, "shipped_weights", lambda: tmp_path / "package" / "generators")
    assert torch.equal(numbers(fit(short, data)), expected)
