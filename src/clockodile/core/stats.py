"""Which classifier is better, and how sure are we? Statistics of scores that come from repeated cross-validation.

Scores are arrays (seeds, folds): entry [s, f] is the score of a net with seed s on fold f, trained on the other folds.
Fold f must hold the same images for every seed, as in `classify.cross_validation`. Seeds then repeat one measurement
on the same images, they add no images: so scores are averaged over seeds first, and the folds are what is counted.
"""

import numpy as np
from scipy import stats

from clockodile.core.errors import UserError

NORMAL_95 = 1.96  # a normal variable lies within this many standard deviations in 95 % of cases


def fold_means(values: np.ndarray) -> np.ndarray:
    """Mean over seeds of each fold, (folds,). values: (seeds, folds). Raises UserError for fewer than two folds."""
    values = np.asarray(values, dtype=float)
    if values.ndim != 2 or values.shape[0] < 1 or values.shape[1] < 2:
        raise UserError(
            f"scores of shape {values.shape}: give one row a seed and one column a fold, two folds at least"
        )
    return values.mean(0)


def corrected_interval(means: np.ndarray) -> tuple[float, float]:
    """Student's 95 % interval around the mean over folds that share training images. means: (folds,), two at least.

    The variance is multiplied by 1/folds + test/train instead of 1/folds (Nadeau & Bengio 2003); with K folds that
    second part is 1 / (K - 1), and there are K - 1 degrees of freedom.
    """
    folds = len(means)
    error = means.std(ddof=1) * np.sqrt(1 / folds + 1 / (folds - 1))
    margin = stats.t.ppf(0.975, folds - 1) * error
    return float(means.mean() - margin), float(means.mean() + margin)


def summary(values: np.ndarray, *, images: int = 0) -> dict[str, float]:
    """Mean, spread and interval of one classifier's scores.

    values: (seeds, folds), of any unit, which the results share; images: how many all folds hold, if the values are
    shares of them. Where all folds score alike, say all images rightly, their spread says nothing, and the interval is
    that of a share of so many images (Wilson, 1927). Returns mean; std, the standard deviation over all
    seeds * folds scores (how much a single score varies, not how uncertain the mean is); low and high, the 95 %
    interval for the expected score of this recipe on other images of the kind (Nadeau & Bengio 2003), which may pass
    the scale's ends; and count, the number of scores.
    """
    means = fold_means(values)
    low, high = corrected_interval(means)
    if images and np.ptp(means) == 0:
        low, high = map(float, wilson_interval(means.mean(), images))
    about = {"mean": float(means.mean()), "std": float(np.std(values, ddof=1)), "low": low, "high": high}
    return about | {"count": int(np.size(values))}


def paired_comparison(first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    """Difference of two classifiers on the same folds: corrected paired t-test (Nadeau & Bengio 2003).

    first, second: (seeds, folds), the same folds in the same order; the numbers of seeds may differ. Returns difference
    (first minus second) and its 95 % interval low and high.
    """
    one, other = fold_means(first), fold_means(second)
    if len(one) != len(other):
        raise UserError(f"{len(one)} folds against {len(other)}: compare classifiers on the same folds")
    gaps = one - other
    low, high = corrected_interval(gaps)
    return {"difference": float(gaps.mean()), "low": low, "high": high}


def wilson_interval(share: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper end of the 95 % interval of a share (0..1) of `count` independent images (Wilson, 1927).

    For shares averaged over several nets an image it is a little too wide, never too narrow. No images: 0 and 1.
    """
    if not count:
        return np.zeros_like(share), np.ones_like(share)
    squared = NORMAL_95**2
    middle = (share + squared / (2 * count)) / (1 + squared / count)
    inner = share * (1 - share) * squared / count + (squared / (2 * count)) ** 2
    half = np.sqrt(np.maximum(inner, 0)) / (1 + squared / count)
    return middle - half, middle + half
