from dataclasses import replace

import numpy as np
import pytest

from clockodile.ambiguous.judge import judge_run
from clockodile.ambiguous.other_judges import (
    RESAMPLED,
    clusters,
    evidence_by_labels,
    halves_of_the_judge,
    judge_of,
    penalties,
    resampled,
    two_rules,
)

pytestmark = pytest.mark.usefixtures("plain_features")


def test_the_halves_share_no_picture_and_keep_groups_together(run, whole):
    paired = replace(whole, group=np.arange(180) // 2)
    train = paired.part("train")
    judged = judge_run(run, paired)
    (one, known), (other, strangers) = halves_of_the_judge(judged, train, seed=0)
    assert one.shape == other.shape == (120, 2) and np.array_equal(known, ~strangers)
    assert np.array_equal(known[::2], known[1::2])
    garbled = np.where(known[:, None], np.tile(judged.features_background, (2, 1)), judged.features)
    (spoiled, _), (same, _) = halves_of_the_judge(replace(judged, features=garbled), train, seed=0)
    assert np.array_equal(same[strangers], other[strangers])
    assert not np.allclose(spoiled[strangers], one[strangers])


def test_penalties_are_compared_on_the_same_pictures(run, whole):
    train, judged = whole.part("train"), judge_run(run, whole)
    rng = np.random.default_rng(0)
    near = rng.normal(size=(120, 6)) + train.labels[:, None]  # told from other things, but not with ease
    judged = replace(judged, features=near, features_background=rng.normal(size=(60, 6)))
    table = penalties(judged, train, (1.0, 1.0, 1e6), (0, 1), seed=0)
    assert table.iloc[0].equals(table.iloc[1])
    best = table[["auroc_a", "auroc_b"]].mean(axis=1).argmax()
    assert (table["behind"].iloc[best], table["error"].iloc[best]) == (0, 0)
    other = 2 if best < 2 else 0
    assert table["behind"].iloc[other] > 0 and table["error"].iloc[other] > 0
    shares = table[["auroc_a", "auroc_b", "overlap"]].to_numpy()
    assert shares.min() >= 0 and shares.max() <= 1
    other_way = penalties(judged, train, (1.0, 1.0, 1e6), (1, 0), seed=0)
    assert np.array_equal(table["auroc_a"], other_way["auroc_b"])
    assert np.array_equal(table["overlap"], other_way["overlap"])


def test_resampling_keeps_together_what_hangs_together_and_every_label():
    labels, cluster = np.array([0, 0, 0, 1, 1, -1, -1, -1]), np.array([5, 5, 6, 7, 5, 8, 8, 9])
    draws = resampled(labels, cluster, np.random.default_rng(0))
    assert len(draws) == RESAMPLED and any(not np.array_equal(draws[0], rows) for rows in draws)
    for rows in draws:
        assert set(labels[rows]) == {-1, 0, 1}
        times = np.bincount(rows, minlength=8)
        assert times[0] == times[1] and times[5] == times[6]


def test_pictures_cut_from_a_photograph_hang_together_with_it(run, data):
    judged, train = judge_run(run, data), data.part("train")
    number, origin = clusters(judged, train), judged.background.origin
    cut = np.flatnonzero(origin >= 0)
    assert len(cut) and np.array_equal(number[len(train) + cut], train.group[origin[cut]])
    drawn = number[len(train) + np.flatnonzero(origin < 0)]
    assert drawn.min() > train.group.max()


def test_a_judge_learns_whatever_labels_it_is_given(run, whole):
    train, judged = whole.part("train"), judge_run(run, whole)
    assert np.allclose(evidence_by_labels(judged, train, train.labels), judged.evidence)
    exchanged = evidence_by_labels(judged, train, 1 - train.labels)
    assert np.allclose(exchanged, judged.evidence[:, ::-1])


def test_the_older_rule_is_another_judge(run, whole):
    judged = judge_run(run, whole)
    older = judge_of(judged, whole.part("train"), one_vs_rest=True)
    assert older.weight.shape == judged.judge.weight.shape
    assert not np.allclose(older.weight, judged.judge.weight)
    table = two_rules(judged, whole.part("train"), (0, 1))
    assert table.shape == (2, 5) and ((table >= 0) & (table <= 1)).all(axis=None)
    assert np.allclose(table.loc["other things", ["auroc_a", "auroc_b"]], judged.auroc)
