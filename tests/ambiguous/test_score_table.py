from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from clockodile.ambiguous import costs, label_errors
from clockodile.ambiguous.score_table import MODELS, SCORES, Score, ambiguity_table, out_of_fold, two_halves
from clockodile.core import store
from clockodile.core.errors import UserError


def stored(data, seeds=4, seed=0):
    rng = np.random.default_rng(seed)
    arrays = {name: getattr(data, name) for name in ("ids", "labels", "fold")}
    truth = 2 * np.eye(2)[data.labels]
    arrays["logits"] = truth + rng.normal(size=(seeds, len(data), 2))
    arrays["features"] = rng.normal(size=(seeds, len(data), 5))
    arrays["centre_distance"] = 3 - truth + rng.random((seeds, len(data), 2))
    return arrays


@pytest.fixture
def judged(data):
    rng = np.random.default_rng(1)
    return SimpleNamespace(
        features=rng.normal(size=(len(data), 6)).astype(np.float32), evidence=rng.random((len(data), 2))
    )


@pytest.fixture
def known(data, judged):
    codes = np.random.default_rng(2).normal(size=(2, len(data), 7))
    return out_of_fold(data, stored(data), stored(data, seed=9), codes, judged, (0, 1))


@pytest.mark.parametrize("method", SCORES.values(), ids=SCORES)
def test_every_method_scores_every_image_between_0_and_1(known, method):
    score = method.score(known)
    assert score.shape == known.labels.shape and (score >= -1e-9).all() and (score <= 1 + 1e-9).all()


@pytest.mark.parametrize("part", ["ids", "labels", "fold"])
def test_predictions_of_other_images_or_folds_are_refused(data, judged, part):
    wrong = stored(data) | {part: np.roll(getattr(data, part), 1)}
    with pytest.raises(UserError, match="out of fold"):
        out_of_fold(data, stored(data), wrong, np.zeros((2, len(data), 3)), judged, (0, 1))


def test_images_without_a_fold_are_refused(data, judged):
    unfolded = replace(data, fold=np.full(len(data), -1))
    with pytest.raises(UserError, match="out of fold"):
        out_of_fold(unfolded, stored(unfolded), stored(unfolded), np.zeros((2, len(data), 3)), judged, (0, 1))


def test_halves_of_nets_disagree_and_those_of_the_judge_are_its_own(known):
    judges = [(known.evidence, np.arange(120) % 2 == 0), (1 - known.evidence, np.arange(120) % 2 == 1)]
    nets = two_halves(SCORES["entropy"], known, judges)
    assert len(nets) == 3 and not np.array_equal(*nets[0])
    ((one, other),) = two_halves(SCORES["autoencoder"], known, judges)
    assert not np.array_equal(one, other)
    ((one, other),) = two_halves(SCORES["evidence"], known, judges)
    assert np.array_equal(one, known.evidence.min(1)) and np.array_equal(other, (1 - known.evidence).min(1))
    ((one, other),) = two_halves(SCORES["neighbour_mix"], known, judges)
    assert not np.array_equal(one, other)


def test_whoever_is_in_the_table_takes_part_everywhere(known, data, monkeypatch, tmp_path):
    toy = Score("a toy", "a test", lambda known: known.probability.min(1), "ours")
    monkeypatch.setitem(SCORES, "toy", toy)
    assert len(two_halves(SCORES["toy"], known, [])) > 1
    found = label_errors.planted_errors(
        known, share=0.1, seed=0, plantings=2, evidence=lambda spoiled: np.eye(2)[spoiled]
    )
    assert "a toy" in found
    monkeypatch.setattr(costs, "features_of", lambda images: None)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(2))
    assert costs.seconds_per_thousand(data, known, net, repeats=1)[toy.models] > 0
    store.save(tmp_path, "ambiguous.csv", ambiguity_table(data, known, ["because"] * len(data)), {})
    table = store.load(tmp_path, "ambiguous.csv")
    assert np.allclose(table["toy"], toy.score(known))
    assert set(SCORES) < set(table) and sorted(table["rank"]) == list(range(1, len(data) + 1))
    with pytest.raises(ValueError, match="'toy' should be kind f"):
        store.save(tmp_path, "ambiguous.csv", table.assign(toy="high"), {})


def test_a_score_asks_models_that_there_are():
    with pytest.raises(ValueError, match=f"known: {', '.join(MODELS)}"):
        Score("a toy", "a test", lambda known: known.evidence[:, 0], "nobody")
