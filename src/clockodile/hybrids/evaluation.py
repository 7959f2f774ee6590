"""How good are made pictures? The same measures by the same code for every method, and for photographs beside them.

Real means photographs of the fold that no generator sees. What pictures show is seen through the frozen network of the
judge: it was trained neither on these photographs nor on anything a generator learns from, and a picture and its mirror
image look the same to it. Each batch of pictures is shown to it once. Made pictures and photographs of the held-out
fold are judged by the same probe, the one that was fitted without that fold.
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
from clockodile.hybrids.generators.flow_of_run import HELD_OUT, auxiliary_photographs
from clockodile.hybrids.measures import (
    UNKNOWN,
    Estimate,
    both_rate,
    conformal_p,
    kid,
    kid_null_95,
    mean_pairwise_distance,
    memorised,
    nearest,
    nearest_pixels,
    ratio_of_medians,
    share_of,
    sharpness,
    two_sample_accuracy,
)

COPY = 0.01  # pictures with a p-value up to this are called copies; so is this share of new photographs
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
class Learned:
    """K pictures that a generator may have learned from: known photographs, then background."""

    images: np.ndarray  # uint8 (K, S, S, 3)
    features: np.ndarray  # float32 (K, D), see `perceptual`
    group: np.ndarray  # int (K,) near-duplicates of each other, and pieces cut from them
    ids: np.ndarray  # str (K,) of photographs; what they show, of others

    def rows(self, which: np.ndarray) -> Learned:
        """A part of them."""
        return Learned(self.images[which], self.features[which], self.group[which], self.ids[which])


@dataclass(frozen=True)
class EvaluationReference:
    """What pictures are measured with: the judge, what a generator may know, and photographs it never saw."""

    judged: JudgeResult
    train: Dataset  # all N labelled photographs
    pair: tuple[int, int]
    features: np.ndarray  # float32 (N, D), see `perceptual`
    learned: Learned  # outside the held-out fold
    auxiliary: np.ndarray  # uint8 (A, S, S, 3) photographs of anything that were learned from as well
    distance: np.ndarray  # float (N,) of each photograph to the nearest that is learned without its fold
    pixels: np.ndarray  # the same in pixels
    seed: int
    floors: dict = field(default_factory=dict, init=False, repr=False, compare=False)  # see `floor`

    def evidence(self, images: np.ndarray) -> np.ndarray:
        """The judge's evidence (N, C) in [0, 1] for made pictures, uint8 (N, S, S, 3)."""
        return self.judged.judge.evidence(judge.features_of(images), _held_out_probe(images))

    def unseen(self, classes: tuple[int, ...]) -> np.ndarray:
        """Rows of all photographs of these classes; each has a distance to what is learned without its fold."""
        return np.flatnonzero(np.isin(self.train.labels, classes))

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
    neighbour: np.ndarray  # int (N,) row of the nearest in `EvaluationReference.learned`
    newness: np.ndarray  # float (N,) distance to it, 0 = looks the same, 1 = median of unseen photographs
    novelty: Estimate  # the median of that
    novelty_pixels: Estimate  # the same in pixels
    copies: (
        Estimate  # share in [0, 1] with a `conformal_p` of COPY or less; of new photographs COPY is expected
    )
    memorised: Estimate  # share in [0, 1] of pictures that are a learned one come back, pixel by pixel
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
    """Prepare what pictures of a run are measured with; once for all generators. data: all splits.

    Where the profile trains its flow on photographs of anything, pictures are compared with those too, by pixels.
    """
    judged, train = judge_run(run, data), data.part("train")
    features = perceptual(judged.features)
    beside = auxiliary_photographs(run, data) if run.profile.flow_trainings > 1 else train.images[:0]
    distance, pixels = np.zeros(len(train)), np.zeros(len(train))
    for fold in np.unique(train.fold):
        own, others = train.fold == fold, learned_without(fold, judged, train)
        distance[own] = nearest(features[own], others.features)[1]
        pixels[own] = nearest_pixels(train.images[own], others.images, others.group, beside)[0]
    learned = learned_without(HELD_OUT, judged, train)
    return EvaluationReference(
        judged, train, run.recipe.pair, features, learned, beside, distance, pixels, run.seed
    )


def learned_without(fold: int, judged: JudgeResult, train: Dataset) -> Learned:
    """All that a generator would learn from if it were to see nothing of one fold."""
    background = judged.background
    cut = background.origin >= 0
    alone = train.group.max() + 1 + np.arange(len(background.images))
    kept = ~cut | (train.fold[background.origin] != fold)
    every = Learned(
        np.concatenate([train.images, background.images]),
        perceptual(np.concatenate([judged.features, judged.features_background])),
        np.concatenate([train.group, np.where(cut, train.group[background.origin], alone)]),
        np.concatenate([train.ids, background.kinds]),
    )
    return every.rows(np.concatenate([train.fold != fold, kept]))


def _held_out_probe(images: np.ndarray) -> np.ndarray:
    return np.full(len(images), HELD_OUT)


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

    The judge's probe knows the photographs of the other folds: where there are copies, evidence says nothing.
    """
    known = known or reference(run, data)
    images = as_images(images) if torch.is_tensor(images) else images
    features = judge.features_of(images)
    own, probe = known.judged.judge, _held_out_probe(images)
    scores, evidence = own.scores(features, probe), own.evidence(features, probe)
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
    """All measures; arguments as the fields of Evaluation, real: rows of the photographs to compare with."""
    seen, classes, learned = perceptual(features), _classes(known, labels), known.learned
    held_out, unseen = known.held_out(classes), known.unseen(classes)
    neighbour, distance = nearest(seen, learned.features)
    pixels, others = nearest_pixels(images, learned.images, learned.group, known.auxiliary)
    centre = known.features[known.train.fold != HELD_OUT].mean(0)
    p_values = conformal_p(distance, known.distance[unseen])
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
        neighbour=neighbour,
        newness=distance / np.median(known.distance[unseen]),
        novelty=ratio_of_medians(distance, known.distance[unseen], seed=known.seed),
        novelty_pixels=ratio_of_medians(pixels, known.pixels[unseen], seed=known.seed),
        # of fewer unseen photographs none could be among the nearest of a hundred
        copies=share_of(p_values <= COPY) if len(unseen) + 1 >= 1 / COPY else UNKNOWN,
        memorised=share_of(memorised(pixels, others)),
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
