"""Scores of how disputable an image is: (N,) in [0, 1], higher = more disputable.

Every input must be out of fold: from nets that saw neither the image nor a near-duplicate of it. A net judging its own
training images finds almost nothing disputable.
"""

from __future__ import annotations

import numpy as np


def doubt(probability: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Probability that the image is not what its label says (report 000, first attempt: wrong predictions).

    probability: (N, C), rows sum to 1; labels: int (N,). Returns (N,); with two classes, above 0.5 = wrongly predicted.
    """
    return 1 - probability[np.arange(len(labels)), labels]


def centre_balance(centre_distance: np.ndarray, pair: tuple[int, int]) -> np.ndarray:
    """How equally far an image lies from the centres of two classes (report 000, second attempt).

    centre_distance: (S, N, C) latent distances, >= 0; pair: two class numbers. Returns (N,): 1 = the same distance to
    both, 0 = on one centre; averaged over S. |d_a - d_b| / (d_a + d_b) below a tolerance t means a score above 1 - t:
    relative, because the scale of latent space differs from net to net.
    """
    first, second = centre_distance[..., pair[0]], centre_distance[..., pair[1]]
    total = np.maximum(first + second, np.finfo(np.float32).tiny)  # both 0: the centres coincide, so balanced
    return (1 - np.abs(first - second) / total).mean(0)


def rank_of(score: np.ndarray) -> np.ndarray:
    """Place of each score, 1 = highest; ties keep their order. score: (N,); returns int64 (N,)."""
    order = np.argsort(-score, kind="stable")
    rank = np.empty(len(score), np.int64)
    rank[order] = np.arange(1, len(score) + 1)
    return rank


def within_tolerance(balance: np.ndarray, tolerance: float) -> np.ndarray:
    """Images whose two centre distances differ by less than the relative `tolerance` (0..1). Returns bool (N,)."""
    return balance > 1 - tolerance
