"""Splits in which every class is present in proportion and no near-duplicate is on both sides.

Two kinds: K folds, so that every image is predicted once by nets that never saw it, and report 000's single split
into half for training, a quarter for validation, a quarter for testing.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from clockodile.core.errors import UserError


def grouped_folds(
    labels: np.ndarray, groups: np.ndarray, *, folds: int, seed: int, classes: Sequence[str] = ()
) -> np.ndarray:
    """Fold number of each image, stratified by label, groups kept whole.

    labels, groups: int (N,); classes: names for the message. Returns int64 (N,) in 0..folds-1. Raises UserError when a
    class has fewer groups than folds.
    """
    for label in np.unique(labels):
        available = len(np.unique(groups[labels == label]))
        if available < folds:
            name = f"'{classes[label]}'" if len(classes) else f"number {label}"
            raise UserError(
                f"class {name} has only {available} different images (near-duplicates count once); "
                f"{folds} folds need at least {folds}: add images"
            )
    splitter = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    fold = np.empty(len(labels), np.int64)
    # scikit-learn deals out the largest groups first, always in the same order: without a draw of our own the same
    # series of photographs would be tested (or trained on) whatever the seed
    numbers = np.random.default_rng(seed).permutation(folds)
    for number, (_, held_out) in zip(numbers, splitter.split(np.zeros(len(labels)), labels, groups), strict=True):
        fold[held_out] = number
    return fold


def merge_folds(fold: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Folds in which groups that grew together afterwards are whole again, and everything else is where it was.

    A group in several folds moves to that of its largest part. fold, groups: int (N,); returns int64 (N,).
    """
    merged = fold.copy()
    for group in np.unique(groups):
        merged[groups == group] = np.bincount(fold[groups == group]).argmax()
    return merged


def half_quarter_quarter(labels: np.ndarray, groups: np.ndarray, *, seed: int) -> dict[str, np.ndarray]:
    """Report 000's split: row numbers of "train" (half), "validation" and "test" (a quarter each), sorted.

    labels, groups: int (N,). Stratified and grouped as in `grouped_folds`, so sizes are within a few of 500/250/250.
    """
    quarter = grouped_folds(labels, groups, folds=4, seed=seed)
    return {
        "train": np.flatnonzero(quarter < 2),
        "validation": np.flatnonzero(quarter == 2),
        "test": np.flatnonzero(quarter == 3),
    }


def split_hash(ids: np.ndarray, fold: np.ndarray) -> str:
    """12 hexadecimal digits that name a split, whatever the order of rows. ids: str (N,); fold: int (N,)."""
    lines = sorted(f"{name} {number}" for name, number in zip(ids, fold, strict=True))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]
