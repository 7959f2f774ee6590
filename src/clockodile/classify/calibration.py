"""Temperature scaling: make a net as sure as it is right, without changing a single decision (Guo et al. 2017).

All logits are divided by one number T: T > 1 softens the probabilities, T < 1 sharpens them.
"""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, logsumexp, softmax

from clockodile.core.errors import UserError

# of the temperature: when no image is wrong, the best one would be 0, and the next error costs all
RANGE = (0.05, 20.0)


def log_mean_probability(logits: np.ndarray) -> np.ndarray:
    """Logits of an ensemble: the logarithm of the members' mean probability.

    logits: (S, N, C), one slice a member; returns (N, C), whose softmax is the mean of theirs.
    """
    return logsumexp(log_softmax(np.asarray(logits, float), axis=-1), axis=0) - np.log(len(logits))


def log_loss_at(temperature: float, logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean cross-entropy in nats of logits (N, C) divided by `temperature`. labels: int (N,)."""
    log_probability = log_softmax(np.asarray(logits, float) / temperature, axis=1)
    return float(-log_probability[np.arange(len(labels)), labels].mean())


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature in [0.05, 20] of the least log-loss. logits: (N, C); labels: int (N,).

    Fit it on images that the net was not trained on. The log-loss is convex in 1 / T, so it has one valley in log T
    too, and a bounded search in one dimension finds it (Guo et al. 2017).
    """
    if not len(labels) or np.shape(logits)[:1] != np.shape(labels):
        raise UserError(f"{np.shape(logits)[0]} rows of logits for {len(labels)} labels: need one a label")
    found = minimize_scalar(
        lambda log_t: log_loss_at(np.exp(log_t), logits, labels), bounds=np.log(RANGE), method="bounded"
    )
    # the search stops near the best: where that is 1, leaving the logits alone is better still
    return min((1.0, float(np.exp(found.x))), key=lambda t: log_loss_at(t, logits, labels))


def cross_fitted_temperature(logits: np.ndarray, labels: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Scaled probabilities (N, C), rows of sum 1: each fold by the temperature fitted on all other folds.

    logits: (N, C), out of fold; labels, fold: int (N,). So no image has a say in its own probability, and measuring
    calibration on the result is fair. Raises UserError for fewer than two folds.
    """
    logits, fold = np.asarray(logits, float), np.asarray(fold)
    if len(np.unique(fold)) < 2:
        raise UserError("all images are in one fold: a cross-fitted temperature needs two folds at least")
    scaled = np.empty_like(logits)
    for number in np.unique(fold):
        unseen = fold == number
        temperature = fit_temperature(logits[~unseen], np.asarray(labels)[~unseen])
        scaled[unseen] = softmax(logits[unseen] / temperature, axis=1)
    return scaled
