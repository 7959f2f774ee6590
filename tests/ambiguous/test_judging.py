from dataclasses import replace

import numpy as np
import pytest

from clockodile import artifacts
from clockodile.ambiguous import judging
from clockodile.ambiguous.judging import halves_of_the_judge, judge_run, rivals_judge, two_rules


@pytest.fixture(autouse=True)
def plain_features(monkeypatch, tmp_path):
    """How rough the pictures are in each direction instead of features of a network; no shipped weights."""
    asked = []

    def features_of(images):
        asked.append(len(images))
        grey = images.astype(np.float32).mean(3)
        steps = [
            np.abs(np.diff(grey, axis=axis, n=times)).mean((1, 2)) for axis in (1, 2) for times in (1, 2)
        ]
        return np.stack([grey.mean((1, 2)), grey.std((1, 2)), *steps], 1)

    monkeypatch.setattr(judging, "features_of", features_of)
    monkeypatch.setattr(artifacts, "shipped_weights", lambda: tmp_path / "none")
    return asked


@pytest.fixture
def whole(data):
    """The shared data set with sixty pictures of noise as background."""
    noise = np.random.default_rng(0).integers(0, 256, (60, *data.images.shape[1:]), dtype=np.uint8)
    return replace(
        data,
        images=np.concatenate([data.images, noise]),
        labels=np.concatenate([data.labels, np.full(60, -1)]),
        ids=np.concatenate([data.ids, [f"noise/kind {i % 20}/{i}" for i in range(60)]]),
        split=np.concatenate([data.split, np.full(60, "background")]),
        group=np.arange(180),
        fold=np.concatenate([data.fold, np.full(60, -1)]),
    )


def test_every_labelled_image_is_judged_and_other_things_too(run, whole):
    found = judge_run(run, whole)
    assert found.evidence.shape == found.scores.shape == (120, 2) and found.scores_neither.shape == (60, 2)
    assert (found.evidence >= 0).all() and (found.evidence <= 1).all() and not found.neither.note
    assert (found.auroc > 0.8).all()


def test_the_judge_is_kept_and_deterministic(run, whole, plain_features):
    first = judge_run(run, whole)
    again = judge_run(run, whole)
    assert len(plain_features) == 2 and np.array_equal(first.evidence, again.evidence)
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


def test_the_halves_share_no_picture_and_keep_groups_together(run, whole):
    paired = replace(whole, group=np.arange(180) // 2)
    train = paired.part("train")
    judged = judge_run(run, paired)
    (one, known), (other, strangers) = halves_of_the_judge(judged, train, seed=0)
    assert one.shape == other.shape == (120, 2) and np.array_equal(known, ~strangers)
    assert np.array_equal(known[::2], known[1::2])
    garbled = np.where(known[:, None], np.tile(judged.features_neither, (2, 1)), judged.features)
    (spoiled, _), (same, _) = halves_of_the_judge(replace(judged, features=garbled), train, seed=0)
    assert np.array_equal(same[strangers], other[strangers])
    assert not np.allclose(spoiled[strangers], one[strangers])


def test_the_older_rule_is_another_judge(run, whole):
    judged = judge_run(run, whole)
    older = rivals_judge(judged, whole.part("train"))
    assert older.weight.shape == judged.judge.weight.shape
    assert not np.allclose(older.weight, judged.judge.weight)
    table = two_rules(judged, whole.part("train"), (0, 1))
    assert table.shape == (2, 5) and ((table >= 0) & (table <= 1)).all(axis=None)
    assert np.allclose(table.loc["other things", ["auroc_a", "auroc_b"]], judged.auroc)


def test_without_other_things_a_note_says_so(run, data):
    found = judge_run(run, data)
    assert "were made" in found.neither.note and len(found.scores_neither) == len(found.neither.images)


def test_a_judge_that_came_with_the_package_lies_in_the_run_folder_too(run, whole, tmp_path):
    first = judge_run(run, whole)
    (tmp_path / "none").mkdir()
    (run.dir / "judge.safetensors").rename(tmp_path / "none" / "judge.safetensors")
    assert np.array_equal(judge_run(run, whole).scores, first.scores)
    assert (run.dir / "judge.safetensors").is_file()
