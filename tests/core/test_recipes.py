from dataclasses import FrozenInstanceError, fields

import pytest

from clockodile.core.errors import UserError
from clockodile.core.recipes import PROFILES, RECIPES, get_profile, get_recipe


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(
        UserError, match="unknown recipe 'clocks_crocodile'; did you mean 'clocks_crocodiles'"
    ):
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
    numbers = [f.name for f in fields(quick) if f.name != "name"]
    assert all(getattr(full, name) >= getattr(quick, name) for name in numbers)


def test_effort_shortens_every_training_and_nothing_else():
    quick = PROFILES["quick"]
    short = quick.with_effort(0.01)
    assert (short.own_net_epochs, short.classifier_epochs, short.scaled(500)) == (1, 1, 5)
    assert (short.folds, short.seeds, short.n_hybrids) == (quick.folds, quick.seeds, quick.n_hybrids)
    assert quick.with_effort(2).ablation_epochs == 2 * quick.ablation_epochs and quick.with_effort(1) == quick


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_a_recipe_compares_two_different_classes(recipe):
    assert recipe.pair[0] != recipe.pair[1]
    assert not recipe.classes or max(recipe.pair) < len(recipe.classes)
