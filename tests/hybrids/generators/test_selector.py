"""Who keeps one of several drawings."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from plain_features import plain_maps
from tiny_flows import calls_counted

from clockodile.ambiguous import judge
from clockodile.ambiguous.judge import judge_run
from clockodile.core import store
from clockodile.core.errors import UserError
from clockodile.data.dataset import as_tensor
from clockodile.hybrids.generators import selector
from clockodile.hybrids.generators.selector import HELD_OUT, NAME, fit_selector, selector_from


@pytest.fixture
def plain(monkeypatch, tmp_path):
    """How rough pictures are instead of features of a network; no shipped weights."""
    for room in (judge, selector):
        monkeypatch.setattr(room, "maps_of", plain_maps)
    monkeypatch.setattr(store, "shipped_weights", lambda: tmp_path / "none")


def test_each_class_has_more_of_itself_than_other_things_have(run, whole, plain):
    train, chooser = whole.part("train"), fit_selector(run, whole)
    others = chooser.scores(as_tensor(judge.examples_of(run, whole).background.images))
    found = chooser.scores(train.tensor())
    assert found.shape == (len(train), 2)
    for place in (0, 1):
        assert found[train.labels == place, place].median() > others[:, place].median()


def test_it_has_not_seen_the_held_out_fold(run, whole, plain):
    chooser, pictures = fit_selector(run, whole), whole.part("train").rows(slice(0, 6))
    spoiled = chooser.judge.weight.copy()
    spoiled[np.arange(len(spoiled)) != HELD_OUT] = np.nan  # the probes that have seen it
    blind = replace(chooser, judge=replace(chooser.judge, weight=spoiled))
    assert torch.equal(blind.scores(pictures.tensor()), chooser.scores(pictures.tensor()))


def test_it_is_fitted_once_and_kept_apart_from_the_judge(run, whole, plain):
    first = fit_selector(run, whole)
    with calls_counted(judge, "fit_judge") as fitted:
        again = fit_selector(run, whole)
        assert not fitted and np.array_equal(first.judge.weight, again.judge.weight)
    assert (run.dir / f"{NAME}.safetensors").is_file() and not (run.dir / "judge.safetensors").exists()
    assert judge_run(run, whole).judge.weight.shape[2] == 2 * first.judge.weight.shape[2], "one size, not two"


def test_the_order_of_the_pair_is_that_of_the_names(run, whole, plain):
    fit_selector(run, whole)
    fitted = store.read_checkpoint(run.dir / f"{NAME}.safetensors")
    pictures = whole.part("train").rows(slice(0, 4)).tensor()
    one, other = (selector_from(fitted, names).scores(pictures) for names in (whole.classes, whole.classes[::-1]))
    assert torch.equal(one, other.flip(1))
    with pytest.raises(UserError, match="does not know 'ship'; it knows striped, dotted"):
        selector_from(fitted, ["striped", "ship"])


def test_what_comes_with_the_package_tells_a_dial_from_grey():
    fitted = store.read_checkpoint(store.shipped_weights() / "selector.safetensors")
    chooser = selector_from(fitted, ["clock", "crocodile"])
    rows = torch.linspace(-1, 1, 32)
    radius = (rows[:, None] ** 2 + rows[None] ** 2).sqrt()
    dial = torch.where(radius < 0.8, 0.95, 0.3) - 0.9 * ((radius < 0.55) & (rows[None].abs() < 0.07)).float()
    dial = dial - 0.6 * ((radius > 0.75) & (radius < 0.85)).float()
    pictures = torch.stack([dial.clamp(0, 1).expand(3, 32, 32), torch.full((3, 32, 32), 0.5)])
    drawn, grey = chooser.scores(pictures)
    assert drawn[0] > grey[0] and drawn[0] > drawn[1]
