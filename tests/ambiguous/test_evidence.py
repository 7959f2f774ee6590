import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from clockodile.ambiguous import evidence
from clockodile.ambiguous.evidence import Judge, fit_judge, percentile, quadrants


@pytest.fixture
def world():
    """Features of two classes, of other things, and of pictures that are both: each class is one direction."""
    rng = np.random.default_rng(0)
    shown = np.array([[4, 0], [0, 4], [0, 0], [4, 4]])
    kind = np.repeat([0, 1, 2, 3], 100)
    features = np.concatenate([shown[kind], np.zeros((400, 6))], 1) + rng.normal(size=(400, 8))
    return features, kind


@pytest.fixture
def judge(world):
    features, kind = world
    known = kind < 3
    return fit_judge(features[known], np.where(kind == 2, -1, kind)[known], np.arange(300) % 5, classes=2)


def test_pictures_of_both_have_both_and_of_neither_neither(world, judge):
    features, kind = world
    corner = quadrants(judge.evidence(features), (0, 1))
    share = {name: (corner[kind == number] == name).mean() for number, name in enumerate(("first", "second"))}
    assert min(share.values()) > 0.8
    assert (corner[kind == 3] == "both").mean() > 0.5 and (corner[kind == 2] == "both").mean() < 0.05


def test_a_threshold_lets_the_named_share_of_other_things_pass(world, judge):
    features, kind = world
    held = judge.evidence(features[kind == 2], np.arange(200, 300) % 5)
    assert np.allclose((held >= 0.9).mean(0), 0.1, atol=0.011)
    assert np.allclose((held >= 0.95).mean(0), 0.05, atol=0.011)


def test_the_order_of_the_classes_does_not_matter(world):
    features, kind = world
    known, labels = kind < 3, np.where(kind == 2, -1, kind)
    swapped = np.where(labels < 0, -1, 1 - labels)
    one, other = (
        fit_judge(features[known], part[known], np.arange(300) % 5, classes=2) for part in (labels, swapped)
    )
    assert np.allclose(one.evidence(features), other.evidence(features)[:, ::-1], atol=1e-3)


def test_nobody_is_judged_by_a_probe_that_saw_it(monkeypatch):
    """On pure noise a probe knows the pictures it was fitted on by heart, and nothing about others."""
    rng = np.random.default_rng(1)
    features, labels, fold = rng.normal(size=(240, 200)), np.arange(240) % 3 - 1, np.arange(240) % 5
    monkeypatch.setattr(evidence, "STRENGTH", 1.0)
    judge = fit_judge(features, labels, fold, classes=2)
    fair, unfair = judge.scores(features, fold)[:, 0], judge.scores(features)[:, 0]
    asked = labels <= 0
    assert abs(roc_auc_score(labels[asked] == 0, fair[asked]) - 0.5) < 0.12
    assert roc_auc_score(labels[asked] == 0, unfair[asked]) > 0.95


def test_rivals_as_counter_examples_count_against_what_is_both(world):
    features, kind = world
    known, labels = kind < 3, np.where(kind == 2, -1, kind)
    apart, one_vs_rest = (
        fit_judge(features[known], labels[known], np.arange(300) % 5, classes=2, one_vs_rest=rule)
        for rule in (False, True)
    )
    assert (
        apart.evidence(features[kind == 3]).min(1) > one_vs_rest.evidence(features[kind == 3]).min(1)
    ).mean() > 0.5
    assert np.median(apart.scores(features[kind == 1])[:, 0]) > np.median(
        one_vs_rest.scores(features[kind == 1])[:, 0]
    )


def test_it_works_for_three_classes(world):
    features, kind = world
    judge = fit_judge(
        features, np.where(kind == 2, -1, np.where(kind == 3, 2, kind)), np.arange(400) % 5, classes=3
    )
    assert judge.evidence(features).shape == (400, 3)


def test_percentiles_by_hand():
    others = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 2.0], [4.0, 5.0]])
    assert percentile(np.array([[2.5, 2.0], [0.0, 9.0]]), others).tolist() == [[0.5, 0.5], [0.0, 1.0]]


def test_quadrants_of_any_pair():
    found = np.array([[0.95, 0.1, 0.95], [0.1, 0.95, 0.0], [0.1, 0.1, 0.1]])
    assert quadrants(found, (0, 2)).tolist() == ["both", "neither", "neither"]
    assert quadrants(found, (1, 0)).tolist() == ["second", "first", "neither"]


def test_scores_of_a_single_probe_and_of_all():
    judge = Judge(np.array([[[1.0]], [[3.0]]]), np.zeros((2, 1)), np.zeros((1, 1)))
    assert (
        judge.scores(np.array([[2.0]])).item() == 4
        and judge.scores(np.array([[2.0]]), np.array([1])).item() == 6
    )
