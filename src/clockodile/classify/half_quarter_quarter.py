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


def fit_three_block_net(
    run: Run, data: Dataset, *, seed: int, epochs: int = 0, retrain: bool = False
) -> tuple[ThreeBlockNet, store.Checkpoint, dict[str, np.ndarray]]:
    """Train on half of the images, or load the net trained so before.

    data: training images; seed: decides both the split and the net; epochs: 0 for the profile's.
    Returns the net in evaluation mode, the record (its metrics hold "history" and loss and accuracy of each part), and
    the split as row numbers.
    """
    epochs = epochs or run.profile.classifier_epochs
    split = half_quarter_quarter(data.labels, data.group, seed=seed)
    images, labels = data.tensor(), torch.from_numpy(data.labels)
    parts = {name: (images[rows], labels[rows]) for name, rows in split.items()}

    def fit() -> tuple[dict, dict]:
        model, history = train_full_batch(
            three_block_net_for(data), *parts["train"], seed=seed, epochs=epochs
        )
        measured = {name: evaluate(model, *part) for name, part in parts.items()}
        return model.state_dict(), {"history": history.to_dict("list"), **measured}

    config = {"net": "three_block", "seed": seed, "epochs": epochs}
    # the very images of the training half: a net must never be taken for another half, whose test images it has seen
    config["half"] = store.fingerprint(data.images[split["train"]], data.labels[split["train"]])
    name = f"classifier/three_block_net-seed{seed}-epochs{epochs}"
    fitted = store.fit_or_load(name, config, data.fingerprint, fit, run_dir=run.dir, retrain=retrain)
    model = three_block_net_for(data)()
    model.load_state_dict(fitted.state)
    return model.eval(), fitted, split


def three_block_out_of_fold(
    run: Run, data: Dataset, *, epochs: int | None = None, retrain: bool = False
) -> dict[str, np.ndarray]:
    """Out-of-fold predictions of this net for the training images, made once and stored in FILE.

    epochs: 0 for the profile's; None for whatever is stored, or the profile's.
    """
    config = {"net": "three_block", "folds": data.folds_key}
    config |= {"seed": run.seed, "seeds": run.profile.oof_seeds}
    asked = config | {"epochs": epochs or run.profile.classifier_epochs}

    def make() -> dict[str, np.ndarray]:
        seeds = run.profile.oof_seeds
        return predict_out_of_fold(
            three_block_net_for(data), data, seeds=seeds, epochs=asked["epochs"], first_seed=run.seed
        )

    if epochs is None and not retrain:
        stored = store.load_cached(run.dir, FILE, config, subset=True, source=store.source_key(make))
        if stored is not None:
            return stored
    return store.cached(run.dir, FILE, asked, make, anew=retrain)
