from dataclasses import replace

import numpy as np
import pytest

from clockodile.ambiguous import judge
from clockodile.ambiguous.judge import judge_run

pytestmark = pytest.mark.usefixtures("plain_features")


def test_every_labelled_image_is_judged_and_other_things_too(run, whole):
    found = judge_run(run, whole)
    assert found.evidence.shape == found.scores.shape == (120, 2) and found.scores_background.shape == (60, 2)
    assert (found.evidence >= 0).all() and (found.evidence <= 1).all() and not found.background.note
    assert (found.auroc > 0.8).all()


def test_the_judge_is_kept_and_deterministic(run, whole, plain_features):
    first = judge_run(run, whole)
    again = judge_run(run, whole)
    assert len(plain_features) == 1 and np.array_equal(first.evidence, again.evidence)
    anew = judge_run(run, whole, retrain=True)
    assert np.allclose(first.scores, anew.scores)


def test_other_folds_are_another_judge(run, whole):
    first = judge_run(run, whole)
    moved = replace(whole, fold=np.where(whole.fold >= 0, (whole.fold + whole.labels) % 5, -1))
    assert not np.allclose(first.scores, judge_run(run, moved).scores)


def test_an_image_is_judged_without_its_fold(run, whole):
    """Exchanging the labels of one fold changes what others hear about themselves, but nothing for that fold."""
    first = judge_run(run, whole)
    spoiled = replace(
        whole,
        labels=np.where(whole.fold == 2, 1 - whole.labels, whole.labels),
        card=whole.card | {"fingerprint": "e" * 16},
    )
    second = judge_run(run, spoiled)
    same = np.isclose(first.scores, second.scores, atol=1e-6).all(1)
    assert same[whole.fold[:120] == 2].all() and not same[whole.fold[:120] != 2].any()


def test_without_other_things_a_note_says_so(run, data):
    found = judge_run(run, data)
    assert "were made" in found.background.note and len(found.scores_background) == len(found.background.images)


def test_where_other_things_do_not_keep_the_classes_apart_the_other_classes_do(run, whole, monkeypatch):
    """By plain features stripes and dots are alike beside anything else: each picture would be a bit of each class."""
    monkeypatch.setattr(judge, "MOST_BOTH", 0.1)
    found = judge_run(run, whole)
    assert "too unlike the classes" in found.background.note and found.background.word == "other things"
    assert found.counter_examples(0).sum() == (found.labels != 0).sum()
    assert (found.evidence.min(1) >= 0.9).mean() <= 0.1
    assert judge_run(run, whole).background.note == found.background.note, "kept with the judge"


def test_a_judge_that_came_with_the_package_lies_in_the_run_folder_too(run, whole, tmp_path):
    first = judge_run(run, whole)
    (tmp_path / "none").mkdir()
    (run.dir / "judge.safetensors").rename(tmp_path / "none" / "judge.safetensors")
    assert np.array_equal(judge_run(run, whole).scores, first.scores)
    assert (run.dir / "judge.safetensors").is_file()
