"""What another judge would have said: with other counter-examples, another penalty, other pictures, other labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from clockodile.ambiguous.evidence import LENIENT, STRENGTH, Judge, fit_judge
from clockodile.ambiguous.judge import JudgeResult, auroc_against_background
from clockodile.ambiguous.scores import both
from clockodile.ambiguous.stability import overlap
from clockodile.data.dataset import Dataset

RESAMPLED = 100  # times that pictures are drawn anew for a standard error


def two_rules(judged: JudgeResult, train: Dataset, pair: tuple[int, int]) -> pd.DataFrame:
    """This judge beside one by the older rule, a row each: auroc_a and _b; a_in_b, the median evidence for the pair's
    first class in photographs of the second, and b_in_a; both, the share of photographs with evidence for both.
    """
    features, labels, fold = all_known(judged, train)
    rows = {}
    for rule, judge in (
        ("other things", judged.judge),
        ("everything else", judge_of(judged, train, one_vs_rest=True)),
    ):
        area = auroc_against_background(judge.scores(features, fold), labels, len(train.classes))
        evidence = judge.evidence(judged.features, train.fold)
        first, second = pair
        rows[rule] = {
            "auroc_a": area[first],
            "auroc_b": area[second],
            "a_in_b": np.median(evidence[train.labels == second, first]),
            "b_in_a": np.median(evidence[train.labels == first, second]),
            "both": (both(evidence, pair) >= LENIENT).mean(),
        }
    return pd.DataFrame(rows).T


def penalties(
    judged: JudgeResult,
    train: Dataset,
    strengths: Sequence[float],
    pair: tuple[int, int],
    *,
    seed: int,
    halvings: int = 1,
) -> pd.DataFrame:
    """What the strength of the penalty changes, a row each: auroc_a and auroc_b of the pair's classes; behind, how far
    their mean is below the best row's; error, the standard error of that difference, of the same fitted probes over the
    same resampled pictures; overlap, the share of the top that two halves of such a judge have in common, the mean over
    `halvings` ways to halve it.
    """
    features, labels, fold = all_known(judged, train)
    draws = resampled(labels, clusters(judged, train), np.random.default_rng(seed))
    areas, shared = [], []
    for strength in strengths:
        scores = judge_of(judged, train, strength=strength).scores(features, fold)
        areas.append(
            [
                auroc_against_background(scores[rows], labels[rows], len(train.classes))
                for rows in (np.arange(len(labels)), *draws)
            ]
        )
        found = [
            halves_of_the_judge(judged, train, seed=seed + number, strength=strength)
            for number in range(halvings)
        ]
        shared.append(
            np.mean([overlap(*(both(evidence, pair) for evidence, _ in halves)) for halves in found])
        )
    areas = np.array(areas)[..., list(pair)]  # (strengths, 1 + draws, 2), the pictures as they are first
    mean = areas.mean(2)
    behind = mean[mean[:, 0].argmax()] - mean
    columns = {"auroc_a": areas[:, 0, 0], "auroc_b": areas[:, 0, 1], "behind": behind[:, 0]}
    columns |= {"error": behind[:, 1:].std(1, ddof=1), "overlap": shared}
    return pd.DataFrame(columns, index=pd.Index(strengths, name="strength"))


def clusters(judged: JudgeResult, train: Dataset) -> np.ndarray:
    """A number for all pictures that hang together, int, in the order of `all_known`: near-duplicates, a kind of other
    things, or what was cut from one photograph.
    """
    kind = train.group.max() + 1 + np.unique(judged.background.kinds, return_inverse=True)[1]
    origin = judged.background.origin
    return np.concatenate([train.group, np.where(origin >= 0, train.group[origin], kind)])


def resampled(labels: np.ndarray, cluster: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """RESAMPLED bootstrap samples of row numbers: whole clusters, for each label apart, so that none is missing."""
    groups = [
        [
            np.flatnonzero((labels == label) & (cluster == number))
            for number in np.unique(cluster[labels == label])
        ]
        for label in np.unique(labels)
    ]
    return [
        np.concatenate([part[at] for part in groups for at in rng.integers(len(part), size=len(part))])
        for _ in range(RESAMPLED)
    ]


def halves_of_the_judge(
    judged: JudgeResult, train: Dataset, *, seed: int, strength: float = STRENGTH
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Two judges that share no picture: the evidence of each for all images (N, C), and which ones it knows, (N,).

    train: the images that were judged. Near-duplicates are in one half. As always, an image is judged by a probe that
    did not see its fold.
    """
    rng = np.random.default_rng(seed)
    half = (rng.permutation(train.group.max() + 1) % 2 == 0)[train.group]
    others, origin = rng.random(len(judged.fold_background)) < 0.5, judged.background.origin
    first = np.concatenate([half, np.where(origin >= 0, half[origin], others)])
    judges = [(judge_of(judged, train, rows=rows, strength=strength), rows) for rows in (first, ~first)]
    return [(judge.evidence(judged.features, train.fold), rows[: len(train)]) for judge, rows in judges]


def evidence_by_labels(judged: JudgeResult, train: Dataset, labels: np.ndarray) -> np.ndarray:
    """What the judge would find, (N, C), had it learned from these labels, int (N,), right or wrong."""
    return judge_of(judged, replace(train, labels=labels)).evidence(judged.features, train.fold)


def judge_of(
    judged: JudgeResult,
    train: Dataset,
    *,
    rows: np.ndarray | slice = slice(None),
    strength: float = STRENGTH,
    one_vs_rest: bool | None = None,
) -> Judge:
    """A judge fitted anew. rows: bool, which of `all_known`, by default all; rivals: as of fit_judge, by default as
    judged.
    """
    features, labels, fold = (part[rows] for part in all_known(judged, train))
    if one_vs_rest is None:
        one_vs_rest = bool(judged.background.note)
    return fit_judge(
        features, labels, fold, classes=len(train.classes), one_vs_rest=one_vs_rest, strength=strength
    )


def all_known(judged: JudgeResult, train: Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, labels (-1 for neither) and folds of all that a judge is fitted on."""
    return (
        np.concatenate([judged.features, judged.features_background]),
        np.concatenate([train.labels, np.full(len(judged.fold_background), -1)]),
        np.concatenate([train.fold, judged.fold_background]),
    )
