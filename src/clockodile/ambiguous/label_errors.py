"""Tests of a score whose answer is known beforehand: pictures of nothing, and labels that were exchanged on purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from scipy.special import softmax
from sklearn.metrics import average_precision_score

from clockodile.ambiguous.score_table import SCORES, OutOfFold, Score
from clockodile.ambiguous.scores import TINY, distances_to_centres, evidence_against
from clockodile.learn.linear_probe import fit_probe

FOR_LABELS = (  # scores of labels alone: they rank no image of both classes
    Score(
        "more evidence for another class",
        "this notebook",
        lambda known: evidence_against(known.evidence, known.labels),
        "judge",
    ),
)


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


def spoiled_opinions(known: OutOfFold, spoiled: np.ndarray, evidence: np.ndarray) -> OutOfFold:
    """What models would say had they learned from other labels, int (N,): probes on the frozen network stand in for
    all nets, so that none must be trained. evidence: (N, C), of a judge that learned from these labels.
    """
    logits = np.log(np.maximum(probe_out_of_fold(known.features, spoiled, known.fold), TINY))[None]
    distance = distances_to_centres(known.features, spoiled, known.fold)
    probes = {"logits": logits, "first_logits": logits, "first_distance": distance}
    return replace(known, labels=spoiled, evidence=evidence, calibrated=False, **probes)


def planted_errors(
    known: OutOfFold,
    *,
    share: float,
    seed: int,
    evidence: Callable[[np.ndarray], np.ndarray],
    plantings: int,
) -> dict[str, tuple[float, float]]:
    """How well scores find labels that were exchanged: average precision, mean and standard deviation over plantings.

    By title, for all of SCORES and FOR_LABELS that rank at all: a single net does not disagree with itself. share
    (0..1): of labels that are exchanged; evidence: such labels (N,) -> what a judge fitted on them finds, (N, C).
    """
    found: dict[str, list[float]] = {}
    for number in range(plantings):
        spoiled, exchanged = exchange_labels(known.labels, share, seed=seed + number)
        opinions = spoiled_opinions(known, spoiled, evidence(spoiled))
        for method in (*SCORES.values(), *FOR_LABELS):
            score = method.score(opinions)
            if np.ptp(score) > 0:
                precision = float(average_precision_score(exchanged, score))
                found.setdefault(method.title, []).append(precision)
    return {name: (float(np.mean(values)), float(np.std(values, ddof=1))) for name, values in found.items()}
