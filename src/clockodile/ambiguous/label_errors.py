"""Tests of a score whose answer is known beforehand: pictures of nothing, and labels that were exchanged on purpose."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.special import softmax
from sklearn.metrics import average_precision_score

from clockodile.ambiguous.scores import (
    both,
    distances_to_centres,
    entropy,
    evidence_against,
    knn_label_entropy,
    low_normalized_margin,
    low_self_confidence,
    nearest_centroid_margin,
)
from clockodile.learn.linear_probe import fit_probe

PLANTINGS = 5  # how often labels are exchanged anew


def shapeless_pictures(size: int, *, count: int, seed: int) -> dict[str, np.ndarray]:
    """Pictures of nothing: uint8 (count, size, size, 3) of noise, of plain colours, and of stripes."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    plain = np.broadcast_to(rng.integers(0, 256, (count, 1, 1, 3), dtype=np.uint8), noise.shape).copy()
    angle, width = (
        rng.uniform(0, np.pi, (count, 1, 1)),
        rng.uniform(3, size / 2, (count, 1, 1)),
    )  # width in pixels
    y, x = np.mgrid[:size, :size]
    wave = (np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / width) > 0)[..., None]
    colours = rng.integers(0, 256, (2, count, 1, 1, 3), dtype=np.uint8)
    return {"noise": noise, "plain colours": plain, "stripes": np.where(wave, *colours)}


def exchange_labels(labels: np.ndarray, share: float, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels with a share (0..1) of them changed to another class at random, and which: int (N,), bool (N,)."""
    rng, classes = np.random.default_rng(seed), labels.max() + 1
    chosen = np.zeros(len(labels), bool)
    chosen[rng.choice(len(labels), max(1, round(share * len(labels))), replace=False)] = True
    shift = rng.integers(1, classes, len(labels))
    return np.where(chosen, (labels + shift) % classes, labels), chosen


def probe_out_of_fold(features: np.ndarray, labels: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Probabilities (N, C) by logistic regressions on features (N, D), each fitted without the fold it judges."""
    classes = int(labels.max()) + 1
    found = np.empty((len(labels), classes))
    for held in np.unique(fold):
        known, asked = fold != held, fold == held
        probe = fit_probe(torch.from_numpy(features[known]), torch.from_numpy(labels[known]), classes=classes)
        with torch.no_grad():
            found[asked] = softmax(probe(torch.from_numpy(features[asked])).double().numpy(), axis=1)
    return found


def planted_errors(
    features: np.ndarray,
    labels: np.ndarray,
    fold: np.ndarray,
    *,
    share: float,
    seed: int,
    plantings: int = PLANTINGS,
    evidence: Callable[[np.ndarray], np.ndarray] | None = None,
    pair: tuple[int, int] = (0, 1),
) -> dict[str, tuple[float, float]]:
    """How well scores find labels that were exchanged: average precision, mean and standard deviation over plantings.

    Probes are trained on the spoiled labels, as anybody's net would be. features: float32 (N, D); evidence: spoiled
    labels (N,) -> what a judge fitted on them finds, (N, C); with it, the scores that go by evidence are tried as well.
    """
    found: dict[str, list[float]] = {}
    for number in range(plantings):
        spoiled, exchanged = exchange_labels(labels, share, seed=seed + number)
        probability = probe_out_of_fold(features, spoiled, fold)
        tried = {
            "label quality": low_normalized_margin(probability, spoiled),
            "misclassified": low_self_confidence(probability, spoiled),
            "nearer to the other class's mean": nearest_centroid_margin(
                distances_to_centres(features, spoiled, fold), spoiled
            ),
            "entropy": entropy(probability),
            "mixed neighbours": knn_label_entropy(features, spoiled, fold),
        }
        if evidence is not None:
            judged = evidence(spoiled)
            tried["more evidence for another class"] = evidence_against(judged, spoiled)
            tried["evidence for both (headline)"] = both(judged, pair)
        for name, score in tried.items():
            found.setdefault(name, []).append(float(average_precision_score(exchanged, score)))
    return {name: (float(np.mean(values)), float(np.std(values, ddof=1))) for name, values in found.items()}
