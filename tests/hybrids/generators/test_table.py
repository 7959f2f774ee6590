"""The table of methods: every one is asked in the same words and keeps the same promises."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_flows import use_tiny_plans
from tiny_nets import with_short_plans

from clockodile.core import store
from clockodile.hybrids.generators.table import GENERATORS, parent_images, parents
from clockodile.hybrids.generators.trained import CONV_AUTOENCODER
from clockodile.learn.autoencoders import ConvAutoencoder

NETLESS = ("pixel_blend", "frequency_hybrid", "pyramid_paste")
EACH = pytest.mark.parametrize("name", GENERATORS)
TRAINED = [name for name, generator in GENERATORS.items() if generator.trained]


@pytest.fixture
def short_run(run, monkeypatch):
    use_tiny_plans(monkeypatch)
    return with_short_plans(run)


def make(name, run, data, seeds, **options):
    return GENERATORS[name].prepare(run, data)(seeds, **options)


def test_every_generator_says_what_it_is():
    assert {"pixel_blend", "vae", "gan", "flow", "flow_guided", *NETLESS} <= set(GENERATORS)
    assert all(name == found.name and found.title and found.source for name, found in GENERATORS.items())
    assert len({found.title for found in GENERATORS.values()}) == len(GENERATORS)
    for found in GENERATORS.values():
        assert (found.budget is None) == (not found.files) and (found.from_noise or not found.one_class)


@EACH
def test_its_budget_is_the_profiles(name, run):
    smoke = replace(
        run.profile.with_effort(0.1), name="smoke", generator_width=24, flow_batch=5, autoencoder_epochs=999
    )
    budget = GENERATORS[name].budget
    assert budget is None or budget(smoke) != budget(run.profile)


def test_parents_are_one_of_each_class_and_never_held_out(data):
    rows = parents(data, (1, 0), range(200), 3)
    assert rows.shape == (200, 2)
    assert (data.labels[rows] == (1, 0)).all() and (data.fold[rows] != 0).all()
    assert len(np.unique(rows[:, 0])) > 30


def test_parents_are_training_photographs(data):
    split = data.split.copy()
    split[::2] = "test"
    rows = parents(replace(data, split=split), (0, 1), range(50), 0)
    assert (split[rows] == "train").all()


def test_parents_belong_to_their_seed_alone(data):
    assert np.array_equal(parents(data, (0, 1), [4, 8], 0)[1:], parents(data, (0, 1), [8], 0))
    assert not np.array_equal(parents(data, (0, 1), range(20), 0), parents(data, (0, 1), range(20), 1))
    assert parents(data, (0, 1), [], 0).shape == (0, 2)


@EACH
def test_pictures_of_each_generator(name, short_run, data):
    draw = GENERATORS[name].prepare(short_run, data)
    many = draw(range(4))
    assert many.shape == (4, 3, 32, 32) and many.dtype == torch.float32
    assert 0 <= many.min() and many.max() <= 1 and not many.requires_grad
    assert torch.equal(many, make(name, short_run, data, range(4), mix=0.5, candidate=0))
    assert torch.allclose(many[2:3], draw([2]), atol=1e-5)
    ends = [draw(range(3), mix=mix) for mix in (0.0, 1.0)]
    assert not torch.equal(ends[0], many[:3]) and not torch.equal(many[:3], ends[1]), "the mix matters"
    assert not torch.equal(many, draw(range(4), candidate=1)), "so does the candidate"


@pytest.mark.parametrize("name", NETLESS)
def test_the_ends_of_blends_are_the_parents(name, short_run, data):
    first, second = parent_images(short_run, data, range(3))
    assert torch.allclose(make(name, short_run, data, range(3), mix=0.0), first, atol=1e-6)
    assert torch.allclose(make(name, short_run, data, range(3), mix=1.0), second, atol=1e-6)


def test_an_autoencoder_ends_at_its_copies(short_run, data):
    net, _ = CONV_AUTOENCODER.fit(short_run, data)
    assert isinstance(net, ConvAutoencoder)
    first, second = parent_images(short_run, data, range(3))
    made = make("conv_autoencoder", short_run, data, range(3), mix=0.0)
    assert torch.allclose(made, net(first).detach(), atol=1e-6)


def test_other_numbers_of_classes_are_fine(short_run, data):
    three = replace(data, labels=np.arange(len(data)) % 3, classes=("a", "b", "c"))
    run = replace(short_run, recipe=replace(short_run.recipe, pair=(2, 0)))
    assert (three.labels[parents(three, (2, 0), range(9), 0)] == (2, 0)).all()
    for name in GENERATORS:
        assert make(name, run, three, [1, 2]).shape == (2, 3, 32, 32)


@pytest.mark.parametrize("name", TRAINED)
def test_what_could_be_read_is_trained_again_when_asked(name, short_run, data, monkeypatch):
    asked, usual = [], store.fit_or_load

    def fit_or_load(*words, retrain, **options):
        asked.append(retrain)
        return usual(*words, retrain=retrain, **options)

    monkeypatch.setattr(store, "fit_or_load", fit_or_load)
    pictures = [GENERATORS[name].prepare(short_run, data, retrain=again)([3]) for again in (False, True)]
    assert asked == [False, True] and torch.equal(*pictures)
