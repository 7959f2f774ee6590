import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clockodile.core.errors import UserError
from clockodile.data.splits import grouped_folds, half_quarter_quarter, merge_folds, split_hash


def straddling_groups(groups, fold) -> int:
    """How many groups have images in more than one fold."""
    return sum(len(np.unique(fold[groups == group])) > 1 for group in np.unique(groups))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1000), classes=st.integers(2, 4), size=st.integers(1, 4))
def test_folds_are_complete_and_never_part_a_group(seed, classes, size):
    labels = np.repeat(np.arange(classes), 40)
    groups = np.arange(len(labels)) // size  # 40 is a multiple of 1, 2, 4; groups of 3 may span two classes
    fold = grouped_folds(labels, groups, folds=5, seed=seed)
    assert set(fold) == set(range(5))
    assert straddling_groups(groups, fold) == 0


def test_a_large_group_is_not_always_in_the_same_fold():
    labels = np.repeat([0, 1], 50)
    groups = np.r_[np.zeros(7, int), np.arange(1, 94)]
    places = {grouped_folds(labels, groups, folds=4, seed=seed)[0] for seed in range(30)}
    assert places == {0, 1, 2, 3}


def test_each_fold_has_its_share_of_each_class():
    labels = np.repeat([0, 1], [300, 60])
    fold = grouped_folds(labels, np.arange(360), folds=5, seed=0)
    assert all(((fold == number) & (labels == 1)).sum() == 12 for number in range(5))


def test_the_same_seed_gives_the_same_split_and_another_does_not():
    labels, groups = np.repeat([0, 1], 50), np.arange(100)
    hashes = [split_hash(groups.astype(str), grouped_folds(labels, groups, folds=5, seed=seed)) for seed in (0, 0, 1)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_the_hash_ignores_the_order_of_rows():
    ids, fold = np.array(["a", "b", "c"]), np.array([0, 1, 2])
    assert split_hash(ids, fold) == split_hash(ids[::-1], fold[::-1]) != split_hash(ids, fold[::-1])


def test_too_few_different_images_is_the_users_to_mend():
    labels = np.repeat([0, 1], [50, 12])
    groups = np.r_[np.arange(50), np.full(12, 99)]
    with pytest.raises(UserError, match="class 'dog' has only 1 different images"):
        grouped_folds(labels, groups, folds=5, seed=0, classes=("cat", "dog"))


def test_half_quarter_quarter():
    labels, groups = np.repeat([0, 1], 500), np.arange(1000)
    split = half_quarter_quarter(labels, groups, seed=3)
    assert {name: len(rows) for name, rows in split.items()} == {"train": 500, "validation": 250, "test": 250}
    assert len(set(np.concatenate(list(split.values())))) == 1000


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1000))
def test_groups_that_grow_together_move_nobody_else(seed):
    rng = np.random.default_rng(seed)
    groups, fold_of, joined = rng.integers(0, 20, 60), rng.integers(0, 5, 20), rng.integers(0, 15, 20)
    fold, grown = fold_of[groups], joined[groups]
    merged = merge_folds(fold, grown)
    assert straddling_groups(grown, merged) == 0
    whole = [group for group in np.unique(grown) if len(np.unique(fold[grown == group])) == 1]
    assert np.array_equal(merged[np.isin(grown, whole)], fold[np.isin(grown, whole)])


def test_the_smaller_part_of_a_grown_group_moves():
    assert merge_folds(np.array([3, 1, 1, 0, 4]), np.array([7, 7, 7, 8, 9])).tolist() == [1, 1, 1, 0, 4]
