"""The table of generators: every one is asked in the same words and keeps the same promises."""

from dataclasses import replace

import pytest
import torch
from tiny_flows import use_tiny_plans
from tiny_nets import with_short_plans

from clockodile.data.dataset import as_tensor
from clockodile.hybrids.generators import table
from clockodile.hybrids.generators.flow_of_run import HELD_OUT
from clockodile.hybrids.generators.table import ENTRIES, GENERATORS, parents, prepare

EACH = pytest.mark.parametrize("name", GENERATORS)


@pytest.fixture
def short(run, monkeypatch):
    use_tiny_plans(monkeypatch)
    return with_short_plans(run)


def test_every_generator_says_what_it_is():
    assert len(GENERATORS) == len(ENTRIES) == len({entry.title for entry in ENTRIES})


@EACH
def test_pictures_depend_on_their_seed_and_the_mix_alone(name, short, whole):
    draw = prepare([name], short, whole)[name]
    many = draw(range(3))
    assert many.shape == (3, 3, 32, 32) and 0 <= many.min() and many.max() <= 1
    assert torch.equal(draw(range(3)), many) and torch.allclose(draw([2]), many[2:], atol=0.02)
    assert not torch.allclose(draw(range(3), mix=0.1), many, atol=1e-3)


def test_a_net_that_several_share_is_made_ready_once(short, whole, monkeypatch):
    asked = []
    for entry in ENTRIES:
        if entry.fit is not None:
            fit = entry.fit
            break
    counted = lambda *words, **options: asked.append(fit) or fit(*words, **options)  # noqa: E731
    shared = [replace(entry, fit=counted) for entry in ENTRIES if entry.fit is fit]
    monkeypatch.setattr(table, "GENERATORS", {entry.name: entry for entry in shared} | {
        f"{entry.name} again": entry for entry in shared
    })  # fmt: skip
    draws = prepare(list(table.GENERATORS), short, whole)
    assert len(asked) == 1 and set(draws) == set(table.GENERATORS)
    prepare(list(table.GENERATORS), short, whole, ready={counted: fit(short, whole)})
    assert len(asked) == 1, "what is ready is not made again"


def test_parents_are_known_photographs_of_either_class(short, whole):
    first, second = parents(short, whole, range(20))
    known = (whole.split == "train") & (whole.fold != HELD_OUT)
    for label, pictures in enumerate((first, second)):
        own = as_tensor(whole.images[known & (whole.labels == label)])
        assert all((picture == own).flatten(1).all(1).any() for picture in pictures)
    pairs = {(one.numpy().tobytes(), other.numpy().tobytes()) for one, other in zip(first, second, strict=True)}
    assert len(pairs) == 20, "no two are blended twice"
    again = parents(short, whole, [7])
    assert torch.equal(again[0][0], first[7]) and torch.equal(again[1][0], second[7])
