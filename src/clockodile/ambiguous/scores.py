"""Scores of how ambiguous an image is: each (N,) in [0, 1], higher = more ambiguous.

Every input must be out of fold: from nets that saw neither the image nor a near-duplicate of it. A net that judges its
own training images finds almost nothing ambiguous. S seeds, N images, C classes.
"""

import numpy as np
from scipy.special import entr
from scipy.stats import rankdata

TOP = 24  # images that fill a page


def low_self_confidence(probability: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """1 - the probability of the image's own label; with two classes, above 0.5 = misclassified (report 000).

    probability: (N, C), rows sum to 1; labels: int (N,).
    """
    return 1 - probability[np.arange(len(labels)), labels]


def entropy(probability: np.ndarray) -> np.ndarray:
    """Shannon entropy of the predicted classes over its greatest value, ln C. probability: (N, C)."""
    return entr(probability).sum(1) / np.log(probability.shape[1])


def low_normalized_margin(probability: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """1 - the label's quality by confident learning (Northcutt et al., 2021): which labels may be wrong?

    Each class's probabilities are first lowered by the mean probability its own images get, so that a class the nets
    are always sure of is held to more; the quality is then the normalised margin of the given label.
    probability: (N, C), every class has images; labels: int (N,).
    """
    classes = probability.shape[1]
    threshold = np.array([probability[labels == label, label].mean() for label in range(classes)])
    adjusted = probability - threshold + threshold.max()
    adjusted /= adjusted.sum(1, keepdims=True)
    rows = np.arange(len(labels))
    others = adjusted.copy()
    others[rows, labels] = -np.inf
    return 1 - (adjusted[rows, labels] - others.max(1) + 1) / 2


def centroid_distance_ratio(centre_distance: np.ndarray, pair: tuple[int, int]) -> np.ndarray:
    """How equally far an image lies from the centres of two classes (report 000, second attempt).

    centre_distance: (S, N, C) latent distances, >= 0; pair: two class numbers. Returns (N,): 1 = the same distance to
    both, 0 = on one centre; averaged over S. |d_a - d_b| / (d_a + d_b) below a tolerance t means a score above 1 - t:
    relative, because the scale of latent space differs from net to net.
    """
    first, second = centre_distance[..., pair[0]], centre_distance[..., pair[1]]
    total = np.maximum(first + second, np.finfo(np.float32).tiny)  # both 0: the centres coincide, so balanced
    return (1 - np.abs(first - second) / total).mean(0)


def both(evidence: np.ndarray, pair: tuple[int, int]) -> np.ndarray:
    """The smaller of the evidences for two classes: an image is as much "both" as the weaker class is visible in it.

    evidence: (N, C) in [0, 1], each class measured apart (see evidence.Judge).
    """
    return evidence[:, list(pair)].min(1)


def rank_of(score: np.ndarray) -> np.ndarray:
    """Place of each score, 1 = highest; ties keep their order. score: (N,); returns int64 (N,)."""
    return rankdata(-score, method="ordinal").astype(np.int64)


def top(score: np.ndarray, count: int = TOP) -> np.ndarray:
    """The `count` highest, the highest first; ties keep their order. score: (N,); returns row numbers."""
    return np.argsort(-score, kind="stable")[:count]


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Share of the TOP highest images that two scores (N,) have in common, 0..1; by chance TOP / N."""
    return len(np.intersect1d(top(first), top(second))) / TOP
