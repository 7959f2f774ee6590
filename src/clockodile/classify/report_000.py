"""The first report's experiment on the data of a run: its net, its split, and what it says of unseen images."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from clockodile import artifacts
from clockodile.classify.crossval import predict_out_of_fold
from clockodile.classify.models import ThreeBlockNet
from clockodile.classify.training import evaluate, train_full_batch
from clockodile.data.dataset import Dataset
from clockodile.data.splits import half_quarter_quarter
from clockodile.workspace import Run


def net_for(data: Dataset) -> partial:
    """Builds an untrained net of the first report, with as many classes and pixels as `data` has."""
    return partial(ThreeBlockNet, classes=len(data.classes), image_size=data.images.shape[1])


def fit_report_000(
    run: Run, data: Dataset, *, seed: int, epochs: int = 0, retrain: bool = False
) -> tuple[ThreeBlockNet, artifacts.Fitted, dict[str, np.ndarray]]:
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
            net_for(data), *parts["train"], seed=seed, epochs=epochs, validation=parts["validation"]
        )
        measured = {name: evaluate(model, *part) for name, part in parts.items()}
        return model.state_dict(), {"history": history.to_dict("list"), **measured}

    config = {"net": "report_000", "seed": seed, "epochs": epochs, "classes": list(data.classes)}
    name = f"classifier/report_000-seed{seed}"
    fitted = artifacts.fit_or_load(name, config, data.fingerprint, fit, run_dir=run.dir, retrain=retrain)
    model = net_for(data)()
    model.load_state_dict(fitted.state)
    return model.eval(), fitted, split


def out_of_fold(run: Run, data: Dataset, *, epochs: int = 0) -> dict[str, np.ndarray]:
    """Out-of-fold predictions of this net for the training images, made once and stored as oof_predictions.npz.

    epochs: 0 for whatever notebook 02 used, or the profile's when it has not been run.
    """
    config = {"net": "report_000", "data": data.fingerprint, "split": data.card["split_hash"]}
    config |= {"seed": run.seed, "seeds": run.profile.oof_seeds}
    if not epochs:
        stored = artifacts.recall(run.dir, "oof_predictions.npz", config, partly=True)
        if stored is not None and np.array_equal(stored["ids"], data.ids):
            return stored
    epochs = epochs or run.profile.classifier_epochs

    def make() -> dict[str, np.ndarray]:
        seeds = run.profile.oof_seeds
        return predict_out_of_fold(net_for(data), data, seeds=seeds, epochs=epochs, first_seed=run.seed)

    return artifacts.remember(run.dir, "oof_predictions.npz", config | {"epochs": epochs}, make)
