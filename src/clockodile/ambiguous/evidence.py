"""The judge: how much speaks for each class, measured apart, on features of a network that knew the world before.

A classifier compares classes: of an empty square it says "in the middle". The judge asks for each class alone whether
one place of a picture holds more of it than the best places of pictures of *other things* do. Both answers may be yes,
and both may be no.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

STRENGTH = 1000.0  # of the L2 penalty: features are many, pictures few; notebook 03 shows what it changes
STRICT, LENIENT = 0.95, 0.90  # evidence that only 5 % or 10 % of other things reach
CHUNK = 256  # pictures judged at once: maps are large


@dataclass(frozen=True)
class Judge:
    """K linear probes for each of C classes, each fitted without one fold, and what pictures of other things get.

    Evidence for a class is the share of unseen pictures of other things that score lower: 0.97 means that three in a
    hundred of them look more like it. It is no probability, and the evidence for several classes need not sum to 1.

    What it judges are feature maps: for each size at which a picture was looked at, features at each place, float
    (N, D, H, W). The probes learned from their means over all places (`mean_features`), and judge each place apart, as
    class activation maps do (Zhou et al., 2016); the strongest place counts, as in learning from bags of instances
    (Maron and Lozano-Perez, 1998).
    """

    weight: np.ndarray  # float (K, C, sizes * D), on features as they come: standardisation is folded in
    bias: np.ndarray  # float (K, C)
    # float (M, C) sorted by column: what other pictures score, each by the probe that did not see it; see fit_judge
    background: np.ndarray

    def scores(self, maps: Sequence[np.ndarray], fold: np.ndarray | None = None) -> np.ndarray:
        """What the strongest place of each size says for each class, float (N, C), any size, higher = more of it.

        maps: (N, D, H, W) for each size. fold: int (N,) the fold whose probe, fitted without it, is to judge each
        picture; pictures the probes were fitted on MUST have one. None for pictures that no probe saw: the mean over
        all of them.
        """
        by_size = np.split(self.weight, len(maps), axis=2)
        found = []
        for start in range(0, len(maps[0]), CHUNK):
            rows = slice(start, start + CHUNK)
            strongest = 0.0
            for seen, weight in zip(maps, by_size, strict=True):
                places = seen[rows].reshape(*seen[rows].shape[:2], -1).astype(np.float64)
                strongest = strongest + np.einsum("kcd,ndp->nkcp", weight, places, optimize=True).max(3)
            every = self.bias + strongest
            found.append(every.mean(1) if fold is None else np.take_along_axis(every, fold[rows, None, None], 1)[:, 0])
        return np.concatenate(found)

    def evidence(self, maps: Sequence[np.ndarray], fold: np.ndarray | None = None) -> np.ndarray:
        """Evidence (N, C) in [0, 1]; arguments as of `scores`."""
        return percentile(self.scores(maps, fold), self.background)


def mean_features(maps: Sequence[np.ndarray]) -> np.ndarray:
    """The mean over all places, one size after the other: (N, sizes * D) of maps (N, D, H, W)."""
    return np.concatenate([seen.mean((2, 3), dtype=np.float32) for seen in maps], 1)


def percentile(scores: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Share of `others` (M, C), sorted by column, below each score (N, C); ties count half. (N, C) in [0, 1]."""
    columns = [
        (np.searchsorted(line, score, "left") + np.searchsorted(line, score, "right")) / (2 * len(line))
        for score, line in zip(scores.T, others.T, strict=True)
    ]
    return np.stack(columns, 1)


def fit_judge(
    maps: Sequence[np.ndarray], labels: np.ndarray, fold: np.ndarray, *, classes: int, one_vs_rest: bool = False
) -> Judge:
    """Fit a logistic regression for each class against the pictures of neither.

    maps: (N, D, H, W) for each size; labels: int (N,), 0..C-1, -1 for neither; fold: int (N,) 0..K-1 for every picture,
    neither too.
    one_vs_rest: whether the other classes' pictures are counter-examples as well. Then a dial speaks against a
    crocodile, and what holds both is punished for each; but where pictures of neither are a makeshift, nothing else
    looks real. Evidence then is the share of the other classes' pictures.
    """
    features = mean_features(maps)
    known = [fold != held for held in range(fold.max() + 1)]
    probes = [fit_probes(features[rows], labels[rows], classes, one_vs_rest) for rows in known]
    # as they are stored: a loaded judge must find the same as a fresh one
    weight, bias = (np.stack(parts).astype(np.float32) for parts in zip(*probes, strict=True))
    others = labels < 0
    every = Judge(weight, bias, np.zeros((1, classes))).scores(maps, fold)
    if not one_vs_rest:
        return Judge(weight, bias, np.sort(every[others], axis=0))
    rest = [np.sort(every[~others & (labels != label), label]) for label in range(classes)]
    most = max(map(len, rest))  # of a larger class fewer are left: some of them stand there twice
    return Judge(weight, bias, np.stack([line[np.arange(most) * len(line) // most] for line in rest], 1))


def quadrants(evidence: np.ndarray, pair: tuple[int, int], *, threshold: float = LENIENT) -> np.ndarray:
    """In which corner of the plane each picture lies: "first", "second", "both" or "neither", str (N,).

    evidence: (N, C); a class counts as present from `threshold` on.
    """
    first, second = (evidence[:, label] >= threshold for label in pair)
    return np.select([first & second, first, second], ["both", "first", "second"], "neither")


def fit_probes(
    features: np.ndarray, labels: np.ndarray, classes: int, one_vs_rest: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Weight (C, D) and bias (C,) on raw features; a class and its counter-examples count alike, however many they are.

    features: (N, D); others as of `fit_judge`.
    """
    scaler = StandardScaler().fit(np.asarray(features, np.float64))
    scaled = scaler.transform(np.asarray(features, np.float64))
    weight, bias = [], []
    for label in range(classes):
        rows = np.full(len(labels), True) if one_vs_rest else (labels == label) | (labels < 0)
        model = LogisticRegression(C=1 / STRENGTH, class_weight="balanced", max_iter=2000, tol=1e-6)
        model.fit(scaled[rows], labels[rows] == label)
        weight.append(model.coef_[0] / scaler.scale_)
        bias.append(model.intercept_[0] - weight[-1] @ scaler.mean_)
    return np.stack(weight), np.array(bias)
