"""The simplest classifiers, and the best of the time before learned features: what any net must beat."""

import numpy as np
from skimage.feature import hog
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC


def mean_colours(images: np.ndarray) -> np.ndarray:
    """Mean red, green and blue of each image, 0..1. images: uint8 (N, H, W, 3); returns (N, 3)."""
    return images.mean((1, 2)) / 255


def raw_pixels(images: np.ndarray) -> np.ndarray:
    """Every value of every pixel, 0..1. images: uint8 (N, H, W, 3); returns float32 (N, H * W * 3)."""
    return images.reshape(len(images), -1).astype(np.float32) / 255


BASELINES = {  # name -> (what it sees of an image, how it decides)
    "majority class": (mean_colours, lambda: DummyClassifier(strategy="most_frequent")),
    "mean colour + logistic regression": (
        mean_colours,
        lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    ),
    "nearest neighbour in pixels": (raw_pixels, lambda: KNeighborsClassifier(1)),
}


def hog_features(images: np.ndarray) -> np.ndarray:
    """How strong edges of nine directions are in each cell of an eighth of the side (at least two pixels).

    images: uint8 (N, S, S, 3), S >= 8; at each pixel the colour channel with the steepest edge counts. Returns float32
    (N, D) in [0, 1], D = 1,764 for 32 pixels. Dalal & Triggs 2005, with blocks of 2 x 2 cells.
    """
    cell = max(2, images.shape[1] // 8)
    options = {"orientations": 9, "pixels_per_cell": (cell, cell), "cells_per_block": (2, 2)}
    return np.stack([hog(image, channel_axis=-1, **options) for image in images]).astype(np.float32)


def make_hog_svm(seed: int = 0) -> CalibratedClassifierCV:
    """An untrained classifier of HOG features with `fit`, `predict` and `predict_proba`, for any number of classes.

    A support vector machine with a radial kernel and scikit-learn's standard settings: nothing is tuned. HOG blocks
    come normalised, so features are not scaled again. Platt's sigmoid turns scores into probabilities; it is fitted on
    out-of-fold scores of the training images, the machine itself on all of them. `fit` needs 5 images of each class;
    seed: deals them into the inner folds.
    """
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    return CalibratedClassifierCV(SVC(kernel="rbf"), method="sigmoid", cv=folds, ensemble=False)
