"""Scores of how ambiguous an image is: each (N,) in [0, 1], higher = more ambiguous.

Every input must be out of fold: from nets that saw neither the image nor a near-duplicate of it. A net that judges its
own training images finds almost nothing ambiguous. S seeds, N images, C classes, D features.
"""

from __future__ import annotations

import numpy as np
from scipy.special import entr, softmax
from sklearn.neighbors import NearestNeighbors

TINY = np.finfo(np.float64).tiny


# --- from probabilities ---------------------------------------------------------------------------------------


def low_self_confidence(probability: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """1 - the probability of the image's own label; with two classes, above 0.5 = misclassified (report 000).

    probability: (N, C), rows sum to 1; labels: int (N,).
    """
    return 1 - probability[np.arange(len(labels)), labels]


def entropy(probability: np.ndarray) -> np.ndarray:
    """Shannon entropy of the predicted classes over its greatest value, ln C. probability: (N, C)."""
    return entr(probability).sum(1) / np.log(probability.shape[1])


def margin(probability: np.ndarray) -> np.ndarray:
    """1 - (the greatest probability - the second greatest). probability: (N, C)."""
    ordered = np.sort(probability, axis=1)
    return 1 - (ordered[:, -1] - ordered[:, -2])


def decompose_entropy(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Doubt of an ensemble in two parts: what each net doubts by itself, and what they disagree about.

    logits: (S, N, C). Returns aleatoric (N,), the mean of the nets' entropies, and epistemic (N,), the mutual
    information between class and net; their sum is the entropy of the mean probability (Depeweg et al., 2018). All are
    divided by ln C.
    """
    each = softmax(np.asarray(logits, np.float64), axis=2)
    aleatoric = entr(each).sum(2).mean(0) / np.log(each.shape[2])
    return aleatoric, np.clip(entropy(each.mean(0)) - aleatoric, 0, 1)


def mutual_information(logits: np.ndarray) -> np.ndarray:
    """The epistemic part of `decompose_entropy`. logits: (S, N, C)."""
    return decompose_entropy(logits)[1]


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


# --- from features --------------------------------------------------------------------------------------------


def centroid_distance_ratio(centre_distance: np.ndarray, pair: tuple[int, int]) -> np.ndarray:
    """How equally far an image lies from the centres of two classes (report 000, second attempt).

    centre_distance: (S, N, C) latent distances, >= 0; pair: two class numbers. Returns (N,): 1 = the same distance to
    both, 0 = on one centre; averaged over S. |d_a - d_b| / (d_a + d_b) below a tolerance t means a score above 1 - t:
    relative, because the scale of latent space differs from net to net.
    """
    first, second = centre_distance[..., pair[0]], centre_distance[..., pair[1]]
    total = np.maximum(first + second, np.finfo(np.float32).tiny)  # both 0: the centres coincide, so balanced
    return (1 - np.abs(first - second) / total).mean(0)


def within_tolerance(balance: np.ndarray, tolerance: float) -> np.ndarray:
    """Images whose two centre distances differ by less than the relative `tolerance` (0..1). Returns bool (N,)."""
    return balance > 1 - tolerance


def nearest_centroid_margin(centre_distance: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How near an image lies to the nearest other class's mean, against its own (report 001's perceptual ranking).

    centre_distance: (S, N, C), >= 0. Returns own / (own + other), averaged over S: above 0.5 = nearer to another class.
    """
    rows = np.arange(len(labels))
    own = centre_distance[:, rows, labels]
    others = centre_distance.copy()
    others[:, rows, labels] = np.inf
    other = others.min(2)
    return np.where(own + other > 0, own / np.maximum(own + other, TINY), 0.5).mean(0)


def distances_to_centres(features: np.ndarray, labels: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Distance of each image to every class's mean among the OTHER folds' images.

    features: (N, D) comparable across folds, such as a frozen network's; every class needs images in each of those.
    Returns (1, N, C), as `nearest_centroid_margin` and `centroid_distance_ratio` take it.
    """
    found = np.empty((1, len(features), labels.max() + 1))
    for held in np.unique(fold):
        known = fold != held
        centres = [features[known & (labels == label)].mean(0) for label in range(found.shape[2])]
        gaps = features[fold == held][:, None] - np.stack(centres)
        found[0, fold == held] = np.linalg.norm(gaps, axis=2)
    return found


def knn_label_entropy(
    features: np.ndarray,
    labels: np.ndarray,
    fold: np.ndarray,
    *,
    count: int = 15,
    allowed: np.ndarray | None = None,
) -> np.ndarray:
    """How mixed the classes of the nearest images of OTHER folds are: entropy of their labels over ln C.

    features: (N, D) comparable across folds; neighbours by the angle between features; count: how many, at least 1;
    allowed: bool (N,), who may be a neighbour, by default all.
    """
    allowed = np.ones(len(labels), bool) if allowed is None else allowed
    classes, shares = labels.max() + 1, np.empty((len(features), labels.max() + 1))
    for held in np.unique(fold):
        known, asked = np.flatnonzero((fold != held) & allowed), fold == held
        search = NearestNeighbors(n_neighbors=min(count, len(known)), metric="cosine").fit(features[known])
        near = labels[known[search.kneighbors(features[asked], return_distance=False)]]
        shares[asked] = (near[:, :, None] == np.arange(classes)).mean(1)
    return entropy(shares)


# --- from evidence --------------------------------------------------------------------------------------------


def both(evidence: np.ndarray, pair: tuple[int, int]) -> np.ndarray:
    """The smaller of the evidences for two classes: an image is as much "both" as the weaker class is visible in it.

    evidence: (N, C) in [0, 1], each class measured apart (see evidence.Judge).
    """
    return evidence[:, list(pair)].min(1)


def evidence_against(evidence: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How much more speaks for another class than for the image's label: above 0.5 = another one has more evidence.

    evidence: (N, C) in [0, 1], by a judge fitted on these labels; labels: int (N,).
    """
    rows, others = np.arange(len(labels)), evidence.copy()
    others[rows, labels] = -np.inf
    return (others.max(1) - evidence[rows, labels] + 1) / 2


# --- order ----------------------------------------------------------------------------------------------------


def rank_of(score: np.ndarray) -> np.ndarray:
    """Place of each score, 1 = highest; ties keep their order. score: (N,); returns int64 (N,)."""
    order = np.argsort(-score, kind="stable")
    rank = np.empty(len(score), np.int64)
    rank[order] = np.arange(1, len(score) + 1)
    return rank
