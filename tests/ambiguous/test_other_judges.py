from dataclasses import replace

import numpy as np
import pytest

from clockodile.ambiguous.evidence import fit_judge
from clockodile.ambiguous.judge import judge_run
from clockodile.ambiguous.other_judges import all_known, halves_of_the_judge

pytestmark = pytest.mark.usefixtures("plain_features")


def test_the_halves_share_no_picture(run, whole):
    paired = replace(whole, group=np.arange(180) // 2)
    train = paired.part("train")
    rng = np.random.default_rng(0)
    near = rng.normal(size=(120, 6)) + train.labels[:, None]  # told from other things, but not with ease
    judged = replace(judge_run(run, paired), features=near, features_background=rng.normal(size=(60, 6)))
    one, other = halves_of_the_judge(judged, train, seed=0)
    assert one.shape == other.shape == (120, 2) and not np.allclose(one, other)
    for row in (0, 2, 4):
        changed = halves_of_the_judge(replace(judged, features=moved(near, row)), train, seed=0)
        rest = np.delete(np.arange(120), [row, row + 1])
        told = [not np.array_equal(a[rest], b[rest]) for a, b in zip((one, other), changed, strict=True)]
        assert sum(told) == 1, "two near-duplicates, known to one half only"


def moved(features, row):
    """The same, but for two pictures of one group."""
    changed = features.copy()
    changed[row : row + 2] += 5
    return changed


def test_all_that_a_judge_knows_has_a_label_and_a_fold(run, whole):
    judged, train = judge_run(run, whole), whole.part("train")
    features, labels, fold = all_known(judged, train)
    assert len(features) == len(labels) == len(fold)
    assert (labels[: len(train)] == train.labels).all() and (labels[len(train) :] == -1).all()
    again = fit_judge(features, labels, fold, classes=2)
    assert np.allclose(again.weight, judged.judge.weight), "it is what the judge was fitted on"
