"""For every ambiguous image the image of another class most like it: the chihuahua and its muffin."""

from __future__ import annotations

import numpy as np
import pandas as pd


def nearest_of_others(
    features: np.ndarray, labels: np.ndarray, *, allowed: np.ndarray | None = None
) -> pd.DataFrame:
    """For each image the image of another class nearest to it, by the angle between their features.

    features: (N, D) comparable with each other; labels: int (N,); allowed: bool (N,), who may be a partner, by default
    all. A row for each of the N images, in their order: row, partner (numbers), similarity (cosine, -1..1); where there
    is none, partner is -1 and similarity nan.
    """
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    unit = unit - unit.mean(0)  # what all pictures share says nothing about who is alike
    unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    similarity = unit @ unit.T
    similarity[labels[:, None] == labels] = -np.inf
    if allowed is not None:
        similarity[:, ~allowed] = -np.inf
    best = similarity.max(1)
    there = np.isfinite(best)
    partner = np.where(there, similarity.argmax(1), -1)
    return pd.DataFrame(
        {"row": np.arange(len(best)), "partner": partner, "similarity": np.where(there, best, np.nan)}
    )
