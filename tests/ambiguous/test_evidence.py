import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from clockodile.ambiguous import evidence
from clockodile.ambiguous.evidence import Judge, fit_judge, percentile, quadrants


@pytest.fixture
def world():
    """Maps of two classes, of other things, and of pictures that are both: each class is one direction."""
    rng = np.random.default_rng(0)
    shown = np.array([[4, 0], [0, 4], [0, 0], [4, 4]])
    kind = np.repeat([0, 1, 2, 3], 100)
    features = np.concatenate([shown[kind], np.zeros((400, 6))], 1) + rng.normal(size=(400, 8))
    return features[:, :, None, None], kind


def some(maps, rows):
    """These pictures, seen at one size."""
    return [maps[rows]]


@pytest.fixture
def judge(world):
    maps, kind = world
    known = kind < 3
    return fit_judge(some(maps, known), np.where(kind == 2, -1, kind)[known], np.arange(300) % 5, classes=2)


def test_pictures_of_both_have_both_and_of_neither_neither(world, judge):
    maps, kind = world
    corner = quadrants(judge.evidence([maps]), (0, 1))
    share = {name: (corner[kind == number] == name).mean() for number, name in enumerate(("first", "second"))}
    assert min(share.values()) > 0.8
    assert (corner[kind == 3] == "both").mean() > 0.5 and (corner[kind == 2] == "both").mean() < 0.05


def test_a_threshold_lets_the_named_share_of_other_things_pass(world, judge):
    maps, kind = world
    held = judge.evidence(some(maps, kind == 2), np.arange(200, 300) % 5)
    assert np.allclose((held >= 0.9).mean(0), 0.1, atol=0.011)
    assert np.allclose((held >= 0.95).mean(0), 0.05, atol=0.011)


def test_the_order_of_the_classes_does_not_matter(world):
    maps, kind = world
    known, labels = kind < 3, np.where(kind == 2, -1, kind)
    swapped = np.where(labels < 0, -1, 1 - labels)
    one, other = (
        fit_judge(some(maps, known), part[known], np.arange(300) % 5, classes=2) for part in (labels, swapped)
    )
    assert np.allclose(one.evidence([maps]), other.evidence([maps])[:, ::-1], atol=1e-3)


def test_nobody_is_judged_by_a_probe_that_saw_it(monkeypatch):
    """On pure noise a probe knows the pictures it was fitted on by heart, and nothing about others."""
    rng = np.random.default_rng(1)
    maps, labels, fold = [rng.normal(size=(240, 200, 1, 1))], np.arange(240) % 3 - 1, np.arange(240) % 5
    monkeypatch.setattr(evidence, "STRENGTH", 1.0)
    judge = fit_judge(maps, labels, fold, classes=2)
    fair, unfair = judge.scores(maps, fold)[:, 0], judge.scores(maps)[:, 0]
    asked = labels <= 0
    assert abs(roc_auc_score(labels[asked] == 0, fair[asked]) - 0.5) < 0.12
    assert roc_auc_score(labels[asked] == 0, unfair[asked]) > 0.95


def test_rivals_as_counter_examples_count_against_each_other(world):
    maps, kind = world
    known, labels = kind < 3, np.where(kind == 2, -1, kind)
    apart, one_vs_rest = (
        fit_judge(some(maps, known), labels[known], np.arange(300) % 5, classes=2, one_vs_rest=rule)
        for rule in (False, True)
    )
    assert np.median(apart.scores(some(maps, kind == 1))[:, 0]) > np.median(
        one_vs_rest.scores(some(maps, kind == 1))[:, 0]
    )


def test_with_a_makeshift_evidence_is_counted_among_the_other_classes_too(world):
    maps, kind = world
    known, labels, fold = kind < 3, np.where(kind == 2, -1, kind), np.arange(300) % 5
    maps = maps.copy()
    maps[kind == 2] -= 5  # pictures of neither that nothing real looks like
    apart, with_rivals = (
        fit_judge(some(maps, known), labels[known], fold, classes=2, one_vs_rest=rule) for rule in (False, True)
    )
    rivals = some(maps, kind == 1)
    assert (apart.evidence(rivals)[:, 0] >= 0.9).mean() > 0.5, "everything real seems to be a class"
    assert (with_rivals.evidence(rivals, fold[100:200])[:, 0] >= 0.9).mean() < 0.25
    steps = 200 * with_rivals.evidence([maps], np.zeros(len(maps), int))
    assert np.allclose(steps, steps.round()), "a hundred rivals; a tie counts one half"


def test_it_works_for_three_classes(world):
    maps, kind = world
    judge = fit_judge([maps], np.where(kind == 2, -1, np.where(kind == 3, 2, kind)), np.arange(400) % 5, classes=3)
    assert judge.evidence([maps]).shape == (400, 3)


def test_percentiles_by_hand():
    others = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 2.0], [4.0, 5.0]])
    assert percentile(np.array([[2.5, 2.0], [0.0, 9.0]]), others).tolist() == [[0.5, 0.5], [0.0, 1.0]]


def test_quadrants_of_any_pair():
    found = np.array([[0.95, 0.1, 0.95], [0.1, 0.95, 0.0], [0.1, 0.1, 0.1]])
    assert quadrants(found, (0, 2)).tolist() == ["both", "neither", "neither"]
    assert quadrants(found, (1, 0)).tolist() == ["second", "first", "neither"]


def test_the_strongest_place_of_each_size_counts():
    """By hand: one feature, two places at the one size, four at the other, and two folds' probes."""
    judge = Judge(np.array([[[1.0, 10.0]], [[3.0, 10.0]]]), np.array([[0.5], [0.5]]), np.zeros((1, 1)))
    small, large = np.array([1.0, 2.0]).reshape(1, 1, 1, 2), np.array([0.0, -1, 0.3, 0]).reshape(1, 1, 2, 2)
    assert judge.scores([small, large], np.array([0])).item() == pytest.approx(2 + 3 + 0.5)
    assert judge.scores([small, large], np.array([1])).item() == pytest.approx(6 + 3 + 0.5)
    assert judge.scores([small, large]).item() == pytest.approx(4 + 3 + 0.5), "the mean of both"


def test_many_pictures_are_judged_like_few(monkeypatch, world, judge):
    maps, fold = world[0], np.arange(400) % 5
    whole = judge.scores([maps], fold)
    monkeypatch.setattr(evidence, "CHUNK", 7)
    assert np.allclose(judge.scores([maps], fold), whole)
