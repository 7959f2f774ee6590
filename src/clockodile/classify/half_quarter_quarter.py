"""The first report's experiment on the data of a run: its net, its split, and what it says of unseen images."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from clockodile.classify.cross_validation import predict_out_of_fold
from clockodile.classify.report_nets import ThreeBlockNet
from clockodile.core import store
from clockodile.core.workspace import Run
from clockodile.data.dataset import Dataset
from clockodile.data.splits import half_quarter_quarter
from clockodile.learn.training import evaluate, train_full_batch


def three_block_net_for(data: Dataset) -> partial:
    """Builds an untrained net of the first report, with as many classes and pixels as `data` has."""
    return partial(ThreeBlockNet, classes=len(data.classes), image_size=data.images.shape[1])


FILE = "three_block_predictions.npz"  # out of fold, for notebook 03


def quarter_accuracies(run: Run, data: Dataset, *, seed: int, retrain: bool = False) -> dict[str, float]:
    """Accuracies on the two unseen quarters, "validation" and "test", of a net trained on half of the images; kept.

    data: training images; seed: decides both the split and the net.
    """
    split = half_quarter_quarter(data.labels, data.group, seed=seed)
    parts = {name: data.rows(rows) for name, rows in split.items()}
    epochs = run.profile.classifier_epochs

    def make() -> dict[str, float]:
        examples = {name: (part.tensor(), torch.from_numpy(part.labels)) for name, part in parts.items()}
        model, _ = train_full_batch(three_block_net_for(data), *examples["train"], seed=seed, epochs=epochs)
        return {name: evaluate(model, *examples[name])["accuracy"] for name in ("validation", "test")}

    # the very images of each part: what is measured with one split must never be taken for another's
    config = {name: store.fingerprint(part.images, part.labels) for name, part in parts.items()}
    config |= {"net": "three_block", "seed": seed, "epochs": epochs}
    return store.cached(run.dir, f"classifier/three_block_net-seed{seed}.json", config, make, anew=retrain)


def three_block_out_of_fold(run: Run, data: Dataset, *, retrain: bool = False) -> dict[str, np.ndarray]:
    """Out-of-fold predictions of this net for the training images, made once and stored in FILE."""
    images, labels, epochs = data.tensor(), torch.from_numpy(data.labels), run.profile.classifier_epochs
    config = {"net": "three_block", "folds": data.folds_key, "seed": run.seed}
    config |= {"seeds": run.profile.oof_seeds, "epochs": epochs}

    def fit(seed: int, fold: int) -> ThreeBlockNet:
        known = torch.from_numpy(data.fold != fold)
        make_net = three_block_net_for(data)
        return train_full_batch(make_net, images[known], labels[known], seed=seed, epochs=epochs)[0]

    def make() -> dict[str, np.ndarray]:
        return predict_out_of_fold(fit, data, range(run.seed, run.seed + run.profile.oof_seeds))

    return store.cached(run.dir, FILE, config, make, anew=retrain)
