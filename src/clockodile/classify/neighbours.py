"""Which training images look most alike to a net? Its errors often make sense beside them."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors
from torch import nn

from clockodile.data.dataset import Dataset


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
                net.features(images[known]).numpy()
            )
            nearest = search.kneighbors(net.features(images[rows[asked]]).numpy(), return_distance=False)
            found[asked] = known[nearest]
    return found
