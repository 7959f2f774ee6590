"""How often is a classifier still right when pictures change harmlessly? It tells what it looks at."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd
import torch
from torch import nn

from clockodile.classify.corruptions import CORRUPTIONS, ORIGINAL, Change
from clockodile.core.errors import UserError
from clockodile.core.stats import NORMAL_95, wilson_interval
from clockodile.learn.training import predict


def paired_interval(difference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the 95 % interval of mean differences, (N, K) in -1..1, with N the pictures (Bonett and Price, 2012).

    A picture won and a picture lost are added, so that the interval has a width although no picture differs.
    """
    row = np.ones((1, difference.shape[1]))
    padded = np.concatenate([difference, row, -row])
    half = NORMAL_95 * padded.std(0) / math.sqrt(len(padded))
    return padded.mean(0) - half, padded.mean(0) + half


def correct_under_corruptions(
    predict_logits: Callable[[torch.Tensor], torch.Tensor],
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    changes: dict[str, Change] = CORRUPTIONS,
) -> pd.DataFrame:
    """Which pictures are judged rightly: 0 or 1, a row for each picture, a column for each change, the original first.

    predict_logits: images -> logits (N, C); images: (N, 3, S, S) in [0, 1]; labels: (N,).
    """
    judge = {ORIGINAL: CORRUPTIONS[ORIGINAL]} | changes
    logits = {name: predict_logits(change(images)).cpu() for name, change in judge.items()}
    return pd.DataFrame(
        {name: (values.argmax(1) == labels.cpu()).double().numpy() for name, values in logits.items()}
    )


def summarise_corruptions(correct: pd.DataFrame) -> pd.DataFrame:
    """One row a change: accuracy with its 95 % interval, and the paired difference to the pictures as they are.

    correct: (N, changes) in [0, 1], from `correct_under_corruptions`. Returns columns change, accuracy, low, high,
    difference, difference_low, difference_high, all shares. The same pictures are compared, so the interval of the
    difference is narrower than the two accuracies' intervals suggest.
    """
    accuracy = correct.mean()
    low, high = wilson_interval(accuracy, len(correct))
    paired = correct.sub(correct[ORIGINAL], axis=0)
    difference_low, difference_high = paired_interval(paired.to_numpy())
    table = pd.DataFrame({"accuracy": accuracy, "low": low, "high": high, "difference": paired.mean()})
    table = table.assign(difference_low=difference_low, difference_high=difference_high)
    table.loc[ORIGINAL, ["difference_low", "difference_high"]] = 0.0  # nothing was compared
    return table.rename_axis("change").reset_index()


def accuracy_under_changes(
    predict_logits: Callable[[torch.Tensor], torch.Tensor],
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    changes: dict[str, Change] = CORRUPTIONS,
) -> pd.DataFrame:
    """`summarise_corruptions` of `correct_under_corruptions`: for one classifier and pictures it has not seen."""
    return summarise_corruptions(correct_under_corruptions(predict_logits, images, labels, changes=changes))


def out_of_fold_correct(
    models: Sequence[tuple[nn.Module, np.ndarray]],
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    changes: dict[str, Change] = CORRUPTIONS,
) -> pd.DataFrame:
    """Share (0..1) of the nets that judge a picture rightly, out of those that have not seen it.

    models: pairs (classifier, held_out), held_out bool (N,): True for the pictures it was not trained on. Returns what
    `correct_under_corruptions` does. Raises UserError for pictures that no net held out.
    """
    held_out = [np.asarray(held, bool) for _, held in models]
    judges = np.sum(held_out, axis=0)
    if not np.all(judges):
        raise UserError(
            f"{np.sum(judges == 0)} of {len(labels)} images are in no net's held-out part; "
            "give the nets of every fold, or leave these images out"
        )
    right = np.zeros((len(labels), len({ORIGINAL, *changes})))
    for (model, _), held in zip(models, held_out, strict=True):
        rows = torch.from_numpy(held)
        table = correct_under_corruptions(
            partial(predict, model), images[rows], labels[rows], changes=changes
        )
        right[held] += table.to_numpy()
    return pd.DataFrame(right / judges[:, None], columns=table.columns)


def out_of_fold_under_corruptions(
    models: Sequence[tuple[nn.Module, np.ndarray]],
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    changes: dict[str, Change] = CORRUPTIONS,
) -> pd.DataFrame:
    """`summarise_corruptions` of `out_of_fold_correct`: every picture judged only by nets that have not seen it."""
    return summarise_corruptions(out_of_fold_correct(models, images, labels, changes=changes))
