import numpy as np
import pytest
import torch

from clockodile.hybrids import measures
from clockodile.hybrids.measures import (
    both_rate,
    conformal_p,
    cubic_kernel,
    discrepancy,
    kid,
    kid_null_95,
    memorised,
    nearest,
    nearest_pixels,
    pixel_distances,
    sharpness,
    two_sample_accuracy,
)


def normal(count, *, shift=0.0, seed=0, width=8):
    return np.random.default_rng(seed).normal(shift, 1, (count, width))


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
    monkeypatch.setattr(measures, "DRAWS", 2)  # the interval is not asked for here
    found = [kid(normal(12, seed=seed), normal(20, seed=1000 + seed)).value for seed in range(150)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))
    assert min(found) < 0  # a biased estimate would never be


def test_the_kernel_distance_of_other_distributions_is_clearly_positive_and_symmetric():
    made, real = normal(60, shift=0.6), normal(80, seed=1)
    found, turned = kid(made, real), kid(real, made)
    assert found.low > 0 and found.low < found.value < found.high
    assert np.isclose(found.value, turned.value)
    assert found.value > kid_null_95(normal(200, seed=2), (60, 80)) > 0


def test_the_interval_of_the_kernel_distance_holds_the_truth():
    kernel = cubic_kernel(np.concatenate([normal(1500, shift=0.5), normal(1500, seed=1)]))
    large = discrepancy(kernel, np.arange(1500), np.arange(1500, 3000))
    found = [kid(normal(60, shift=0.5, seed=2 + i), normal(60, seed=100 + i)) for i in range(20)]
    assert sum(part.low <= large <= part.high for part in found) >= 17


def test_the_floor_of_many_photographs_is_that_of_a_random_part(monkeypatch):
    photographs, rows = normal(600), []

    def watched(features):
        rows.append(len(features))
        return cubic_kernel(features)

    monkeypatch.setattr(measures, "cubic_kernel", watched)
    whole = kid_null_95(photographs, (20, 30))
    monkeypatch.setattr(measures, "MOST", 200)
    part, larger = kid_null_95(photographs, (20, 30)), kid_null_95(photographs, (90, 60))
    assert rows == [600, 200, 300], "never fewer than a draw takes"
    assert 0.7 < part / whole < 1.4 and part == kid_null_95(photographs, (20, 30)) and 0 < larger < part
    assert kid_null_95(photographs[:200], (20, 30)) != part, "not only the first"


def test_the_floor_of_too_few_photographs_keeps_the_proportion_of_sizes():
    photographs = normal(300, width=4)
    lopsided = kid_null_95(photographs, (1000, 50))
    assert lopsided == kid_null_95(photographs, (285, 14)) > kid_null_95(photographs, (150, 150))


def test_conformal_p_values_of_new_pictures_are_uniform():
    rng = np.random.default_rng(0)
    assert conformal_p(np.array([0.0, 0.5, 9.0]), np.arange(1.0, 5.0)).tolist() == [0.2, 0.2, 1.0]
    called = [(conformal_p(rng.random(1), rng.random(199)) <= 0.01).item() for _ in range(4000)]
    assert 0.006 < np.mean(called) < 0.014


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_a_few_pictures_give_no_false_certainty(count):
    made, real = normal(count), normal(8, seed=1)
    assert np.isnan(kid(made, real).low)
    assert np.isnan(two_sample_accuracy(made, real).value) == (count < 2)
    assert np.isnan(kid_null_95(made, (4, 4)))


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
    assert pixel_distances(asked, data.images).min(1).max() < 1e-3
    assert pixel_distances(asked, data.images[4:]).min() > 0.01


def test_a_photograph_come_back_is_memorised_and_one_among_many_alike_is_not(data):
    assert memorised(np.array([0.1, 0.1, 0.1]), np.array([0.4, 0.2, np.inf])).tolist() == [True, False, False]
    group = np.arange(len(data))
    group[1] = group[0]
    near, other = nearest_pixels(data.images[:3], data.images, group)
    assert (near < 1e-3).all() and other[0] == pytest.approx(
        pixel_distances(data.images[:1], data.images[2:]).min(), abs=1e-4
    )
    assert np.isinf(nearest_pixels(data.images[:1], data.images[:2], group[:2])[1]), (
        "nothing else to compare with"
    )


def test_copies_with_a_little_grain_are_memorised_and_new_photographs_are_not(data, monkeypatch):
    grain = np.random.default_rng(0).integers(-8, 9, data.images[:10].shape)
    again, group = (
        np.clip(data.images[:10].astype(int) + grain, 0, 255).astype(np.uint8),
        np.arange(len(data)),
    )
    assert memorised(*nearest_pixels(again, data.images, group)).all()
    assert not memorised(*nearest_pixels(again, data.images[10:], group[10:])).any()
    assert memorised(*nearest_pixels(again, data.images[10:], group[10:], data.images[:10])).all()
    whole = nearest_pixels(again, data.images, group)
    monkeypatch.setattr(measures, "CHUNK", 3)
    monkeypatch.setattr(measures, "MOST", 50)
    assert np.allclose(nearest_pixels(again, data.images, group), whole, atol=1e-3), "in parts of any size"
