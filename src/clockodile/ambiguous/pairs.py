"""For every ambiguous image the image of another class most like it: the chihuahua and its muffin."""

from __future__ import annotations

import numpy as np
import pandas as pd


def most_alike(
    features: np.ndarray, labels: np.ndarray, rows: np.ndarray, *, allowed: np.ndarray | None = None
) -> pd.DataFrame:
    """The image of another class nearest to each of some images, by the angle between their features.

    features: (N, D) comparable with each other; labels: int (N,); rows: int (M,) which images; allowed: bool (N,), who
    may be a partner, by default all. Returns one row for each image that has a partner: row, partner (numbers),
    similarity (cosine, -1..1). A partner is given once only, to the image most like it, so that a page shows many.
    """
    similarity = similarity_to_others(features, labels, rows, allowed)
    found, open_rows = [], np.ones(len(rows), bool)
    for _ in range(len(rows)):
        best = np.where(open_rows[:, None], similarity, -np.inf)
        at, partner = np.unravel_index(best.argmax(), best.shape)
        if not np.isfinite(best[at, partner]):
            break
        found.append((int(rows[at]), int(partner), float(best[at, partner])))
        open_rows[at] = False
        similarity[:, partner] = -np.inf
    table = pd.DataFrame(found, columns=["row", "partner", "similarity"])
    order = {row: place for place, row in enumerate(rows.tolist())}
    return table.sort_values("row", key=lambda column: column.map(order), ignore_index=True)


def nearest_of_others(
    features: np.ndarray, labels: np.ndarray, *, allowed: np.ndarray | None = None
) -> pd.DataFrame:
    """For each image the image of another class most like it, as `most_alike`, but the same may be that of many.

    A row for each of the N images, in their order; where there is none, partner is -1 and similarity nan.
    """
    rows = np.arange(len(features))
    similarity = similarity_to_others(features, labels, rows, allowed)
    best = similarity.max(1)
    there = np.isfinite(best)
    partner = np.where(there, similarity.argmax(1), -1)
    return pd.DataFrame({"row": rows, "partner": partner, "similarity": np.where(there, best, np.nan)})


def similarity_to_others(
    features: np.ndarray, labels: np.ndarray, rows: np.ndarray, allowed: np.ndarray | None
) -> np.ndarray:
    """Cosine (M, N) between the centred features of `rows` and of all; -inf to those of one's class or not allowed."""
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    unit = unit - unit.mean(0)  # what all pictures share says nothing about who is alike
    unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    similarity = unit[rows] @ unit.T
    similarity[labels[rows][:, None] == labels] = -np.inf
    if allowed is not None:
        similarity[:, ~allowed] = -np.inf
    return similarity
