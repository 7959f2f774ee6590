"""How good are made pictures? The same measures by the same code for every method, and for photographs beside them.

Real means photographs of the fold that no generator sees. What pictures show is seen through the judge's frozen
network, which learned neither from these photographs nor from anything a generator learns from. Each method's pictures
and the photographs of the held-out fold are judged by the same probes, those that were fitted without that fold.
"""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from clockodile.ambiguous import judge
from clockodile.ambiguous.evidence import LENIENT, mean_features
from clockodile.ambiguous.judge import SIDES, JudgeResult, judge_run
from clockodile.core.errors import UserError
from clockodile.core.stats import wilson_interval
from clockodile.core.workspace import Run
from clockodile.data.dataset import Dataset, as_images
from clockodile.hybrids.generators.flow_of_run import HELD_OUT

MOST = 2000  # photographs compared at once: of 50,000 the floats alone would fill a gigabyte
MEMORISED = 1 / 3  # how much nearer than all others a photograph that has come back is
FOLDS, PENALTY = 5, 300.0  # of the test that tells made from real: folds, and strength of the L2 penalty


@dataclass(frozen=True)
class Reference:
    """What pictures are measured with: the judge, what a generator learned from, and photographs it never saw."""

    judged: JudgeResult
    train: Dataset  # all labelled photographs
    pair: tuple[int, int]
    held_out: np.ndarray  # int (H,) rows of photographs that no generator saw, as many of each class
    learned: np.ndarray  # uint8 (K, S, S, 3) what generators learned from, of the run's own pictures
    group: np.ndarray  # int (K,) near-duplicates of each other


def perceptual(features: np.ndarray) -> np.ndarray:
    """Of the judge's features (N, 2 * D) those of the pictures at the smaller size (N, D): enough for distances."""
    return features[:, : features.shape[1] // len(SIDES)]


def reference(run: Run, data: Dataset, *, pair: tuple[int, int] | None = None) -> Reference:
    """Prepare what pictures of a run are measured with, once for all generators. data: all splits.

    pair: the classes compared, by default the run's; the same twice for one class alone. Raises UserError when the
    held-out fold has no photograph of one.
    """
    judged, train, pair = judge_run(run, data), data.part("train"), pair or run.recipe.pair
    rng = np.random.default_rng(run.seed)
    rows = [rng.permutation(np.flatnonzero((train.fold == HELD_OUT) & (train.labels == label))) for label in set(pair)]
    count = min(map(len, rows))
    if not count:
        raise UserError("a fold holds no photograph of a class; give more photographs")
    background, known = judged.background, train.fold != HELD_OUT
    free = (background.origin < 0) | known[background.origin]
    alone = train.group.max() + 1 + np.arange(free.sum())
    return Reference(
        judged,
        train,
        pair,
        np.sort(np.concatenate([part[:count] for part in rows])),
        np.concatenate([train.images[known], background.images[free]]),
        np.concatenate([train.group[known], alone]),
    )


def measure(images: torch.Tensor | np.ndarray, known: Reference) -> dict[str, float]:
    """All measures of made pictures, float (N, 3, S, S) in [0, 1] or uint8 (N, S, S, 3), compared with photographs.

    images: how many; first, second: mean evidence for each class; both: share with evidence for both that at most one
    in ten other things has, and its interval both_low, both_high; kid: distance from photographs, 0 = as close as they
    are to each other; told_apart: share of made and real pictures that a classifier tells apart, 0.5 = none;
    memorised: share of pictures that are a learned one come back, pixel by pixel.
    """
    images = as_images(images) if torch.is_tensor(images) else images
    maps = judge.maps_of(images)
    evidence = known.judged.judge.evidence(maps, np.full(len(images), HELD_OUT))[:, list(known.pair)]
    real, copies = known.judged.features[known.held_out], memorised(images, known.learned, known.group)
    found = measured(evidence, mean_features(maps[:1]), perceptual(real))
    return found | {"memorised": float(copies.mean())}


def measured(evidence: np.ndarray, features: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """The measures that need no pixels. evidence: (N, 2); features, real: (N, D) and (M, D)."""
    both = float((evidence.min(1) >= LENIENT).mean())
    low, high = wilson_interval(both, len(evidence))
    first, second = map(float, evidence.mean(0))
    return {
        "images": len(evidence),
        **{"first": first, "second": second},
        **{"both": both, "both_low": float(low), "both_high": float(high)},
        "kid": kid(features, real),
        "told_apart": two_sample_accuracy(features, real),
    }


def measure_photographs(known: Reference) -> dict[str, float]:
    """The same for the held-out photographs, compared with as many of other folds: what the best maker would get."""
    rows, rng = known.held_out, np.random.default_rng(0)
    inside = np.isin(known.train.labels, known.pair) & (known.train.fold != HELD_OUT)
    other = rng.permutation(np.flatnonzero(inside))[: len(rows)]
    features, evidence = perceptual(known.judged.features), known.judged.evidence[rows][:, list(known.pair)]
    return measured(evidence, features[rows], features[other]) | {"memorised": 0.0}


def kid(made: np.ndarray, real: np.ndarray) -> float:
    """Kernel distance of features (N, D) and (M, D): 0 in the mean for equal distributions, else above.

    Unbiased squared maximum mean discrepancy with the kernel (x.y / D + 1)^3 (Binkowski et al., 2018, eq. 4 and 5), so
    it may come out below 0. nan for fewer than two of either.
    """
    if min(len(made), len(real)) < 2:
        return float("nan")
    made, real = np.asarray(made, np.float64), np.asarray(real, np.float64)
    kernel = lambda x, y: (x @ y.T / x.shape[1] + 1) ** 3  # noqa: E731
    within = []
    for part in (made, real):
        square = kernel(part, part)
        within.append((square.sum() - square.trace()) / (len(part) * (len(part) - 1)))  # nobody meets himself
    return float(sum(within) - 2 * kernel(made, real).mean())


def two_sample_accuracy(made: np.ndarray, real: np.ndarray) -> float:
    """How often a classifier tells unseen made from unseen real pictures (Lopez-Paz & Oquab, 2017), 0.5 = never.

    made, real: features (N, D) and (M, D), cut to the same number. Cross-validated logistic regression; with few
    pictures it learns little, so compare only numbers from as many. nan for fewer than two of either.
    """
    rng, count = np.random.default_rng(0), min(len(made), len(real))
    if count < 2:
        return float("nan")
    rows = np.concatenate([part[rng.permutation(len(part))[:count]] for part in (made, real)])
    is_real = np.repeat([False, True], count)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1 / PENALTY, max_iter=2000))
    folds = StratifiedKFold(min(FOLDS, count), shuffle=True, random_state=0)
    return float((cross_val_predict(model, rows, is_real, cv=folds) == is_real).mean())


def memorised(images: np.ndarray, known: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Which pictures are a learned one come back (Yoon et al., 2023), bool (N,).

    They are less than a third (MEMORISED) as far from the nearest as from any that is no near-duplicate of it; where
    there is no other, nobody can say, and they are not. images, known: uint8 (N, S, S, 3) and (K, S, S, 3); group:
    int (K,) which known ones are near-duplicates.
    """
    distance = pixel_distances(images, known)
    same = group == group[distance.argmin(1)][:, None]
    others = np.where(same, np.inf, distance).min(1)
    return np.isfinite(others) & (distance.min(1) < MEMORISED * others)


def pixel_distances(images: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Root mean squared difference in [0, 1] to each of `known`, mirrored or not: float (N, K). Both uint8."""
    made, mirrored = (part.reshape(len(part), -1) / np.float32(255) for part in (images, images[:, :, ::-1]))
    columns = []
    for first in range(0, len(known), MOST):
        real = known[first : first + MOST].reshape(-1, made.shape[1]) / np.float32(255)
        product = np.maximum(made @ real.T, mirrored @ real.T)
        columns.append((made**2).sum(1)[:, None] + (real**2).sum(1) - 2 * product)
    return np.sqrt(np.maximum(np.concatenate(columns, 1), 0) / made.shape[1])
