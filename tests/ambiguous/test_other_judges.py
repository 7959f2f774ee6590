from dataclasses import replace

import numpy as np
import pytest

from clockodile.ambiguous.evidence import fit_judge
from clockodile.ambiguous.judge import judge_run
from clockodile.ambiguous.other_judges import halves, halves_of_the_judge

pytestmark = pytest.mark.usefixtures("plain_features")


def test_the_halves_share_no_picture_and_no_near_duplicates(run, whole):
    paired = replace(whole, group=np.arange(180) // 2)
    train = paired.part("train")
    one, other = halves(judge_run(run, paired), train, seed=0)
    assert len(one) == 180 and (one ^ other).all() and 40 < one.sum() < 140
    assert (one[:120:2] == one[1:120:2]).all()


def test_each_half_is_a_judge_of_its_own_and_dealt_once(run, whole, plain_features):
    train = whole.part("train")
    judged = judge_run(run, whole)
    found = halves_of_the_judge(run, judged, train, deals=2)
    assert found.shape == (2, 2, 120, 2)
    assert len(plain_features) == 1, "the judge has just looked at all of them"
    again = halves_of_the_judge(run, judge_run(run, whole), train, deals=2)
    assert np.array_equal(found, again) and len(plain_features) == 1, "kept, and nothing looked at again"
    rows = halves(judged, train, seed=run.seed + 1)[0]
    known = judged.labels[rows], judged.fold[rows]
    by_hand = fit_judge([seen[rows] for seen in judged.maps], *known, classes=2)
    shown = [seen[:120] for seen in judged.maps]
    assert np.allclose(by_hand.evidence(shown, train.fold), found[1, 0])


def test_all_that_a_judge_knows_has_a_label_and_a_fold(run, whole):
    judged, train = judge_run(run, whole), whole.part("train")
    labels = judged.labels
    assert (labels[: len(train)] == train.labels).all() and (labels[len(train) :] == -1).all()
    again = fit_judge(judged.maps, labels, judged.fold, classes=2)
    assert np.allclose(again.weight, judged.judge.weight), "it is what the judge was fitted on"
