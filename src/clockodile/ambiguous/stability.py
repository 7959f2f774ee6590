"""Would other nets have put the same images on top? Overlap and rank correlation of two halves of an ensemble."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import spearmanr

TOP = 24  # images that fill a page


def top(score: np.ndarray, count: int = TOP) -> np.ndarray:
    """The `count` highest, the highest first; ties keep their order. score: (N,); returns row numbers."""
    return np.argsort(-score, kind="stable")[:count]


def overlap(first: np.ndarray, second: np.ndarray, *, count: int = TOP) -> float:
    """Share of the `count` highest images that two scores (N,) have in common, 0..1; by chance count / N."""
    return len(np.intersect1d(top(first, count), top(second, count))) / count


def agreement(first: np.ndarray, second: np.ndarray, *, count: int = TOP) -> dict[str, float]:
    """overlap of the tops, 0..1, and Spearman's correlation of all ranks, -1..1; nan for a score that is constant.

    A constant score ranks nothing: its "top" is whoever comes first.
    """
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return {"overlap": np.nan, "correlation": np.nan}
    return {
        "overlap": overlap(first, second, count=count),
        "correlation": float(spearmanr(first, second).statistic),
    }


def overlap_interval(
    first: np.ndarray, second: np.ndarray, *, count: int = TOP, draws: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of `overlap` under resampling of the images (bootstrap): how much hangs on these very pictures?

    Copies of an image count as different images, so a draw's top is a top of `count` draws.
    """
    rng, found = np.random.default_rng(seed), []
    for _ in range(draws):
        rows = rng.integers(len(first), size=len(first))
        found.append(overlap(first[rows], second[rows], count=count))
    return tuple(np.quantile(found, [0.025, 0.975]).tolist())


def halves_of_nets(
    score: Callable[[np.ndarray], np.ndarray], nets: int, *, pairs: int = 10, seed: int = 0
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Scores from two disjoint halves of an ensemble, for up to `pairs` ways to halve it.

    score: what a method says (N,) when only the nets with these numbers are asked; nets: how many there are, >= 2.
    """
    rng, found = np.random.default_rng(seed), {}
    for _ in range(20 * pairs):
        order = rng.permutation(nets)
        one, other = sorted(order[: nets // 2].tolist()), sorted(order[nets // 2 : 2 * (nets // 2)].tolist())
        found.setdefault(tuple(sorted((tuple(one), tuple(other)))), None)
        if len(found) == pairs:
            break
    return [(score(np.array(one)), score(np.array(other))) for one, other in found]
