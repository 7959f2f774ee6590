"""Measures of made pictures: right where the answer is known."""

from dataclasses import replace

import numpy as np
import pytest
from plain_features import plain_maps

from clockodile.ambiguous import judge
from clockodile.core import store
from clockodile.core.errors import UserError
from clockodile.data.dataset import as_tensor
from clockodile.hybrids.evaluation import (
    kid,
    measure,
    measure_photographs,
    memorised,
    pixel_distances,
    reference,
    two_sample_accuracy,
)
from clockodile.hybrids.generators.blends import pixel_blend
from clockodile.hybrids.generators.flow_of_run import HELD_OUT


@pytest.fixture(autouse=True)
def plain_judge(monkeypatch, tmp_path):
    """No network and no shipped weights."""
    monkeypatch.setattr(judge, "maps_of", plain_maps)
    monkeypatch.setattr(store, "shipped_weights", lambda: tmp_path / "none")


@pytest.fixture
def known(run, whole):
    return reference(run, whole)


def crowd(seed: int, *, shift: float = 0.0, count: int = 200) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1, (count, 6))


def test_kid_is_about_zero_for_one_crowd_and_grows_with_the_distance():
    near, middle, far = (kid(crowd(0), crowd(1, shift=shift)) for shift in (0, 0.5, 1.5))
    assert abs(near) < 0.2 < middle < far
    assert np.mean([kid(crowd(seed, count=20), crowd(seed + 50, count=20)) for seed in range(50)]) == (
        pytest.approx(0, abs=0.1)
    ), "unbiased"
    assert np.isnan(kid(crowd(0)[:1], crowd(1)))


def test_kid_is_the_written_formula():
    made, real = crowd(0, count=3), crowd(1, count=4)
    kernel = lambda x, y: (x @ y / 6 + 1) ** 3  # noqa: E731
    within = [
        np.mean([kernel(x, y) for i, x in enumerate(part) for j, y in enumerate(part) if i != j])
        for part in (made, real)
    ]
    between = np.mean([kernel(x, y) for x in made for y in real])
    assert kid(made, real) == pytest.approx(sum(within) - 2 * between)


def test_one_crowd_cannot_be_told_apart_two_can():
    assert two_sample_accuracy(crowd(0), crowd(1)) == pytest.approx(0.5, abs=0.1)
    assert two_sample_accuracy(crowd(0), crowd(1, shift=2)) > 0.95
    assert two_sample_accuracy(crowd(0), crowd(1)) == two_sample_accuracy(crowd(0), crowd(1))


def test_distances_are_root_mean_squares_of_the_nearer_of_picture_and_mirror_image():
    black, white = (np.full((1, 4, 4, 3), value, np.uint8) for value in (0, 255))
    half = np.concatenate([black[:, :, :2], white[:, :, 2:]], 2)
    found = pixel_distances(half, np.concatenate([black, white, half, half[:, :, ::-1]]))
    assert np.allclose(found, [[0.5**0.5, 0.5**0.5, 0, 0]], atol=1e-3)


def test_copies_and_their_mirror_images_are_memorised(whole, known):
    rows = np.flatnonzero(known.train.fold != HELD_OUT)[[0, 7, 50, 80]]
    for images in (whole.images[rows], whole.images[rows][:, :, ::-1], as_tensor(whole.images[rows])):
        assert measure(images, known)["memorised"] == 1
    blends = pixel_blend(*(as_tensor(whole.images[rows[part]]) for part in ([0, 1], [2, 3])))
    assert measure(blends, known)["memorised"] == 0


def test_a_photograph_taken_twice_is_memorised_too():
    one = np.random.default_rng(0).integers(0, 200, (1, 8, 8, 3), dtype=np.uint8)
    learned = np.concatenate([one, one + 3, 255 - one])
    for group, copied in (([0, 0, 1], True), ([0, 1, 2], False)):
        assert memorised(one + 1, learned, np.array(group)).tolist() == [copied]
    assert not memorised(one, one, np.array([0])).any(), "nothing to compare with"


def test_nothing_of_the_held_out_fold_is_among_what_is_learned(known):
    held_out = known.train.images[known.train.fold == HELD_OUT]
    assert pixel_distances(held_out, known.learned).min() > 0.01
    assert len(known.learned) == (known.train.fold != HELD_OUT).sum() + len(known.judged.background.images)


def test_photographs_are_as_real_as_photographs(known):
    found = measure_photographs(known)
    assert found["images"] == len(known.held_out) == 24
    assert abs(found["kid"]) < 1 and found["told_apart"] < 0.75
    assert found["both_low"] <= found["both"] <= found["both_high"] and found["memorised"] == 0


def test_the_same_pictures_are_judged_alike_however_they_are_given(known):
    images = known.train.images[known.held_out]
    one, other = measure(images, known), measure(as_tensor(images), known)
    assert one == other
    assert one["first"] == pytest.approx(measure_photographs(known)["first"], abs=0.02)


def test_the_same_picture_over_and_over_is_far_from_photographs(whole, known):
    blend = pixel_blend(as_tensor(whole.images[1:2]), as_tensor(whole.images[61:62]))
    found = measure(blend.expand(24, -1, -1, -1), known)
    assert found["kid"] > 1 and found["told_apart"] > 0.8


def test_one_class_is_compared_with_its_own_photographs(run, whole):
    alone = reference(run, whole, pair=(1, 1))
    assert set(alone.train.labels[alone.held_out]) == {1}
    assert measure_photographs(alone)["both"] > 0.2, "now evidence for one class is enough"


def test_a_class_without_unseen_photographs_is_an_error_in_words(run, whole):
    gone = replace(whole, fold=np.where((whole.labels == 0) & (whole.fold == HELD_OUT), 1, whole.fold))
    with pytest.raises(UserError, match="give more photographs"):
        reference(run, gone)
