"""Out-of-fold predictions: what nets say of images that they never saw, and which known ones look alike to them."""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors
from torch import nn

from clockodile.data.dataset import Dataset
from clockodile.learn.training import in_batches, predict


def class_centres(features: torch.Tensor, labels: torch.Tensor, classes: int) -> torch.Tensor:
    """Mean feature vector of each class. features: (N, D); labels: (N,); returns (C, D)."""
    return torch.stack([features[labels == label].mean(0) for label in range(classes)])


def predict_out_of_fold(
    fit: Callable[[int, int], nn.Module], data: Dataset, seeds: Iterable[int], *, mirrored: bool = False
) -> dict[str, np.ndarray]:
    """Let a net for each fold and seed, which knows the other folds, judge the fold it did not see.

    fit: (seed, fold) -> the net, with a `features` method; data: training images with folds >= 0; mirrored: see
    `evaluate_held_out`. Returns the arrays of oof_predictions.npz (see schemas.SCHEMAS): logits (S, N, C), features
    (S, N, D), centre_distance (S, N, C) to the class centres of the images that net was trained on, fold (N,), labels,
    ids.
    """
    folds = range(data.fold.max() + 1)
    judged = [judge_out_of_fold((fit(seed, fold) for fold in folds), data, mirrored=mirrored) for seed in seeds]
    arrays = {name: np.stack([part[name] for part in judged]) for name in judged[0]}
    return {"ids": data.ids, "labels": data.labels, "fold": data.fold} | arrays


def judge_out_of_fold(nets: Iterable[nn.Module], data: Dataset, *, mirrored: bool) -> dict[str, np.ndarray]:
    """Logits, features and distances to class centres, float32 (N, ...), each image's by the net that did not see it.

    nets: one a fold, net k trained on all folds but k; mirrored: see `evaluate_held_out`.
    """
    images, labels, found = data.tensor(), torch.from_numpy(data.labels), {}
    for fold, net in enumerate(nets):
        known, unseen = (torch.from_numpy(rows) for rows in (data.fold != fold, data.fold == fold))
        parts = evaluate_held_out(net, images, labels, known, unseen, len(data.classes), mirrored=mirrored)
        for name, values in parts.items():
            rows = found.setdefault(name, np.empty((len(data), values.shape[1]), np.float32))
            rows[data.fold == fold] = values
    return found


@torch.no_grad()
def evaluate_held_out(
    model: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    known: torch.Tensor,
    unseen: torch.Tensor,
    classes: int,
    *,
    mirrored: bool = False,
) -> dict[str, np.ndarray]:
    """Logits, features and distances to class centres of the unseen images; centres are those of the known ones.

    known, unseen: bool (N,); mirrored: see training.predict, of which it is a setting for the logits alone.
    """
    centres = class_centres(in_batches(model.features, images[known]), labels[known], classes)
    features = in_batches(model.features, images[unseen])
    return {
        "logits": predict(model, images[unseen], mirrored=mirrored).numpy(),
        "features": features.numpy(),
        "centre_distance": torch.cdist(features, centres).numpy(),
    }


@torch.no_grad()
def nearest_known(nets: list[nn.Module], data: Dataset, rows: np.ndarray, *, count: int = 4) -> np.ndarray:
    """The training images nearest to some images in the features of the net that did not see these.

    nets: one a fold, net k trained on all folds but k; rows: int (M,) numbers of images in `data`. Returns row numbers
    int (M, count), the nearest first, by the angle between feature vectors.
    """
    images, found = data.tensor(), np.empty((len(rows), count), np.int64)
    for fold, net in enumerate(nets):
        asked = data.fold[rows] == fold
        if asked.any():
            known = np.flatnonzero(data.fold != fold)
            search = NearestNeighbors(n_neighbors=count, metric="cosine").fit(
                in_batches(net.features, images[known]).numpy()
            )
            nearest = search.kneighbors(in_batches(net.features, images[rows[asked]]).numpy(), return_distance=False)
            found[asked] = known[nearest]
    return found
