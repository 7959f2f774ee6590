"""Every way to rank images by ambiguity, on the opinions of models that did not train on them.

Whoever is in the table SCORES takes part in every figure, in the test with planted label errors and in ambiguous.csv:
to add a score, write its function in scores.py and enter it here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import softmax

from clockodile.ambiguous import scores
from clockodile.ambiguous.evidence import quadrants
from clockodile.ambiguous.judge import JudgeResult
from clockodile.ambiguous.stability import halves_of_nets
from clockodile.classify.calibration import cross_fitted_temperature, log_mean_probability
from clockodile.core.errors import UserError
from clockodile.data.dataset import Dataset

# what a score may ask: nets of ours, report 000's nets, autoencoders, or the judge, whose halves know other images
NETS = {"ours": ("logits",), "first": ("first_logits", "first_distance"), "codes": ("codes",)}
MODELS = (*NETS, "judge")
Judges = list[tuple[np.ndarray, np.ndarray]]  # evidence (N, C), and bool (N,) the images a judge knows


@dataclass(frozen=True)
class OutOfFold:
    """What models say of N images that they did not train on; only `out_of_fold` makes one.

    S nets a fold; D features.
    """

    labels: np.ndarray  # int (N,)
    fold: np.ndarray  # int (N,)
    logits: np.ndarray  # float (S, N, C) of our net
    first_logits: np.ndarray  # float (S, N, C) of report 000's net
    first_distance: np.ndarray  # float (S, N, C) of its features to the class centres
    codes: np.ndarray  # float (A, N, D) of autoencoders, which know no labels
    features: np.ndarray  # float (N, D) of the frozen network
    evidence: np.ndarray  # float (N, C) in [0, 1]
    pair: tuple[int, int]
    allowed: np.ndarray | None = None  # bool (N,) who may be a neighbour, by default all
    calibrated: bool = True  # False: probabilities as the nets give them

    @property
    def probability(self) -> np.ndarray:
        """Calibrated probabilities (N, C) of our nets together, the temperature fitted on other folds."""
        return self._probability(self.logits)

    @property
    def first_probability(self) -> np.ndarray:
        """The same of report 000's nets."""
        return self._probability(self.first_logits)

    def _probability(self, logits: np.ndarray) -> np.ndarray:
        together = log_mean_probability(logits)
        if not self.calibrated:
            return softmax(together, axis=1)
        return cross_fitted_temperature(together, self.labels, self.fold)

    @property
    def code_distance(self) -> np.ndarray:
        """Distance (A, N, C) of each image's code to every class's mean code in other folds."""
        return np.concatenate([scores.distances_to_centres(c, self.labels, self.fold) for c in self.codes])

    def of_nets(self, models: str, chosen: np.ndarray) -> OutOfFold:
        """The same with only some of the nets. models: of NETS; chosen: int (K,) their numbers."""
        return replace(self, **{part: getattr(self, part)[chosen] for part in NETS[models]})

    def count(self, models: str) -> int:
        """How many nets a fold there are. models: of NETS."""
        return len(getattr(self, NETS[models][0]))


def out_of_fold(
    data: Dataset,
    ours: dict[str, np.ndarray],
    first: dict[str, np.ndarray],
    codes: np.ndarray,
    judged: JudgeResult,
    pair: tuple[int, int],
) -> OutOfFold:
    """Put together what is known of the training images. ours, first: as stored (schemas.OUT_OF_FOLD).

    codes: float (A, N, D), see embedding.codes_of.

    Raises UserError unless both are of exactly these images, each judged by the nets of its own fold: a ranking by nets
    that know the images would find nothing ambiguous.
    """
    for name, stored in {"our net's": ours, "report 000's": first}.items():
        fits = all(np.array_equal(stored[part], getattr(data, part)) for part in ("ids", "labels", "fold"))
        if not fits or data.fold.min() < 0:
            raise UserError(f"{name} predictions are not out of fold for these images; run notebook 02 again")
    if len(judged.evidence) != len(data):
        raise UserError(f"the judge spoke about {len(judged.evidence)} images, not about these {len(data)}")
    return OutOfFold(
        data.labels,
        data.fold,
        ours["logits"],
        first["logits"],
        first["centre_distance"],
        codes,
        judged.features,
        judged.evidence,
        pair,
    )


@dataclass(frozen=True)
class Score:
    """One way to rank."""

    title: str  # how tables and figures call it
    source: str  # where it is from
    score: Callable[[OutOfFold], np.ndarray]  # -> float (N,) in [0, 1], higher = more ambiguous
    models: str  # of MODELS: what it asks, so whose halves are compared and whose seconds count

    def __post_init__(self):
        if self.models not in MODELS:
            raise ValueError(f"'{self.title}' asks '{self.models}'; known: {', '.join(MODELS)}")


def two_halves(method: Score, known: OutOfFold, judges: Judges) -> list[tuple[np.ndarray, np.ndarray]]:
    """What a score says by one half of the models and by the other, for several ways to halve them.

    judges: as from other_judges.halves_of_the_judge. A single net has no halves: an empty list.
    """
    if method.models == "judge":
        return [tuple(method.score(replace(known, evidence=part, allowed=half)) for part, half in judges)]
    nets = known.count(method.models)
    return (
        halves_of_nets(lambda chosen: method.score(known.of_nets(method.models, chosen)), nets)
        if nets > 1
        else []
    )


SCORES: dict[str, Score] = {
    "misclassified": Score(
        "misclassified",
        "report 000, first attempt",
        lambda known: scores.low_self_confidence(known.first_probability, known.labels),
        "first",
    ),
    "centre_balance": Score(
        "equally far from both centres",
        "report 000, second attempt",
        lambda known: scores.centroid_distance_ratio(known.first_distance, known.pair),
        "first",
    ),
    "perceptual": Score(
        "nearer to the other class's mean",
        "report 001",
        lambda known: scores.nearest_centroid_margin(known.first_distance, known.labels),
        "first",
    ),
    "autoencoder": Score(
        "nearer to the other class's mean code",
        "report 001, autoencoder",
        lambda known: scores.nearest_centroid_margin(known.code_distance, known.labels),
        "codes",
    ),
    "entropy": Score(
        "entropy", "uncertainty sampling", lambda known: scores.entropy(known.probability), "ours"
    ),
    "margin": Score("margin", "uncertainty sampling", lambda known: scores.margin(known.probability), "ours"),
    "disagreement": Score(
        "disagreement of the nets",
        "Depeweg et al., 2018",
        lambda known: scores.mutual_information(known.logits),
        "ours",
    ),
    "label_quality": Score(
        "label quality",
        "Northcutt et al., 2021",
        lambda known: scores.low_normalized_margin(known.probability, known.labels),
        "ours",
    ),
    "neighbour_mix": Score(
        "mixed neighbours",
        "nearest neighbours",
        lambda known: scores.knn_label_entropy(
            known.features, known.labels, known.fold, allowed=known.allowed
        ),
        "judge",
    ),
    "evidence": Score(
        "evidence for both (headline)",
        "this notebook",
        lambda known: scores.both(known.evidence, known.pair),
        "judge",
    ),
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
