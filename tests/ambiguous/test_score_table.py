from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from clockodile.ambiguous.score_table import SCORES, Score, ambiguity_table, collect_out_of_fold
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
    return SimpleNamespace(evidence=rng.random((len(data), 2)))


@pytest.fixture
def known(data, judged):
    return collect_out_of_fold(data, stored(data), judged, (0, 1))


@pytest.mark.parametrize("method", SCORES.values(), ids=SCORES)
def test_every_method_scores_every_image_between_0_and_1(known, method):
    score = method.score(known)
    assert score.shape == known.labels.shape and (score >= -1e-9).all() and (score <= 1 + 1e-9).all()


@pytest.mark.parametrize("part", ["ids", "labels", "fold"])
def test_predictions_of_other_images_or_folds_are_refused(data, judged, part):
    wrong = stored(data) | {part: np.roll(getattr(data, part), 1)}
    with pytest.raises(UserError, match="out of fold"):
        collect_out_of_fold(data, wrong, judged, (0, 1))


def test_images_without_a_fold_are_refused(data, judged):
    unfolded = replace(data, fold=np.full(len(data), -1))
    with pytest.raises(UserError, match="out of fold"):
        collect_out_of_fold(unfolded, stored(unfolded), judged, (0, 1))


def test_whoever_is_in_the_table_takes_part_everywhere(known, data, monkeypatch, tmp_path):
    toy = Score("a toy", lambda known: known.probability.min(1))
    monkeypatch.setitem(SCORES, "toy", toy)
    store.save(tmp_path, "ambiguous.csv", ambiguity_table(data, known, ["because"] * len(data)), {})
    table = store.load(tmp_path, "ambiguous.csv")
    assert np.allclose(table["toy"], toy.score(known))
    assert set(SCORES) < set(table) and sorted(table["rank"]) == list(range(1, len(data) + 1))
    with pytest.raises(ValueError, match="'toy' should be kind f"):
        store.save(tmp_path, "ambiguous.csv", table.assign(toy="high"), {})
