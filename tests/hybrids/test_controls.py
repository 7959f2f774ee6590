"""Controls: the other half is something else of the same fold; a rule is compared with somebody who knows all."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from clockodile.ambiguous.background import Background
from clockodile.data.dataset import as_images
from clockodile.hybrids import controls
from clockodile.hybrids.controls import (
    Candidates,
    ScoredImages,
    candidates_from,
    other_things,
    pasted_with_other_things,
    photographs_again,
    searched_candidates,
    selection_against_judge,
    selectors,
)
from clockodile.hybrids.generators.table import parents


class Judge:
    """Takes brightness for the first class and redness for the second; remembers which probes were asked."""

    background = np.sort(np.random.default_rng(0).random((50, 2)), axis=0)

    def evidence(self, images, fold=None):
        self.asked = fold
        return np.stack([images.mean((1, 2, 3)) / 255, images[..., 0].mean((1, 2)) / 255], 1)


@pytest.fixture
def known(monkeypatch, data):
    """A yardstick; all else is a grey square in one of five folds; the brighter ones are cut from photographs."""
    greys = np.arange(40, 160, dtype=np.uint8)
    images = np.broadcast_to(greys[:, None, None, None], (120, *data.images.shape[1:])).copy()
    origin = np.where(np.arange(120) < 60, -1, 7)
    judged = SimpleNamespace(
        judge=Judge(),
        background=Background(images, np.array(["grey"] * 120), origin),
        fold_background=np.arange(120) % 5,
        scores_background=np.random.default_rng(1).random((120, 2)),
    )
    monkeypatch.setattr(controls, "features_of", lambda images: images)
    return SimpleNamespace(judged=judged, pair=(0, 1), seed=0, evidence=judged.judge.evidence)


def test_one_half_is_the_photograph_and_the_other_something_else_of_its_fold(run, data, known):
    seeds = range(5)
    found = pasted_with_other_things(run, data, known, seeds)
    assert list(found) == [f"'{name}' with another thing" for name in data.classes[:2]]
    rows, middle = parents(data, run.recipe.pair, seeds, run.seed), data.images.shape[1] // 2
    for place, judged in enumerate(found.values()):
        pictures = judged.images
        assert pictures.shape == (5, *data.images.shape[1:]) and pictures.dtype == np.uint8
        frame, inside = pictures[:, 0, 0].astype(int), pictures[:, middle, middle].astype(int)
        thing, photograph = (inside, frame) if place == 0 else (frame, inside)
        where = (0, 0) if place == 0 else (middle, middle)
        assert np.abs(photograph - data.images[rows[:, place]][:, where[0], where[1]]).max() < 40
        assert np.ptp(thing, axis=1).max() <= 12, "a grey square has no colour"
        assert thing.max() < 110, "those cut from photographs are brighter, and not taken"
    again = pasted_with_other_things(run, data, known, [3])
    assert all(np.array_equal(part.images[0], found[name].images[3]) for name, part in again.items())


def test_they_are_judged_by_the_probe_that_saw_neither_half(run, data, known):
    found = pasted_with_other_things(run, data, known, range(6))
    judge, rows = known.judged.judge, parents(data, run.recipe.pair, range(6), run.seed)
    assert np.array_equal(judge.asked, data.fold[rows[:, 1]]), "the last one asked"
    assert all(np.array_equal(part.evidence, judge.evidence(part.images)) for part in found.values())


def test_photographs_come_as_often_as_asked_each_with_its_own_evidence(data):
    evidence = np.random.default_rng(2).random((len(data), 2))
    held_out = np.array([3, 5, 70])
    reference = SimpleNamespace(
        pair=(0, 1),
        seed=4,
        train=data,
        judged=SimpleNamespace(evidence=evidence),
        held_out=lambda classes: held_out,
    )
    found = photographs_again(reference, 40)
    assert len(found.images) == 40
    for image, own in zip(found.images, found.evidence, strict=True):
        (row,) = np.flatnonzero((evidence == own).all(1))
        assert row in held_out and np.array_equal(image, data.images[row])


def test_other_things_come_with_what_probes_without_their_fold_see(known):
    found = other_things(known, count=50)
    images, evidence = found.images, found.evidence
    assert len(images) == 50 and evidence.shape == (50, 2) and 0 <= evidence.min() and evidence.max() <= 1
    rows = images[:, 0, 0, 0].astype(int) - 40
    assert len(set(rows)) == 50
    for column, scores in zip(evidence.T, known.judged.scores_background[rows].T, strict=True):
        assert (np.diff(column[scores.argsort()]) >= 0).all() and np.ptp(column) > 0.5, (
            "a picture's own score"
        )


def test_a_rule_that_knows_all_finds_every_seed_that_can_be_found():
    # 3 tries for 4 seeds: seed 0 is always both, seed 1 in the last try, seeds 2 and 3 never
    both = np.array([[1, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0]], float)
    evidence = np.stack([np.where(both, 0.99, 0.2), np.full((3, 4), 0.95)], 2).reshape(12, 2)
    found = selection_against_judge(evidence, both, (0, 1))
    assert found["all"] == pytest.approx(4 / 12) and found["any"] == 0.5 and found["selected"] == 0.5
    assert found["agreement"] == pytest.approx(1)
    against = selection_against_judge(evidence, -both, (0, 1))
    assert against["selected"] == 0.25 and against["agreement"] == pytest.approx(-1)


@pytest.fixture
def look():
    """Somebody who sees what the judge sees."""
    judge = Judge()
    return lambda images: torch.from_numpy(judge.evidence(as_images(images)))


def test_only_methods_with_tries_were_tried(data):
    stored = {"candidates_one": data.images[:6], "scores_one": np.random.default_rng(0).random((2, 3))}
    judge = Judge()
    titles = {"one": "first title", "one_best": "best title", "two": "second title"}
    found = searched_candidates(SimpleNamespace(evidence=judge.evidence), stored, titles)
    assert list(found) == ["best title"] and found["best title"].scores is stored["scores_one"]
    assert np.array_equal(found["best title"].evidence, judge.evidence(data.images[:6]))


def test_the_rule_chooses_among_as_many_as_it_may_and_leaves_the_rest(data, look):
    judged = {
        name: ScoredImages(data.images[:count], Judge().evidence(data.images[:count]))
        for name, count in {"two each": 7, "none": 2}.items()
    }
    found = candidates_from(look, judged, (0, 1), 3)
    assert list(found) == ["two each"]
    tried = found["two each"]
    assert tried.scores.shape == (3, 2) and len(tried.images) == len(tried.evidence) == 6
    assert np.allclose(tried.scores.ravel(), tried.evidence.min(1), atol=1e-6), "the lesser evidence of each"


def test_rivals_choose_by_the_same_rule(data, look):
    images = data.images[:6]
    tried = {"title": Candidates(images, Judge().evidence(images), np.random.default_rng(0).random((2, 3)))}

    def mistaken(images):
        return -look(images).amin(1, keepdim=True).expand(-1, 2)

    found = selectors(tried, (0, 1), {"a sage": look, "a fool": mistaken})
    assert found["a sage: agreement"].item() == pytest.approx(1)
    assert found["a fool: agreement"].item() == pytest.approx(-1)
    plain = selectors(tried, (0, 1))
    assert plain.index.tolist() == ["title"] and plain.index.name == "candidates of"
    assert found[list(plain)].equals(plain), "they change nothing"
