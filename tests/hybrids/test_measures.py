import numpy as np
import pytest
import torch

from clockodile.hybrids import measures
from clockodile.hybrids.measures import (
    both_rate,
    cubic_kernel,
    discrepancy,
    kid,
    kid_null_95,
    memorised,
    nearest,
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


def test_the_floor_of_up_to_2000_photographs_asks_all():
    photographs, rng = normal(2000, width=4), np.random.default_rng(0)
    kernel = cubic_kernel(photographs)
    orders = [rng.permutation(2000)[:50] for _ in range(measures.DRAWS)]
    found = [discrepancy(kernel, order[:20], order[20:]) for order in orders]
    assert kid_null_95(photographs, (20, 30)) == np.quantile(found, 0.95)


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
    assert pixel_distances(asked, data.images).min(1).max() < 1e-6
    assert pixel_distances(asked, data.images[4:]).min() > 0.01


def test_a_photograph_come_back_is_memorised_and_one_among_many_alike_is_not():
    distance = np.array([[0.1, 0.5, 0.4], [0.1, 0.2, 0.4], [0.1, 0.11, 0.4], [0.3, 0.3, 0.3]])
    assert memorised(distance, np.arange(3)).tolist() == [True, False, False, False]
    assert memorised(distance, np.array([0, 0, 1])).tolist() == [True, True, True, False], "a near-duplicate"
    assert not memorised(distance, np.zeros(3)).any(), "nothing else to compare with"


def test_copies_with_a_little_grain_are_memorised_and_new_photographs_are_not(data):
    grain = np.random.default_rng(0).integers(-8, 9, data.images[:10].shape)
    again = np.clip(data.images[:10].astype(int) + grain, 0, 255).astype(np.uint8)
    assert memorised(pixel_distances(again, data.images), np.arange(len(data))).all()
    assert not memorised(pixel_distances(again, data.images[10:]), np.arange(len(data) - 10)).any()
