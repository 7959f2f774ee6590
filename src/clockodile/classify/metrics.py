"""Whether nets are as sure as they are right: pure functions of labels (N,) and probabilities (N, C).

Labels are whole numbers 0..C-1, rows of probabilities sum to 1. Judge images that the classifier was not trained on,
or all of it is flattery.
"""

import numpy as np
import pandas as pd

from clockodile.core.stats import wilson_interval


def confidence_bins(labels: np.ndarray, probability: np.ndarray, bins: int) -> pd.DataFrame:
    """Images in `bins` groups of about equal count by confidence: columns confidence, accuracy (means), count, correct.

    Confidence is the probability of the predicted class. Bins have equal mass, not equal width: a good net is sure of
    most images, so of bins of equal width the last would hold nearly all and the others a handful, hence noise. Equal
    confidences share a bin (the result never depends on the order of images), so bins may be fewer than asked.
    """
    confidence, correct = probability.max(1), probability.argmax(1) == labels
    inner_edges = np.quantile(confidence, np.linspace(0, 1, bins + 1)[1:-1])
    table = pd.DataFrame({"bin": np.searchsorted(inner_edges, confidence, side="right")})
    grouped = table.assign(confidence=confidence, correct=correct).groupby("bin")
    means = grouped.agg(confidence=("confidence", "mean"), accuracy=("correct", "mean"))
    return means.assign(count=grouped.size(), correct=grouped["correct"].sum()).reset_index(drop=True)


def expected_calibration_error(labels: np.ndarray, probability: np.ndarray, *, bins: int = 15) -> float:
    """Mean gap between confidence and accuracy over bins, weighted by count, in [0, 1] (Guo et al. 2017).

    With bins of equal mass (see `confidence_bins`) instead of their equal width. Never 0 for few images: chance alone
    leaves a gap in each bin. So compare values only for the same number of images.
    """
    table = confidence_bins(labels, probability, bins)
    return float(np.average((table["confidence"] - table["accuracy"]).abs(), weights=table["count"]))


def reliability_bins(labels: np.ndarray, probability: np.ndarray, *, bins: int = 10) -> pd.DataFrame:
    """What a reliability diagram shows: one row a bin of about equal count, the least confident first.

    Returns columns confidence (mean probability of the predicted class), accuracy, count, and low and high, the Wilson
    95 % interval of the accuracy; all but count in [0, 1].
    """
    table = confidence_bins(labels, probability, bins)
    shares = zip(table.pop("correct") / table["count"], table["count"], strict=True)
    table[["low", "high"]] = [wilson_interval(share, count) for share, count in shares]
    return table
