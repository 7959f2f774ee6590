from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from clockodile.classify import ablation, own_net
from clockodile.classify.ablation import EVERYTHING, VARIANTS, fit_variant
from clockodile.core.workspace import open_run
from clockodile.learn.models import CompactResNet
from clockodile.learn.training import TrainConfig


@pytest.fixture
def data(data):
    """Forty of the shared images, smaller, in four folds."""
    some = data.rows(np.r_[0:20, 60:80])
    return replace(some, images=np.ascontiguousarray(some.images[:, ::2, ::2]), fold=np.arange(40) % 4)


@pytest.fixture
def run(tmp_path):
    return open_run(recipe="folder", data_dir=str(tmp_path), run_dir=str(tmp_path / "run"))


@pytest.fixture
def trained(monkeypatch):
    """Every net's training is noted instead of done in full; each net is narrow."""
    seen, real = [], ablation.train

    def train(make, images, labels, plan, *, seed):
        seen.append({"net": make(), "plan": plan, "seed": seed, "images": len(images)})
        return real(partial(CompactResNet, widths=(4, 8)), images, labels, replace(plan, epochs=1), seed=seed)

    monkeypatch.setattr(ablation, "train", train)
    monkeypatch.setattr(own_net, "CompactResNet", partial(CompactResNet, widths=(4, 8)))
    return seen


def test_held_out_images_of_the_chosen_folds_are_judged(run, data, trained):
    found = fit_variant(run, data, EVERYTHING, folds=[1, 3], epochs=4, seed=0)
    assert found["rows"].tolist() == [*range(1, 40, 4), *range(3, 40, 4)]
    assert found["logits"].shape == found["mirrored"].shape == (20, 2)
    assert [part["images"] for part in trained] == [30, 30]
    assert trained[0]["seed"] != trained[1]["seed"]


@pytest.mark.parametrize("name", list(VARIANTS))
def test_a_variant_differs_in_one_thing(run, data, trained, name):
    fit_variant(run, data, name, folds=[0], epochs=8, seed=0)
    changed = [
        part
        for part in vars(TrainConfig(8))
        if getattr(trained[0]["plan"], part) != getattr(TrainConfig(8), part)
    ]
    learned = trained[0]["net"].stem.weight.requires_grad
    assert len(changed) + learned + ("widths" in VARIANTS[name][1]) == (name != EVERYTHING)


def test_predictions_are_kept_by_what_they_depend_on(run, data, trained):
    first = fit_variant(run, data, EVERYTHING, folds=[0], epochs=2, seed=0)
    again = fit_variant(run, data, EVERYTHING, folds=[0], epochs=2, seed=0)
    assert len(trained) == 1 and np.array_equal(first["logits"], again["logits"])
    fit_variant(run, replace(data, fold=np.roll(data.fold, 1)), EVERYTHING, folds=[0], epochs=2, seed=0)
    fit_variant(run, data, EVERYTHING, folds=[0], epochs=3, seed=0)
    fit_variant(run, data, EVERYTHING, folds=[0], epochs=2, seed=1)
    assert len(trained) == 4
