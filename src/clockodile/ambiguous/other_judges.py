"""What another judge would have said: one with other counter-examples, or fitted on half of the pictures."""

from __future__ import annotations

import numpy as np

from clockodile.ambiguous.evidence import fit_judge
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
    found = []
    for rows in (first, ~first):
        known = (part[rows] for part in all_known(judged, train))
        judge = fit_judge(*known, classes=len(train.classes), one_vs_rest=bool(judged.background.note))
        found.append(judge.evidence(judged.features, train.fold))
    return found


def all_known(judged: JudgeResult, train: Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, labels (-1 for neither) and folds of all that a judge is fitted on."""
    return (
        np.concatenate([judged.features, judged.features_background]),
        np.concatenate([train.labels, np.full(len(judged.fold_background), -1)]),
        np.concatenate([train.fold, judged.fold_background]),
    )
