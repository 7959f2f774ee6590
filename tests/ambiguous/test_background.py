from dataclasses import replace

import numpy as np
import pytest

from clockodile.ambiguous.background import ENOUGH, MADE, background_pictures, folds_of_kinds, shuffled_tiles


def with_background(data, count):
    """The data set with `count` black pictures of neither."""
    return replace(
        data,
        images=np.concatenate([data.images, np.zeros((count, *data.images.shape[1:]), np.uint8)]),
        labels=np.concatenate([data.labels, np.full(count, -1)]),
        ids=np.concatenate([data.ids, [f"other/kind{i % 20}/{i}" for i in range(count)]]),
        split=np.concatenate([data.split, np.full(count, "background")]),
        group=np.arange(len(data) + count),
        fold=np.concatenate([data.fold, np.full(count, -1)]),
    )


def test_given_pictures_are_taken_and_their_folders_are_their_kinds(data):
    found = background_pictures(with_background(data, ENOUGH), seed=0)
    assert len(found.images) == ENOUGH and not found.note
    assert len(set(found.kinds)) == 20 and found.kinds[0] == "other/kind0"


@pytest.mark.parametrize("count", [0, 3])
def test_too_few_are_filled_up_and_that_is_said(data, count):
    found = background_pictures(with_background(data, count), seed=0)
    assert len(found.images) == len(found.kinds) == count + MADE
    assert (f"only {count} pictures" if count else "no pictures") in found.note
    assert found.images.dtype == np.uint8 and found.images.shape[1:] == data.images.shape[1:]
    again = background_pictures(with_background(data, count), seed=0)
    assert np.array_equal(found.images, again.images)


@pytest.mark.parametrize("side", [32, 30, 9])
def test_shuffled_pictures_keep_their_pixels(data, side):
    images = np.random.default_rng(0).integers(0, 256, (5, side, side, 3), dtype=np.uint8)
    mixed, rows = shuffled_tiles(images, 5, seed=1)
    assert sorted(rows) == [0, 1, 2, 3, 4]
    assert (np.sort(mixed, axis=None) == np.sort(images, axis=None)).all()
    assert not any(np.array_equal(one, other) for one in mixed for other in images)
    totals = [sorted(part.sum((1, 2, 3)).tolist()) for part in (images, mixed)]
    assert totals[0] == totals[1]


def test_pieces_of_a_photograph_are_held_out_with_it(data):
    found = background_pictures(data, seed=0)
    cut = found.origin >= 0
    assert cut.sum() == MADE // 2
    assert (found.folds(data, seed=0)[cut] == data.fold[found.origin[cut]]).all()


def test_whole_kinds_are_held_out_together():
    kinds = np.array([f"kind {i % 30}" for i in range(300)])
    fold = folds_of_kinds(kinds, 5, seed=0)
    assert all(len(set(fold[kinds == kind])) == 1 for kind in set(kinds))
    assert sorted(np.bincount(fold).tolist()) == [60] * 5
    assert not np.array_equal(fold, folds_of_kinds(kinds, 5, seed=1))


def test_few_kinds_are_dealt_picture_by_picture():
    fold = folds_of_kinds(np.array(["background"] * 50), 5, seed=0)
    assert np.bincount(fold).tolist() == [10] * 5
