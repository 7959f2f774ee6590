"""Out-of-fold predictions: what nets say of images that they never saw, and which known ones look alike to them."""

from collections.abc import Callable, Iterable
from itertools import product

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors
from torch import nn

from clockodile.data.dataset import Dataset
from clockodile.learn.training import in_batches, predict


def predict_out_of_fold(
    fit: Callable[[int, int], nn.Module], data: Dataset, seeds: Iterable[int], *, mirrored: bool = False
) -> dict[str, np.ndarray]:
    """Let a net for each fold and seed, which knows the other folds, judge the fold it did not see.

    fit: (seed, fold) -> the net, with a `features` method; data: training images with folds >= 0; mirrored: see
    `evaluate_held_out`. Returns the arrays of oof_predictions.npz (see schemas.SCHEMAS): logits (S, N, C),
    centre_distance (S, N, C) to the class centres of the images that net was trained on, fold (N,), labels, ids.
    """
    images, labels, seeds, found = data.tensor(), torch.from_numpy(data.labels), list(seeds), {}
    for place, fold in product(range(len(seeds)), range(data.fold.max() + 1)):
        known, unseen = (torch.from_numpy(rows) for rows in (data.fold != fold, data.fold == fold))
        net, classes = fit(seeds[place], fold), len(data.classes)
        parts = evaluate_held_out(net, images, labels, known, unseen, classes, mirrored=mirrored)
        for name, values in parts.items():
            rows = found.setdefault(name, np.empty((len(seeds), len(data), classes), np.float32))
            rows[place, data.fold == fold] = values
    return {"ids": data.ids, "labels": data.labels, "fold": data.fold} | found


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
    """Logits of the unseen images and their distances to class centres, the mean features of a class's known images.

    known, unseen: bool (N,); mirrored: see training.predict, of which it is a setting for the logits alone.
    """
    features, given = in_batches(model.features, images[known]), labels[known]
    centres = torch.stack([features[given == label].mean(0) for label in range(classes)])
    return {
        "logits": predict(model, images[unseen], mirrored=mirrored).numpy(),
        "centre_distance": torch.cdist(in_batches(model.features, images[unseen]), centres).numpy(),
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
