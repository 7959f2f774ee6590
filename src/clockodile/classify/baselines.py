"""What one gets without looking at shapes at all: the numbers any net has to beat."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def image_statistics(images: np.ndarray) -> pd.DataFrame:
    """Numbers that describe an image without its shapes, all in [0, 1]. images: uint8 (N, H, W, 3); returns N rows.

    red, green, blue: mean; brightness: mean of the three; contrast: standard deviation of the grey values; saturation:
    mean of maximum minus minimum channel; border: brightness of the outer eighth, where the background is; edges: mean
    step between neighbouring grey values.
    """
    pixels = images.astype(np.float32) / 255
    grey = pixels.mean(3)
    rim = max(1, images.shape[1] // 8)
    outside = np.ones(grey.shape[1:], bool)
    outside[rim:-rim, rim:-rim] = False
    return pd.DataFrame(
        {
            "red": pixels[..., 0].mean((1, 2)),
            "green": pixels[..., 1].mean((1, 2)),
            "blue": pixels[..., 2].mean((1, 2)),
            "brightness": grey.mean((1, 2)),
            "contrast": grey.std((1, 2)),
            "saturation": (pixels.max(3) - pixels.min(3)).mean((1, 2)),
            "border": grey[:, outside].mean(1),
            "edges": (np.abs(np.diff(grey, axis=1)).mean((1, 2)) + np.abs(np.diff(grey, axis=2)).mean((1, 2)))
            / 2,
        }
    )


def separation(values: np.ndarray, labels: np.ndarray) -> float:
    """How well one number tells class 0 from class 1: area under the ROC curve, 0.5 = not at all, 1 = perfectly.

    values: (N,); labels: 0 or 1 (N,). Whichever direction separates better counts.
    """
    area = roc_auc_score(labels, values)
    return float(max(area, 1 - area))


BASELINES = {
    "majority class": lambda: DummyClassifier(strategy="most_frequent"),
    "mean colour + logistic regression": lambda: make_pipeline(
        StandardScaler(), LogisticRegression(max_iter=1000)
    ),
}


def baseline_accuracies(images: np.ndarray, labels: np.ndarray, fold: np.ndarray) -> pd.DataFrame:
    """Accuracy of each baseline on each held-out fold; they see only the mean red, green and blue of an image.

    images: uint8 (N, H, W, 3); labels, fold: int (N,). Returns columns model, fold, accuracy in [0, 1].
    """
    colours = image_statistics(images)[["red", "green", "blue"]].to_numpy()
    rows = []
    for name, make in BASELINES.items():
        for number in np.unique(fold):
            known, unseen = fold != number, fold == number
            model = make().fit(colours[known], labels[known])
            rows.append(
                {"model": name, "fold": int(number), "accuracy": model.score(colours[unseen], labels[unseen])}
            )
    return pd.DataFrame(rows)
