from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import skimage.data
import torch
from skimage.transform import resize
from tiny_nets import Brightness

from clockodile.ambiguous.evidence import Judge
from clockodile.ambiguous.judge import features_of
from clockodile.core import store
from clockodile.hybrids import second_opinions as module
from clockodile.hybrids.second_opinions import (
    JUDGE,
    LABELS,
    NAMES,
    NETS,
    OLDER,
    WITNESS,
    evidence_by_name,
    labels_for,
    log_mass,
    opinion_table,
    opinions,
    probability_of_second,
    see_both,
    undecided,
)


def test_undecided_means_near_one_half():
    found = undecided(np.array([0.1, 0.26, 0.5, 0.74, 0.9]))
    assert found.tolist() == [False, True, True, True, False]


def test_evidence_for_both_is_not_evidence_for_neither():
    evidence = np.array([[0.95, 0.92], [0.5, 0.5], [0.99, 0.1]])
    assert see_both(evidence, (0, 1)).tolist() == see_both(evidence, (1, 0)).tolist() == [True, False, False]


# --- nets ---------------------------------------------------------------------------------------------------


@pytest.fixture
def nets(monkeypatch):
    """Nets of five folds that call bright pictures the second class, each a little surer than the one before."""
    found = [(Brightness(weight=float(weight)), None) for weight in (1, 2, 3, 4, 5)]
    monkeypatch.setattr(module, "fold_nets", lambda run, data, seed: found)


def test_the_nets_are_averaged_and_those_that_steered_can_be_left_out(run, data, nets):
    white = np.full((2, 32, 32, 3), 255, np.uint8)
    every = probability_of_second(run, data, white)
    surest = probability_of_second(run, data, white, folds=[3, 4])
    assert every.shape == (2,) and (surest > every).all()
    by_hand = np.mean([1 / (1 + np.exp(-weight)) for weight in (4, 5)])
    assert np.allclose(surest, by_hand, atol=1e-5)


# --- names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["clock", "Clocks", " crocodile ", "CROCODILES"])
def test_known_classes_have_labels_in_any_spelling(name):
    assert labels_for(name) and all(0 <= label < 1000 for label in labels_for(name))


@pytest.mark.parametrize("name", ["", "s", "cat", "my clock", "striped"])
def test_unknown_classes_have_none(name):
    assert labels_for(name) is None


def test_a_clock_is_a_clock_and_a_cat_is_none():
    pictures = [skimage.data.chelsea()[:, 70:370], skimage.data.coins()[:300, :300]]
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    ticks = (np.abs((angle * 6 / np.pi + 0.5) % 1 - 0.5) < 0.12) & (radius > 0.62) & (radius < 0.8)
    hands = (np.abs(x) < 0.05) & (y < 0) & (y > -0.6) | (np.abs(y) < 0.05) & (x > 0) & (x < 0.4)
    drawn = np.where(((radius > 0.85) & (radius < 0.95)) | ticks | hands, 20, 235).astype(np.uint8)
    shown = [resize(picture, (32, 32), anti_aliasing=True) * 255 for picture in (*pictures, drawn)]
    shown = [part if part.ndim == 3 else np.stack([part] * 3, 2) for part in shown]
    mass = log_mass(features_of(np.stack(shown).astype(np.uint8)), list(LABELS.values()))
    assert mass.shape == (3, 2) and (mass <= 0).all()
    assert mass[:, 0].argmax() == 2 and mass[2, 0] > mass[2, 1]


@pytest.fixture
def named(run, data, monkeypatch):
    """The shared data called clocks and crocodiles; a "network" whose clock is feature 0 and whose crocodile is 1."""
    layer = torch.nn.Linear(2, 1000)
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.zero_()
        for column, label in enumerate(("clock", "crocodile")):
            layer.weight[list(LABELS[label]), column] = 1.0
    monkeypatch.setattr(module, "last_layer", lambda: layer.requires_grad_(False))
    others = np.random.default_rng(0).random((50, 4)).astype(np.float32)
    rows = np.concatenate([np.zeros((len(data), 4), np.float32), others])
    store.save(run.dir, "features/judge.npz", {"rows": rows, "seconds": np.zeros(1)}, {})
    return replace(data, classes=("clock", "crocodile"))


def test_names_give_evidence_for_each_class_apart(run, named):
    features = np.array([[0, 0, 3, 3], [0, 0, 3, 0], [0, 0, 0, 3], [0, 0, -3, -3], [9, 9, 0, 0]], np.float32)
    found = evidence_by_name(run, named, features)
    assert (found >= 0).all() and (found <= 1).all()
    said = see_both(found, (0, 1))
    assert said.tolist() == [True, False, False, False, False]
    assert found[1, 0] > 0.9 > found[1, 1] and found[2, 1] > 0.9 > found[2, 0]


def test_without_names_that_opinion_is_left_out(run, data, named):
    measured = SimpleNamespace(
        evidence=np.full((3, 2), 0.95), pair=(0, 1), features=np.zeros((3, 4), np.float32)
    )
    assert list(opinions(run, named, measured, np.full(3, 0.5))) == [JUDGE, NETS, NAMES]
    assert list(opinions(run, data, measured, np.full(3, 0.5))) == [JUDGE, NETS]
    older = Judge(np.zeros((1, 2, 4)), np.zeros((1, 2)), np.ones((5, 2)))
    found = opinions(run, data, measured, np.full(3, 0.5), older=older)
    assert list(found) == [JUDGE, OLDER, NETS] and found[JUDGE].all() and not found[OLDER].any()
    found = opinions(
        run, data, measured, np.full(3, 0.5), witness=np.array([[0.95, 0.1], [0.95, 0.9], [0.1, 0.1]])
    )
    assert list(found) == [JUDGE, WITNESS, NETS] and found[WITNESS].tolist() == [False, True, False]


# --- all of them --------------------------------------------------------------------------------------------


def test_the_table_has_a_row_a_method_and_shares_with_intervals():
    table = opinion_table({"blend": {"a": np.array([0, 1, 1, 1]) > 0}, "flow": {"a": np.zeros(2, bool)}})
    assert table["method"].tolist() == ["blend", "flow"] and table["a"].tolist() == [0.75, 0]
    assert (table["a low"] <= table["a"]).all() and (table["a"] <= table["a high"]).all()
