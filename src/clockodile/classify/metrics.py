"""How good predictions are, beyond accuracy: pure functions of labels (N,) and probabilities (N, C), rows summing to 1.

Labels are whole numbers 0..C-1. Judge images that the classifier was not trained on, or all of it is flattery.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn import metrics

from clockodile.core.errors import UserError
from clockodile.core.stats import wilson_interval


def checked(labels: np.ndarray, probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels (N,) and probabilities float64 (N, C) with rows of sum 1; raises UserError for anything else."""
    labels, probability = np.asarray(labels), np.asarray(probability, dtype=np.float64)
    if probability.ndim != 2 or probability.shape[1] < 2 or labels.shape != probability.shape[:1]:
        raise UserError(
            f"labels of shape {labels.shape} and probabilities of shape {probability.shape}: need (N,) and (N, C)"
        )
    if not len(labels):
        raise UserError("no images to judge: labels and probabilities are empty")
    sums = probability.sum(1)
    if not (probability.min() >= 0 and np.abs(sums - 1).max() < 1e-3):
        raise UserError("these are no probabilities (rows >= 0 that sum to 1): apply softmax to logits first")
    if labels.min() < 0 or labels.max() >= probability.shape[1]:
        raise UserError(
            f"labels reach from {labels.min()} to {labels.max()}: need 0..{probability.shape[1] - 1}"
        )
    return labels, probability / sums[
        :, None
    ]  # sums of float32 rows miss 1 by 1e-7, of which scikit-learn warns


def classification_metrics(labels: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    """All measures of one set of predictions. labels: int (N,); probability: (N, C).

    accuracy, precision, recall, auroc in [0, 1], more is better: precision and recall are those of class 1 for two
    classes, else the mean over classes (macro), 0 where undefined; auroc likewise, one class against the rest, nan
    when a class has no image. log_loss in nats (clipped at float eps), ece and brier in [0, 1], less is better: brier
    is half the squared distance to the true class, which for two classes is the usual (p - y)^2.
    """
    labels, probability = checked(labels, probability)
    names, predicted = np.arange(probability.shape[1]), probability.argmax(1)
    kind = {"labels": names, "average": "binary" if len(names) == 2 else "macro", "zero_division": 0}
    return {
        "accuracy": float(metrics.accuracy_score(labels, predicted)),
        "precision": float(metrics.precision_score(labels, predicted, **kind)),
        "recall": float(metrics.recall_score(labels, predicted, **kind)),
        "auroc": area_under_curve(labels, probability),
        "log_loss": float(metrics.log_loss(labels, probability, labels=names)),
        "ece": expected_calibration_error(labels, probability),
        "brier": float(metrics.brier_score_loss(labels, probability, labels=names, scale_by_half=True)),
    }


def area_under_curve(labels: np.ndarray, probability: np.ndarray) -> float:
    """Area under the ROC curve: of class 1 for two classes, else the mean over one against the rest.

    labels: int (N,); probability: (N, C). In [0, 1], 0.5 = chance; nan when a class has no image.
    """
    classes = probability.shape[1]
    if len(np.unique(labels)) < classes:
        return float("nan")
    if classes == 2:
        return float(metrics.roc_auc_score(labels, probability[:, 1]))
    return float(metrics.roc_auc_score(labels, probability, multi_class="ovr", labels=np.arange(classes)))


# --- calibration ----------------------------------------------------------------------------------------------


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
    labels, probability = checked(labels, probability)
    table = confidence_bins(labels, probability, bins)
    return float(np.average((table["confidence"] - table["accuracy"]).abs(), weights=table["count"]))


def reliability_bins(labels: np.ndarray, probability: np.ndarray, *, bins: int = 10) -> pd.DataFrame:
    """What a reliability diagram shows: one row a bin of about equal count, the least confident first.

    Returns columns confidence (mean probability of the predicted class), accuracy, count, and low and high, the Wilson
    95 % interval of the accuracy; all but count in [0, 1].
    """
    table = confidence_bins(*checked(labels, probability), bins)
    shares = zip(table.pop("correct") / table["count"], table["count"], strict=True)
    table[["low", "high"]] = [wilson_interval(share, count) for share, count in shares]
    return table
