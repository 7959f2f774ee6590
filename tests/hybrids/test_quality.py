from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from clockodile import artifacts
from clockodile.ambiguous import judging
from clockodile.data.dataset import as_tensor
from clockodile.errors import UserError
from clockodile.hybrids import quality
from clockodile.hybrids.blends import pixel_blend
from clockodile.hybrids.quality import (
    both_rate,
    cubic_kernel,
    discrepancy,
    kid,
    kid_floor,
    measure,
    measure_photographs,
    nearest,
    pixel_distance,
    quality_table,
    sharpness,
    two_sample_accuracy,
    yardstick,
)


def normal(count, *, shift=0.0, seed=0, width=8):
    return np.random.default_rng(seed).normal(shift, 1, (count, width))


# --- single measures ----------------------------------------------------------------------------------------


def test_blurring_lowers_sharpness(data):
    images = data.tensor()
    soft = torch.nn.functional.avg_pool2d(images, 3, stride=1, padding=1)
    assert (sharpness(soft) < sharpness(images)).all()
    assert sharpness(torch.full((1, 3, 8, 8), 0.4)).item() == 0


def test_both_is_counted_for_the_pair_only_and_more_of_it_when_less_is_asked():
    evidence = np.array([[0.96, 0.0, 0.97], [0.92, 0.0, 0.99], [0.1, 0.99, 0.99], [0.99, 0.99, 0.2]])
    strict = both_rate(evidence, (0, 2))
    lenient = both_rate(evidence, (0, 2), threshold=0.9)
    assert strict.value == 0.25 and lenient.value == 0.5
    assert strict.low < strict.value < strict.high and both_rate(evidence, (2, 0)) == strict


def test_the_kernel_distance_of_equal_distributions_is_zero_in_the_mean(monkeypatch):
    monkeypatch.setattr(quality, "DRAWS", 2)  # the interval is not asked for here
    found = [kid(normal(12, seed=seed), normal(20, seed=1000 + seed)).value for seed in range(150)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))
    assert min(found) < 0  # a biased estimate would never be


def test_the_kernel_distance_of_other_distributions_is_clearly_positive_and_symmetric():
    made, real = normal(60, shift=0.6), normal(80, seed=1)
    found, turned = kid(made, real), kid(real, made)
    assert found.low > 0 and found.low < found.value < found.high
    assert np.isclose(found.value, turned.value)
    assert found.value > kid_floor(normal(200, seed=2), (60, 80)) > 0


def test_the_interval_of_the_kernel_distance_holds_the_truth():
    kernel = cubic_kernel(np.concatenate([normal(1500, shift=0.5), normal(1500, seed=1)]))
    large = discrepancy(kernel, np.arange(1500), np.arange(1500, 3000))
    found = [kid(normal(60, shift=0.5, seed=2 + i), normal(60, seed=100 + i)) for i in range(20)]
    assert sum(part.low <= large <= part.high for part in found) >= 17


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_a_few_pictures_give_no_false_certainty(count):
    made, real = normal(count), normal(8, seed=1)
    assert np.isnan(kid(made, real).low)
    assert np.isnan(two_sample_accuracy(made, real).value) == (count < 2)
    assert np.isnan(kid_floor(made, (4, 4)))


def test_equal_distributions_cannot_be_told_apart_and_others_can():
    same = two_sample_accuracy(normal(150), normal(150, seed=1))
    other = two_sample_accuracy(normal(150), normal(90, shift=2, seed=1))
    assert same.low < 0.5 < same.high and 0.4 < same.value < 0.6
    assert other.value > 0.9 and other.low > 0.85


def test_the_nearest_is_found_by_direction():
    known = np.eye(5)
    rows, distance = nearest(np.concatenate([known[[3]], known[[1]] * 0.9 + known[[2]] * 0.1]), known)
    assert rows.tolist() == [3, 1] and distance[0] < 1e-12 < distance[1]


def test_a_mirror_image_is_as_near_as_the_picture_itself(data):
    asked = data.images[:4, :, ::-1]
    assert pixel_distance(asked, data.images).max() < 1e-6
    assert pixel_distance(asked, data.images[4:]).min() > 0.01


# --- all of them on a data set ------------------------------------------------------------------------------


def plain_features(images):
    """How rough the pictures are in each direction instead of features of a network, twice as of two sizes."""
    grey = images.astype(np.float32).mean(3)
    steps = [np.abs(np.diff(grey, axis=axis, n=times)).mean((1, 2)) for axis in (1, 2) for times in (1, 2)]
    colours = images.astype(np.float32).mean((1, 2)).T
    once = np.stack([grey.mean((1, 2)), grey.std((1, 2)), *steps, *colours], 1)
    return np.concatenate([once, once], 1) / 64


@pytest.fixture
def whole(data, monkeypatch, tmp_path):
    """The shared data set with sixty pictures of noise as background, plain features, no shipped weights."""
    monkeypatch.setattr(judging, "features_of", plain_features)
    monkeypatch.setattr(artifacts, "shipped_weights", lambda: tmp_path / "none")
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


@pytest.fixture
def known(run, whole):
    return yardstick(run, whole)


def test_copies_and_their_mirror_images_are_found_and_shown(run, whole, known):
    rows = known.known[[0, 7, 50, 80]]
    for images in (whole.images[rows], whole.images[rows][:, :, ::-1]):
        found = measure(run, whole, images, known=known)
        assert found.neighbour.tolist() == rows.tolist() and found.copies.value == 1
        assert found.novelty.value < 0.01 and found.novelty_pixels.value < 0.01


def test_unseen_photographs_are_as_new_and_as_varied_as_photographs(run, whole, known):
    found = measure_photographs(run, whole, known=known)
    assert found.novelty.value == found.novelty_pixels.value == 1 and np.isclose(found.diversity, 1)
    assert found.copies.value < 0.1 and found.sharpness == 1
    assert found.told_apart.low <= 0.5 <= found.told_apart.high
    assert found.right.value > 0.5 and not np.isin(found.neighbour, np.flatnonzero(whole.fold == 0)).any()


def test_the_same_pictures_over_and_over_have_no_diversity(run, whole, known):
    blend = pixel_blend(as_tensor(whole.images[1:2]), as_tensor(whole.images[61:62]))
    found = measure(run, whole, blend.expand(24, -1, -1, -1), known=known)
    assert found.diversity < 1e-6 and found.told_apart.value > 0.8 and found.kid.value > found.kid_floor


def test_floats_and_bytes_measure_alike(run, whole, known):
    images = whole.images[[2, 3, 62, 63]]
    one, other = (measure(run, whole, part, known=known) for part in (images, as_tensor(images)))
    assert np.array_equal(one.evidence, other.evidence) and one.kid == other.kid


def test_asked_classes_are_compared_with_their_own_photographs(run, whole, known):
    first = np.flatnonzero((whole.labels == 0) & (whole.fold == 1))
    own = measure(run, whole, whole.images[first], labels=np.zeros(len(first), int), known=known)
    wrong = measure(run, whole, whole.images[first], labels=np.ones(len(first), int), known=known)
    assert (whole.labels[known.held_out((1,))] == 1).all() and own.right.value > 0.5
    assert abs(own.sharpness - 1) < abs(wrong.sharpness - 1) and own.diversity != wrong.diversity
    assert np.isnan(measure(run, whole, whole.images[first], known=known).right.value)


def test_a_small_folder_and_few_pictures_are_enough(run, whole):
    few = whole.rows(np.r_[0:20, 60:80, 120:180])
    found = measure(run, few, few.images[[1, 2, 21, 22]])
    assert np.isfinite(found.kid.value) and np.isfinite(found.novelty.value)
    assert np.isfinite(measure_photographs(run, few).told_apart.value)


def test_a_class_without_unseen_photographs_is_an_error_in_words(run, whole, known):
    train = replace(known.train, fold=np.where(known.train.labels == 0, 1, known.train.fold))
    with pytest.raises(UserError, match="give more photographs"):
        replace(known, train=train).held_out((0, 1))


def test_the_table_has_a_row_for_each_method_and_a_column_for_each_measure(run, whole, known):
    photographs = measure_photographs(run, whole, known=known)
    table = quality_table({"photographs": photographs, "again": photographs})
    assert table["method"].tolist() == ["photographs", "again"] and set(quality.MEASURES) <= set(table)
    assert {"kid_low", "kid_high", "images", "evidence_a", "evidence_b"} <= set(table)
    assert table.iloc[0, 1:].equals(table.iloc[1, 1:])


def test_the_table_can_be_read_on_a_page():
    row = {name: 0.126 for name in quality.MEASURES} | {
        "evidence_a": 0.5,
        "evidence_b": 0.75,
        "method": "flow",
    }
    row |= {
        f"both_{part}_{end}": value
        for part in ("strict", "lenient")
        for end, value in (("low", 0.05), ("high", 1))
    }
    page = quality.readable(pd.DataFrame([row]))
    assert page.index.tolist() == ["flow"]
    assert page.loc["flow", "both at 10 %"] == "13 (5 to 100)" and page.loc["flow", "kid"] == 0.13
