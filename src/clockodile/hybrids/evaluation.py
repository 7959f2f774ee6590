"""How good are made pictures? The same measures by the same code for every method, and for photographs beside them.

Real means photographs of the fold that no generator sees. What pictures show is seen through the frozen network of the
judge: it was trained neither on these photographs nor on anything a generator learns from, and a picture and its mirror
image look the same to it. Each batch of pictures is shown to it once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import torch

from clockodile.ambiguous import judge
from clockodile.ambiguous.evidence import LENIENT, STRICT
from clockodile.ambiguous.judge import SIDES, JudgeResult, judge_run
from clockodile.core.errors import UserError
from clockodile.core.workspace import Run
from clockodile.data.dataset import Dataset, as_images, as_tensor
from clockodile.hybrids.generators.flow_of_run import HELD_OUT
from clockodile.hybrids.measures import (
    Estimate,
    both_rate,
    kid,
    kid_null_95,
    mean_pairwise_distance,
    memorised,
    nearest,
    pixel_distances,
    ratio_of_medians,
    share_of,
    sharpness,
    two_sample_accuracy,
)

COPY = 0.01  # a picture is called a copy when it is nearer to a known photograph than all but this share of new ones
MEASURES = (
    "both_strict",
    "both_lenient",
    "right",
    "kid",
    "kid_null_95",
    "c2st_accuracy",
    "novelty",
    "novelty_pixels",
)
MEASURES += ("copies", "memorised", "diversity", "sharpness", "seconds")  # the columns of the table, in order


@dataclass(frozen=True)
class EvaluationReference:
    """What pictures are measured with: the judge, the photographs a generator may know, and those it never saw."""

    judged: JudgeResult
    train: Dataset  # all N labelled photographs
    pair: tuple[int, int]
    features: np.ndarray  # float32 (N, D), see `perceptual`
    distance: np.ndarray  # float (N,) to the nearest known photograph, nan for the known ones themselves
    pixels: np.ndarray  # the same in pixels
    seed: int
    floors: dict = field(default_factory=dict, init=False, repr=False, compare=False)  # see `floor`

    @property
    def known(self) -> np.ndarray:
        """Rows of the photographs that generators may learn from, int (K,)."""
        return np.flatnonzero(self.train.fold != HELD_OUT)

    def evidence(self, images: np.ndarray) -> np.ndarray:
        """The judge's evidence (N, C) in [0, 1] for made pictures, uint8 (N, S, S, 3): all its probes together."""
        return self.judged.judge.evidence(judge.features_of(images))

    def held_out(self, classes: tuple[int, ...]) -> np.ndarray:
        """Rows of photographs that no generator saw, as many of each class, int (H,)."""
        return balanced_rows(self.train.labels, self.train.fold == HELD_OUT, classes, self.seed)

    def floor(self, classes: tuple[int, ...], sizes: tuple[int, int]) -> float:
        """`kid_null_95` of the photographs of these classes; kept, for most methods ask the same."""
        if (classes, sizes) not in self.floors:
            photographs = self.features[np.isin(self.train.labels, classes)]
            self.floors[classes, sizes] = kid_null_95(photographs, sizes, seed=self.seed)
        return self.floors[classes, sizes]

    def others(self, classes: tuple[int, ...], count: int) -> np.ndarray:
        """Rows of about `count` photographs from outside the held-out fold, as many of each class, int (O,)."""
        known = self.train.fold != HELD_OUT
        return balanced_rows(self.train.labels, known, classes, self.seed, most=count // len(classes))


@dataclass(frozen=True)
class Evaluation:
    """What is known of N pictures made by one method."""

    features: np.ndarray  # float32 (N, 2 * D) of the judge's network
    scores: np.ndarray  # float (N, C) the judge's log-odds
    evidence: np.ndarray  # float (N, C) in [0, 1]
    pair: tuple[int, int]
    both_strict: Estimate  # share in [0, 1] with evidence for both classes that 5 % of other things reach
    both_lenient: Estimate  # ... that 10 % reach
    right: Estimate  # share in [0, 1] with such evidence (5 %) for the class that was asked for
    kid: Estimate  # kernel distance to held-out photographs, 0 = alike, lower = more real
    kid_null_95: float  # what one in twenty comparisons of photographs with photographs exceeds
    c2st_accuracy: Estimate  # share in [0, 1] of made and real pictures told apart, 0.5 = indistinguishable
    neighbour: np.ndarray  # int (N,) row of the nearest known photograph in data.part("train")
    newness: np.ndarray  # float (N,) distance to it, 0 = looks the same, 1 = median of held-out photographs
    novelty: Estimate  # the median of that
    novelty_pixels: Estimate  # the same in pixels
    copies: Estimate  # share in [0, 1] of pictures nearer to a known photograph than new photographs are
    memorised: Estimate  # share in [0, 1] of pictures that are a known photograph come back, pixel by pixel
    diversity: float  # mean distance of two pictures relative to two photographs, 1 = as varied
    sharpness: float  # relative to photographs', 1 = as sharp
    seconds: float = np.nan  # to make one on the machine that did; nan where nobody looked at the clock


def perceptual(features: np.ndarray) -> np.ndarray:
    """Of the judge's features (N, 2 * D) those of the pictures at the smaller size (N, D): enough for distances."""
    return features[:, : features.shape[1] // len(SIDES)]


def balanced_rows(
    labels: np.ndarray, allowed: np.ndarray, classes: tuple[int, ...], seed: int, *, most: int | None = None
) -> np.ndarray:
    """As many allowed rows of each class, at most `most` of each, drawn at random; int, sorted.

    Raises UserError when a class has none.
    """
    rng = np.random.default_rng(seed)
    rows = [rng.permutation(np.flatnonzero(allowed & (labels == label))) for label in classes]
    count = min(map(len, rows)) if most is None else min(most, *map(len, rows))
    if not count:
        raise UserError("a fold holds no photograph of a class; give more photographs")
    return np.sort(np.concatenate([part[:count] for part in rows]))


def reference(run: Run, data: Dataset) -> EvaluationReference:
    """Prepare what pictures of a run are measured with; once for all methods. data: all splits."""
    judged, train = judge_run(run, data), data.part("train")
    features, held_out = perceptual(judged.features), train.fold == HELD_OUT
    distance, pixels = np.full(len(train), np.nan), np.full(len(train), np.nan)
    distance[held_out] = nearest(features[held_out], features[~held_out])[1]
    pixels[held_out] = pixel_distances(train.images[held_out], train.images[~held_out]).min(1)
    return EvaluationReference(judged, train, run.recipe.pair, features, distance, pixels, run.seed)


def evaluate_pictures(
    run: Run,
    data: Dataset,
    images: torch.Tensor | np.ndarray,
    *,
    labels: np.ndarray | None = None,
    known: EvaluationReference | None = None,
    seconds: float = np.nan,
) -> Evaluation:
    """Measure made pictures against photographs that their maker did not see.

    images: float (N, 3, S, S) in [0, 1] or uint8 (N, S, S, 3); data: all splits. labels: int (N,), classes asked for,
    whose photographs they are compared with; None for hybrids, which are compared with photographs of both classes,
    half and half. known: from `reference`, made now by default. seconds: how long one picture took.

    All probes of the judge are asked together, and they know the photographs of the data: where there are copies,
    evidence says nothing.
    """
    known = known or reference(run, data)
    images = as_images(images) if torch.is_tensor(images) else images
    features = judge.features_of(images)
    scores, evidence = known.judged.judge.scores(features), known.judged.judge.evidence(features)
    real = known.held_out(_classes(known, labels))
    found = _put_together(known, images, features, scores, evidence, labels, real)
    return replace(found, seconds=seconds)


def evaluate_photographs(run: Run, data: Dataset, *, known: EvaluationReference | None = None) -> Evaluation:
    """The same for the held-out photographs of the pair, each judged without its fold: what the best maker would get.

    They are compared with as many photographs of other folds. data: all splits; known: as of `evaluate_pictures`.
    """
    known = known or reference(run, data)
    rows = known.held_out(known.pair)
    judged = known.judged
    return _put_together(
        known,
        known.train.images[rows],
        judged.features[rows],
        judged.scores[rows],
        judged.evidence[rows],
        known.train.labels[rows],
        known.others(known.pair, len(rows)),
    )


def _classes(known: EvaluationReference, labels: np.ndarray | None) -> tuple[int, ...]:
    return known.pair if labels is None else tuple(int(label) for label in np.unique(labels))


def _put_together(
    known: EvaluationReference,
    images: np.ndarray,
    features: np.ndarray,
    scores: np.ndarray,
    evidence: np.ndarray,
    labels: np.ndarray | None,
    real: np.ndarray,
) -> Evaluation:
    """All measures; arguments as the fields of Measured, real: rows of the photographs to compare with."""
    seen, classes = perceptual(features), _classes(known, labels)
    held_out = known.held_out(classes)
    neighbour, distance = nearest(seen, known.features[known.known])
    pixels = pixel_distances(images, known.train.images[known.known])
    centre = known.features[known.known].mean(0)
    unseen = known.distance[held_out]
    hits = np.zeros(0, bool) if labels is None else evidence[np.arange(len(labels)), labels] >= STRICT
    real_images = as_tensor(known.train.images[held_out])
    return Evaluation(
        features=features,
        scores=scores,
        evidence=evidence,
        pair=known.pair,
        both_strict=both_rate(evidence, known.pair, threshold=STRICT),
        both_lenient=both_rate(evidence, known.pair, threshold=LENIENT),
        right=share_of(hits),
        kid=kid(seen, known.features[real], seed=known.seed),
        kid_null_95=known.floor(classes, (len(seen), len(real))),
        c2st_accuracy=two_sample_accuracy(seen, known.features[real], seed=known.seed),
        neighbour=known.known[neighbour],
        newness=distance / np.median(unseen),
        novelty=ratio_of_medians(distance, unseen, seed=known.seed),
        novelty_pixels=ratio_of_medians(pixels.min(1), known.pixels[held_out], seed=known.seed),
        copies=share_of(distance < np.quantile(unseen, COPY)),
        memorised=share_of(memorised(pixels, known.train.group[known.known])),
        diversity=mean_pairwise_distance(seen, centre)
        / mean_pairwise_distance(known.features[held_out], centre),
        sharpness=float(sharpness(as_tensor(images)).mean() / sharpness(real_images).mean()),
    )


def quality_table(rows: Mapping[str, Evaluation]) -> pd.DataFrame:
    """One row a method, in their order: method, images, and every measure; <measure>_low and _high are its interval.

    rows: method -> what was measured. Units and directions are those of Measured; evidence_a and _b are the means.
    """
    return pd.DataFrame([{"method": method} | _cells(found) for method, found in rows.items()])


def readable(table: pd.DataFrame, *, one_class: bool = False) -> pd.DataFrame:
    """The table of `quality_table` on a page: a row a method, shares in per cent with their 95 % intervals.

    one_class: for pictures of one class each: whether they are seen as that, in place of "both".
    """
    if one_class:
        columns = {"right": "seen as asked for (5 %)"}
        rest, digits = ["kid", "c2st_accuracy", "novelty", "copies", "memorised"], 3
    else:
        columns = {"both_strict": "both at 5 %", "both_lenient": "both at 10 %"}
        rest, digits = (
            ["evidence_a", "evidence_b", "kid", "c2st_accuracy", "novelty", "copies", "diversity"],
            2,
        )
    shares = {
        title: [
            f"{100 * share:.0f} ({100 * low:.0f} to {100 * high:.0f})"
            for share, low, high in table[[name, f"{name}_low", f"{name}_high"]].to_numpy()
        ]
        for name, title in columns.items()
    }
    rest = table[rest].round(digits)
    rest["seconds"] = [
        "" if np.isnan(took) else np.format_float_positional(took, 2, fractional=False, trim="-")
        for took in table["seconds"]
    ]
    return pd.DataFrame(shares).join(rest).set_index(table["method"])


def _cells(found: Evaluation) -> dict[str, float]:
    mean = found.evidence.mean(0)
    cells = {"images": len(found.evidence)}
    cells |= {
        f"evidence_{letter}": float(mean[label]) for letter, label in zip("ab", found.pair, strict=True)
    }
    for name in MEASURES:
        value = getattr(found, name)
        if isinstance(value, Estimate):
            cells |= {name: value.value, f"{name}_low": value.low, f"{name}_high": value.high}
        else:
            cells[name] = value
    return cells
