"""Every way to rank images by ambiguity, on the opinions of models that did not train on them.

Whoever is in the table SCORES takes part in every figure, in the test with planted label errors and in ambiguous.csv:
to add a score, write its function in scores.py and enter it here.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from clockodile.ambiguous import scores
from clockodile.ambiguous.evidence import quadrants
from clockodile.ambiguous.judge import JudgeResult
from clockodile.classify.calibration import cross_fitted_temperature, log_mean_probability
from clockodile.core.errors import UserError
from clockodile.data.dataset import Dataset


@dataclass(frozen=True)
class OutOfFold:
    """What models say of N images that they did not train on; only `collect_out_of_fold` makes one.

    S nets a fold.
    """

    labels: np.ndarray  # int (N,)
    fold: np.ndarray  # int (N,)
    logits: np.ndarray  # float (S, N, C) of our net
    centre_distance: np.ndarray  # float (S, N, C) of its features to the class centres
    evidence: np.ndarray  # float (N, C) in [0, 1]
    pair: tuple[int, int]

    @property
    def probability(self) -> np.ndarray:
        """Calibrated probabilities (N, C) of our nets together, the temperature fitted on other folds."""
        return cross_fitted_temperature(log_mean_probability(self.logits), self.labels, self.fold)


def collect_out_of_fold(
    data: Dataset, ours: dict[str, np.ndarray], judged: JudgeResult, pair: tuple[int, int]
) -> OutOfFold:
    """Put together what is known of the training images. ours: our net's predictions (schemas.OUT_OF_FOLD).

    Raises UserError unless they are of exactly these images, each judged by the nets of its own fold: a ranking by nets
    that know the images would find nothing ambiguous.
    """
    fits = all(np.array_equal(ours[part], getattr(data, part)) for part in ("ids", "labels", "fold"))
    if not fits or data.fold.min() < 0:
        raise UserError("our net's predictions are not out of fold for these images; run notebook 02 again")
    return OutOfFold(data.labels, data.fold, ours["logits"], ours["centre_distance"], judged.evidence, pair)


@dataclass(frozen=True)
class Score:
    """One way to rank."""

    title: str  # how tables and figures call it
    score: Callable[[OutOfFold], np.ndarray]  # -> float (N,) in [0, 1], higher = more ambiguous


SCORES: dict[str, Score] = {
    "misclassified": Score("misclassified", lambda known: scores.low_self_confidence(known.probability, known.labels)),
    "centre_balance": Score(
        "equally far from both centres", lambda known: scores.centroid_distance_ratio(known.centre_distance, known.pair)
    ),
    "entropy": Score("entropy", lambda known: scores.entropy(known.probability)),
    "label_quality": Score(
        "label quality", lambda known: scores.low_normalized_margin(known.probability, known.labels)
    ),
    "evidence": Score("evidence for both", lambda known: scores.both(known.evidence, known.pair)),
}


def ambiguity_table(data: Dataset, known: OutOfFold, reason: list[str]) -> pd.DataFrame:
    """ambiguous.csv: one row an image, a column for each of SCORES, in [0, 1], higher = more ambiguous.

    p: our nets' probability of the pair's second class; score: the headline, by which rank (1 = most ambiguous) and
    quadrant go. reason: N texts.
    """
    first, second = known.pair
    columns = {name: method.score(known).astype(float) for name, method in SCORES.items()}
    headline = columns["evidence"]
    about = {"id": data.ids, "label": data.labels, "p": known.probability[:, second], "score": headline}
    about |= {"rank": scores.rank_of(headline), "quadrant": quadrants(known.evidence, known.pair)}
    about |= {"evidence_a": known.evidence[:, first], "evidence_b": known.evidence[:, second]}
    return pd.DataFrame(about | columns | {"reason": reason})
