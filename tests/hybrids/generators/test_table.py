"""The table of methods: every one is asked in the same words and keeps the same promises."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_nets import with_short_plans

from clockodile.core import store
from clockodile.hybrids.generators import earlier
from clockodile.hybrids.generators.table import CLASSIC, parent_images, parents
from clockodile.learn.autoencoders import ConvAutoencoder

NAMES = [
    "pixel_blend",
    "frequency_hybrid",
    "pyramid_paste",
    "dense_autoencoder",
    "conv_autoencoder",
    "vae",
    "gan",
]
EACH = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
def short_run(run, monkeypatch):
    return with_short_plans(run, monkeypatch)


def test_the_table_holds_these_methods():
    assert list(CLASSIC) == NAMES
    assert all(name == method.name and method.title and method.source for name, method in CLASSIC.items())
    assert len({method.title for method in CLASSIC.values()}) == len(NAMES)


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
def test_pictures_of_each_method(name, short_run, data):
    make = CLASSIC[name].make
    many = make(short_run, data, range(4))
    assert many.shape == (4, 3, 32, 32) and many.dtype == torch.float32
    assert 0 <= many.min() and many.max() <= 1 and not many.requires_grad
    assert torch.equal(many, make(short_run, data, range(4)))
    assert torch.allclose(many[2:3], make(short_run, data, [2]), atol=1e-5)


@EACH
def test_what_is_prepared_once_draws_the_same(name, short_run, data):
    draw = CLASSIC[name].prepare(short_run, data)
    for mix in (0.3, 0.5):
        assert torch.equal(draw(range(2), mix=mix), CLASSIC[name].make(short_run, data, range(2), mix=mix))
    assert torch.equal(draw(range(2)), draw(range(2), mix=0.5))


@EACH
def test_the_mix_matters(name, short_run, data):
    ends = [CLASSIC[name].make(short_run, data, range(3), mix=mix) for mix in (0.0, 0.5, 1.0)]
    assert not torch.equal(ends[0], ends[1]) and not torch.equal(ends[1], ends[2])


@pytest.mark.parametrize("name", ["pixel_blend", "frequency_hybrid", "pyramid_paste"])
def test_the_ends_of_blends_are_the_parents(name, short_run, data):
    first, second = parent_images(short_run, data, range(3))
    assert torch.allclose(CLASSIC[name].make(short_run, data, range(3), mix=0.0), first, atol=1e-6)
    assert torch.allclose(CLASSIC[name].make(short_run, data, range(3), mix=1.0), second, atol=1e-6)


def test_an_autoencoder_ends_at_its_copies(short_run, data):
    net, _ = earlier.fit_conv_autoencoder(short_run, data)
    assert isinstance(net, ConvAutoencoder)
    first, second = parent_images(short_run, data, range(3))
    made = CLASSIC["conv_autoencoder"].make(short_run, data, range(3), mix=0.0)
    assert torch.allclose(made, net(first).detach(), atol=1e-6)


def test_other_numbers_of_classes_are_fine(short_run, data):
    three = replace(data, labels=np.arange(len(data)) % 3, classes=("a", "b", "c"))
    run = replace(short_run, recipe=replace(short_run.recipe, pair=(2, 0)))
    assert (three.labels[parents(three, (2, 0), range(9), 0)] == (2, 0)).all()
    for method in CLASSIC.values():
        assert method.make(run, three, [1, 2]).shape == (2, 3, 32, 32)


@pytest.mark.parametrize("name", NAMES[3:])
def test_what_could_be_read_is_trained_again_when_asked(name, short_run, data, monkeypatch):
    asked, usual = [], store.fit_or_load

    def fit_or_load(*words, retrain, **options):
        asked.append(retrain)
        return usual(*words, retrain=retrain, **options)

    monkeypatch.setattr(store, "fit_or_load", fit_or_load)
    pictures = [CLASSIC[name].make(short_run, data, [3], retrain=again) for again in (False, True)]
    assert asked == [False, True] and torch.equal(*pictures)
