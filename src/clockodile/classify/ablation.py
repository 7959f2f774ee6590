"""What is each ingredient worth? Train without it, everything else as it is, on the same folds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from functools import partial

import numpy as np
import torch

from clockodile.classify.own_net import net_for
from clockodile.core import store
from clockodile.core.workspace import Run
from clockodile.data.dataset import Dataset
from clockodile.learn.training import TrainConfig, predict, train

EVERYTHING = "everything"

# name -> (changes of the plan, changes of the net); "epochs" is a factor
VARIANTS: dict[str, tuple[dict, dict]] = {
    EVERYTHING: ({}, {}),
    "no augmentation": ({"augmentations": ()}, {}),
    "no flips": ({"augmentations": ("crop", "colour", "noise", "blur")}, {}),
    "no colour changes": ({"augmentations": ("flip", "crop", "noise", "blur")}, {}),
    "no noise, no blur": ({"augmentations": ("flip", "crop", "colour")}, {}),
    "also mixup": ({"mixup": 0.3}, {}),
    "no label smoothing": ({"label_smoothing": 0.0}, {}),
    "no weight averaging": ({"ema_decay": 0.0}, {}),
    "first layer learned": ({}, {"whitened": False}),
    "half the width": ({}, {"widths": (24, 48, 96)}),
    "a quarter of the epochs": ({"epochs": 0.25}, {}),
}


def fit_variant(
    run: Run,
    data: Dataset,
    name: str,
    *,
    folds: Iterable[int],
    epochs: int,
    seed: int,
    retrain: bool = False,
) -> dict[str, np.ndarray]:
    """Held-out predictions of one variant, kept in the run folder.

    data: training images with folds >= 0. Returns rows (M,), the held-out images' numbers in `data`; logits (M, C),
    asked once; and mirrored (M, C), asked about the mirrored picture too.
    """
    changes, widths = VARIANTS[name]
    changes = changes | {"epochs": max(1, round(epochs * changes.get("epochs", 1)))}
    plan, folds = replace(TrainConfig(epochs=epochs), **changes), list(folds)
    config = {"variant": name, "plan": asdict(plan), "net": repr(widths), "folds": folds}
    config |= {"seed": seed, "split": data.folds_key}

    def make() -> dict[str, np.ndarray]:
        images, labels = data.tensor(), torch.from_numpy(data.labels)
        parts = []
        for fold in folds:
            known, unseen = (torch.from_numpy(rows) for rows in (data.fold != fold, data.fold == fold))
            model, _ = train(
                partial(net_for(data), **widths), images[known], labels[known], plan, seed=seed + fold
            )
            asked = (predict(model, images[unseen]), predict(model, images[unseen], mirrored=True))
            parts.append((np.flatnonzero(data.fold == fold), *(logits.numpy() for logits in asked)))
        return dict(
            zip(("rows", "logits", "mirrored"), map(np.concatenate, zip(*parts, strict=True)), strict=True)
        )

    return store.cached(run.dir, f"ablation/{name.replace(' ', '_')}.npz", config, make, anew=retrain)
