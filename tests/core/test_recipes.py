import re
from dataclasses import FrozenInstanceError, fields, replace
from functools import partial
from pathlib import Path

import pytest

from clockodile.classify import half_quarter_quarter, own_net
from clockodile.classify.candidates import pick_candidates, table_of_runs
from clockodile.core.errors import UserError
from clockodile.core.recipes import PROFILES, RECIPES, get_profile, get_recipe
from clockodile.core.workspace import open_run
from clockodile.data.dataset import load_dataset
from clockodile.learn.models import CompactResNet


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UserError, match="unknown recipe 'clocks_crocodile'; did you mean 'clocks_crocodiles'"):
        get_recipe("clocks_crocodile")
    with pytest.raises(UserError, match="unknown profile 'x'; known: quick, full"):
        get_profile("x")


def test_recipes_and_profiles_cannot_be_changed_in_passing():
    with pytest.raises(FrozenInstanceError):
        get_recipe("folder").image_size = 64
    with pytest.raises(FrozenInstanceError):
        get_profile("quick").folds = 2


def test_full_never_computes_less_than_quick():
    quick, full = PROFILES["quick"], PROFILES["full"]
    numbers = [f.name for f in fields(quick) if isinstance(getattr(quick, f.name), int | float)]
    assert all(getattr(full, name) >= getattr(quick, name) for name in numbers)


def test_effort_shortens_every_training_and_nothing_else():
    quick = PROFILES["quick"]
    short = quick.with_effort(0.01)
    assert (short.own_net_epochs, short.classifier_epochs, short.scaled(500)) == (1, 1, 5)
    assert (short.folds, short.seeds, short.n_hybrids) == (quick.folds, quick.seeds, quick.n_hybrids)
    assert quick.with_effort(2).small_net_epochs == 2 * quick.small_net_epochs and quick.with_effort(1) == quick


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_a_recipe_compares_two_different_classes(recipe):
    assert recipe.pair[0] != recipe.pair[1]
    assert not recipe.classes or max(recipe.pair) < len(recipe.classes)


def test_nobody_asks_a_profile_for_its_name():
    """A third profile must work: what depends on it is a field."""
    root = Path(__file__).parents[2]
    own = [
        path
        for room in ("core", "learn", "data", "classify", "ambiguous")
        for path in root.glob(f"src/clockodile/{room}/*.py")
    ]
    own += [root / f"notebooks/{name}.ipynb" for name in ("02_classification", "03_ambiguous")]
    asking = re.compile(r"profile\.name *(==|!=|in\b)|\[run\.profile\.name\]")
    assert len(own) > 50 and not [path.name for path in own if asking.search(path.read_text("utf-8"))]


def test_a_third_profile_that_runs_in_seconds(photos, tmp_path, monkeypatch):
    smoke = {"folds": 3, "own_net_epochs": 1, "autoencoder_epochs": 25, "seeds": 2}
    third = replace(PROFILES["quick"], name="smoke", **smoke)
    monkeypatch.setitem(PROFILES, "smoke", third)
    monkeypatch.setattr(own_net, "CompactResNet", partial(CompactResNet, widths=(4, 8)))
    run = open_run(recipe="folder", profile="smoke", data_dir=str(photos), run_dir=str(tmp_path))
    train = load_dataset(run).part("train")
    assert own_net.out_of_fold(run, train)["logits"].shape[0] == 1
    chosen = pick_candidates("", slow=run.profile.slow_candidates)
    runs = table_of_runs(run, train, {name: chosen[name] for name in ("majority", "compact")}, seeds=[0])
    assert len(runs) == 2 * 3
    measured = half_quarter_quarter.quarter_accuracies(run, train, seed=0)
    assert measured.keys() == {"validation", "test"}
