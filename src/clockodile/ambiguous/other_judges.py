"""What another judge would have said: one with other counter-examples, or fitted on half of the pictures."""

from __future__ import annotations

import numpy as np

from clockodile.ambiguous.evidence import Judge, fit_judge
from clockodile.ambiguous.judge import JudgeResult
from clockodile.data.dataset import Dataset


def halves_of_the_judge(judged: JudgeResult, train: Dataset, *, seed: int) -> list[np.ndarray]:
    """Two judges that share no picture: the evidence of each for all images, (N, C).

    train: the images that were judged. Near-duplicates are in one half. As always, an image is judged by a probe that
    did not see its fold.
    """
    rng = np.random.default_rng(seed)
    half = (rng.permutation(train.group.max() + 1) % 2 == 0)[train.group]
    others, origin = rng.random(len(judged.fold_background)) < 0.5, judged.background.origin
    first = np.concatenate([half, np.where(origin >= 0, half[origin], others)])
    judges = [judge_of(judged, train, rows=rows) for rows in (first, ~first)]
    return [judge.evidence(judged.features, train.fold) for judge in judges]


def judge_of(
    judged: JudgeResult,
    train: Dataset,
    *,
    rows: np.ndarray | slice = slice(None),
    one_vs_rest: bool | None = None,
) -> Judge:
    """A judge fitted anew. rows: bool, which of `all_known`, by default all; one_vs_rest: as of fit_judge, by default
    as judged.
    """
    features, labels, fold = (part[rows] for part in all_known(judged, train))
    if one_vs_rest is None:
        one_vs_rest = bool(judged.background.note)
    return fit_judge(features, labels, fold, classes=len(train.classes), one_vs_rest=one_vs_rest)


def all_known(judged: JudgeResult, train: Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, labels (-1 for neither) and folds of all that a judge is fitted on."""
    return (
        np.concatenate([judged.features, judged.features_background]),
        np.concatenate([train.labels, np.full(len(judged.fold_background), -1)]),
        np.concatenate([train.fold, judged.fold_background]),
    )
