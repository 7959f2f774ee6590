"""Measures of made pictures, each by itself: numbers or features in, an estimate with its interval out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from clockodile.ambiguous.evidence import STRICT, quadrants
from clockodile.core.stats import NORMAL_95, wilson_interval

DRAWS = 200  # random halves, splits or resamples behind an interval
MOST = 2000  # photographs that `kid_null_95` draws from, more for large sets: memory grows with their square
CHUNK = 64  # pictures compared at once with all that was learned from
MEMORISED = 1 / 3  # how much nearer than all others a photograph that has come back is
FOLDS, PENALTY = 5, 300.0  # of the test that tells made from real: folds, and strength of the L2 penalty


@dataclass(frozen=True)
class Estimate:
    """A number and the ends of its 95 % interval; nan where it could not be measured."""

    value: float
    low: float
    high: float


UNKNOWN = Estimate(np.nan, np.nan, np.nan)


def sharpness(images: torch.Tensor) -> torch.Tensor:
    """Mean step between neighbouring pixels: blurred images score low. images: (N, 3, H, W) in [0, 1]; returns (N,)."""
    vertical = (images[:, :, 1:] - images[:, :, :-1]).abs().mean((1, 2, 3))
    horizontal = (images[..., 1:] - images[..., :-1]).abs().mean((1, 2, 3))
    return (vertical + horizontal) / 2


def share_of(hits: np.ndarray) -> Estimate:
    """Share of true entries, bool (N,), with Wilson's interval; unknown for no entries."""
    if not len(hits):
        return UNKNOWN
    share = float(np.mean(hits))
    return Estimate(share, *map(float, wilson_interval(share, len(hits))))


def both_rate(evidence: np.ndarray, pair: tuple[int, int], *, threshold: float = STRICT) -> Estimate:
    """Share of pictures with evidence for both classes. evidence: (N, C) in [0, 1]; higher = more hybrids."""
    return share_of(quadrants(evidence, pair, threshold=threshold) == "both")


def kid(made: np.ndarray, real: np.ndarray, *, seed: int = 0) -> Estimate:
    """Kernel distance of two sets of features (N, D) and (M, D): 0 in the mean for equal distributions, else above.

    Unbiased squared maximum mean discrepancy with the kernel (x.y / D + 1)^3 (Binkowski et al., 2018, eq. 4 and 5), so
    it may come out below 0. The interval is 1.96 standard deviations over random halves: half a sample, drawn without
    replacement, varies around the whole as much as the whole around the truth. Without a difference it is too wide.
    """
    if min(len(made), len(real)) < 2:
        return UNKNOWN
    kernel, first = cubic_kernel(np.concatenate([made, real])), np.arange(len(made))
    second = np.arange(len(made), len(kernel))
    value = discrepancy(kernel, first, second)
    if min(len(made), len(real)) < 4:
        return Estimate(value, np.nan, np.nan)
    rng = np.random.default_rng(seed)
    halves = [
        discrepancy(kernel, *(rng.choice(part, len(part) // 2, replace=False) for part in (first, second)))
        for _ in range(DRAWS)
    ]
    margin = NORMAL_95 * float(np.std(halves))
    return Estimate(value, value - margin, value + margin)


def kid_null_95(real: np.ndarray, sizes: tuple[int, int], *, seed: int = 0) -> float:
    """The distance of `kid` that one in twenty comparisons of real with real exceeds, at these sizes.

    real: features (N, D) of photographs; disjoint sets of `sizes` are drawn, both smaller in proportion when there are
    too few. Of many photographs a random part is enough to draw from: MOST, or twice what one draw takes.
    """
    scale = min(1, len(real) / max(sum(sizes), 1))
    sizes = tuple(int(size * scale) for size in sizes)
    if min(sizes) < 2:
        return np.nan
    rng, most = np.random.default_rng(seed), max(MOST, 2 * sum(sizes))
    if len(real) > most:
        real = real[rng.choice(len(real), most, replace=False)]
    kernel = cubic_kernel(real)
    orders = [rng.permutation(len(real))[: sum(sizes)] for _ in range(DRAWS)]
    found = [discrepancy(kernel, order[: sizes[0]], order[sizes[0] :]) for order in orders]
    return float(np.quantile(found, 0.95))


def cubic_kernel(features: np.ndarray) -> np.ndarray:
    """(x.y / D + 1)^3 for every two rows of features (N, D): (N, N)."""
    features = np.asarray(features, np.float64)
    kernel = features @ features.T
    kernel /= features.shape[1]  # in place: of many pictures this is the largest array of all
    kernel += 1
    kernel **= 3
    return kernel


def discrepancy(kernel: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """Unbiased squared maximum mean discrepancy of two sets of rows of a kernel matrix: no row meets itself."""
    within = [_mean_of_pairs(kernel[np.ix_(rows, rows)]) for rows in (first, second)]
    return float(sum(within) - 2 * kernel[np.ix_(first, second)].mean())


def _mean_of_pairs(square: np.ndarray) -> float:
    """Mean of a square matrix (N, N) without its diagonal; nan for fewer than two rows."""
    count = len(square)
    return float((square.sum() - square.trace()) / (count * (count - 1))) if count > 1 else np.nan


def two_sample_accuracy(made: np.ndarray, real: np.ndarray, *, seed: int = 0) -> Estimate:
    """How often a classifier tells unseen made from unseen real pictures (Lopez-Paz & Oquab, 2017), 0.5 = never.

    made, real: features (N, D) and (M, D), cut to the same number. Cross-validated logistic regression; with few
    pictures it learns little, so compare only numbers from as many.
    """
    rng, count = np.random.default_rng(seed), min(len(made), len(real))
    if count < 2:
        return UNKNOWN
    rows = np.concatenate([part[rng.permutation(len(part))[:count]] for part in (made, real)])
    is_real = np.repeat([False, True], count)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1 / PENALTY, max_iter=2000))
    folds = StratifiedKFold(min(FOLDS, count), shuffle=True, random_state=seed)
    return share_of(cross_val_predict(model, rows, is_real, cv=folds) == is_real)


# --- distances ----------------------------------------------------------------------------------------------


def directions(features: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Unit vectors (N, D) from `centre` (D,): what all pictures share says nothing about who is alike."""
    moved = np.asarray(features, np.float64) - centre
    return moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), np.finfo(np.float32).tiny)


def nearest(features: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number of the nearest of `known` (K, D) to each row of features (N, D) and its distance: int, float (N,).

    Distances are 1 - cosine of the angle seen from the middle of `known`, in [0, 2].
    """
    centre = known.mean(0)
    distance = 1 - directions(features, centre) @ directions(known, centre).T
    rows = distance.argmin(1)
    return rows, np.maximum(distance[np.arange(len(rows)), rows], 0)


def conformal_p(distance: np.ndarray, unseen: np.ndarray) -> np.ndarray:
    """(1 + number of `unseen` (M,) nearer than it) / (M + 1) for each distance (N,): float (N,) in (0, 1].

    The conformal p-value (Vovk et al., 2005): a new picture of the kind of `unseen` has one of at most p with
    probability p, however few those are.
    """
    return (1 + np.searchsorted(np.sort(unseen), distance, side="left")) / (len(unseen) + 1)


def nearest_pixels(
    images: np.ndarray, known: np.ndarray, group: np.ndarray, others: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Distance to the nearest of `known` and `others`, and to the nearest outside that one's group, float (N,) each.

    images, known, others: uint8 (N, S, S, 3); group: int (K,) which known ones are near-duplicates of each other; each
    of the others is a group of its own. Distances are of `pixel_distances`, infinite where there is nothing.
    """
    if others is not None and len(others):
        group = np.concatenate([group, group.max(initial=0) + 1 + np.arange(len(others))])
        known = np.concatenate([known, others])
    found = []
    for first in range(0, len(images), CHUNK):
        distance = pixel_distances(images[first : first + CHUNK], known)
        same = group == group[distance.argmin(1)][:, None]
        found.append((distance.min(1), np.where(same, np.inf, distance).min(1)))
    return tuple(np.concatenate(part) for part in zip(*found, strict=True))


def pixel_distances(images: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Root mean squared difference in [0, 1] to each of `known`, mirrored or not: float (N, K). Both uint8."""
    made, mirrored = (part.reshape(len(part), -1) / np.float32(255) for part in (images, images[:, :, ::-1]))
    columns = []
    for first in range(0, len(known), MOST):  # of 50,000 photographs the floats alone would fill a gigabyte
        real = known[first : first + MOST].reshape(-1, made.shape[1]) / np.float32(255)
        product = np.maximum(made @ real.T, mirrored @ real.T)
        columns.append((made**2).sum(1)[:, None] + (real**2).sum(1) - 2 * product)
    return np.sqrt(np.maximum(np.concatenate(columns, 1), 0) / made.shape[1])


def memorised(distance: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which pictures are a learned one come back (Yoon et al., 2023), bool (N,).

    They are less than a third (MEMORISED) as far from the nearest as from any that is no near-duplicate of it; where
    there is no other, nobody can say, and they are not. distance, others: from `nearest_pixels`.
    """
    return np.isfinite(others) & (distance < MEMORISED * others)


def mean_pairwise_distance(features: np.ndarray, centre: np.ndarray) -> float:
    """Mean distance (1 - cosine) of two different rows of features (N, D), seen from `centre`."""
    unit = directions(features, centre)
    return _mean_of_pairs(1 - unit @ unit.T)


def ratio_of_medians(first: np.ndarray, second: np.ndarray, *, seed: int = 0) -> Estimate:
    """Median of `first` over median of `second`, both (N,) and > 0, with a bootstrap interval over the entries."""
    rng = np.random.default_rng(seed)
    resampled = [np.median(rng.choice(part, (DRAWS, len(part))), axis=1) for part in (first, second)]
    low, high = np.quantile(resampled[0] / resampled[1], [0.025, 0.975])
    return Estimate(float(np.median(first) / np.median(second)), float(low), float(high))
