import hashlib

import numpy as np
import pandas as pd
import pytest

from clockodile.data.duplicates import (
    KNOWN_PAIRS,
    find_near_duplicates,
    grey,
    group_by_pairs,
    known_pairs,
    pair_correlation,
    twins_of,
)


@pytest.fixture
def pictures(data):
    return data.images[60:90]  # discs: no two alike


def copy_of(image: np.ndarray, kind: str) -> np.ndarray:
    return {
        "same": image,
        "mirrored": image[:, ::-1],
        "darker": (image * 0.6).astype(np.uint8),
        "moved": np.roll(image, (2, -3), axis=(0, 1)),
        "noisy": (image + np.random.default_rng(0).normal(0, 6, image.shape)).clip(0, 255).astype(np.uint8),
        "grey": image.mean(2, keepdims=True).repeat(3, 2).astype(np.uint8),
    }[kind]


@pytest.mark.parametrize("kind", ["same", "mirrored", "darker", "moved", "noisy", "grey"])
def test_a_copy_is_found_and_little_else(pictures, kind):
    images = np.concatenate([pictures, copy_of(pictures[4], kind)[None]])
    pairs = find_near_duplicates(images)
    assert (4, 30) in set(zip(pairs["first"], pairs["second"], strict=True))
    assert len(pairs) <= 1 + len(find_near_duplicates(pictures)) + 1


def test_a_long_burst_of_frames_stays_one_group():
    """Twenty copies of each of four like shots fill each other's neighbour lists; the shots still belong together."""
    rng = np.random.default_rng(0)
    coarse = rng.uniform(0, 255, (251, 4, 4, 1))
    others = np.kron(coarse, np.ones((1, 8, 8, 3)))  # unlike each other, and unlike their mirror images
    shots = [others[0] + rng.normal(0, 12, others[0].shape) for _ in range(4)]
    burst = [shot + rng.normal(0, 1, shot.shape) for shot in shots for _ in range(20)]
    images = np.concatenate([np.stack(burst), others[1:]]).clip(0, 255).astype(np.uint8)
    group = group_by_pairs(len(images), find_near_duplicates(images))
    assert len(set(group[:80])) == 1
    assert not set(group[:80]) & set(group[80:])


def test_unrelated_noise_has_no_duplicates():
    images = np.random.default_rng(0).integers(0, 256, (50, 32, 32, 3)).astype(np.uint8)
    assert find_near_duplicates(images).empty


def test_plain_pictures_of_one_colour_are_not_duplicates():
    images = np.stack([np.full((32, 32, 3), value, np.uint8) for value in (0, 10, 200)])
    assert find_near_duplicates(images).empty


def test_correlation_is_symmetric_and_within_bounds(pictures):
    there, back = np.array([[0, 1], [2, 3]]), np.array([[1, 0], [3, 2]])
    found = pair_correlation(grey(pictures), there)
    assert np.allclose(found, pair_correlation(grey(pictures), back), atol=1e-5)
    assert (np.abs(found) <= 1 + 1e-5).all()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_images_are_no_problem(pictures, count):
    assert find_near_duplicates(pictures[:count]).columns.tolist() == ["first", "second", "correlation", "hash_bits"]


@pytest.mark.parametrize("size", [8, 20, 64])
def test_any_image_size(size):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, size, size, 3)).astype(np.uint8)
    images[5] = images[0][:, ::-1]
    pairs = find_near_duplicates(images)
    assert [(pairs["first"][0], pairs["second"][0])] == [(0, 5)]


def test_groups_follow_chains():
    pairs = pd.DataFrame({"first": [0, 1, 5], "second": [1, 2, 6]})
    group = group_by_pairs(8, pairs)
    assert group[0] == group[1] == group[2] and group[5] == group[6]
    assert len(set(group)) == 5
    assert len(set(group_by_pairs(3, pairs.head(0)))) == 3


@pytest.mark.parametrize("kind", ["same", "mirrored", "darker", "moved", "noisy", "grey"])
def test_twins_are_found_among_other_pictures(pictures, data, kind):
    others = np.stack([data.images[0], copy_of(pictures[4], kind), data.images[1]])
    assert twins_of(pictures, others).tolist() == [-1, 4, -1]
    assert len(twins_of(pictures, others[:0])) == 0


def pair_table(path, *pairs):
    lines = [",".join(hashlib.sha256(image.tobytes()).hexdigest() for image in pair) for pair in pairs]
    path.write_text("\n".join(["first,second", *lines]) + "\n")
    return path


def test_pairs_that_a_person_saw_are_found_by_their_pixels(tmp_path, pictures):
    table = pair_table(
        tmp_path / "pairs.csv", (pictures[7], pictures[2]), (pictures[3], pictures[3] ^ 1), (pictures[0], pictures[9])
    )
    found = known_pairs(pictures, table)
    assert found[["first", "second"]].to_numpy().tolist() == [[2, 7], [0, 9]]
    assert found.columns.tolist() == find_near_duplicates(pictures).columns.tolist()
    assert known_pairs(pictures[:1], table).empty


def test_the_table_of_the_package_can_be_read(pictures):
    assert KNOWN_PAIRS.is_file() and known_pairs(pictures).empty
