"""The judge on the data of a run: fitted once, kept, and asked about the images it was fitted on without cheating."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score

from clockodile import artifacts
from clockodile.ambiguous.evidence import LENIENT, STRENGTH, Judge, fit_judge, percentile
from clockodile.ambiguous.neither import Neither, pictures_of_neither
from clockodile.classify.backbones import OFFLINE, Backbone, extract_features, load_backbone
from clockodile.data.dataset import Dataset, as_tensor
from clockodile.workspace import Run

VERSION = 2  # raise it when features or probes change their meaning: a kept judge is then fitted anew
SIDES = (96, 128)  # pixels the pictures are enlarged to; both together tell reptiles apart better than either
NAME = "judge"


@dataclass(frozen=True)
class Judgement:
    """What the judge says of the images of a run, each image by the probes that were fitted without its fold."""

    judge: Judge
    features: np.ndarray  # float32 (N, D) of the labelled images, comparable with each other
    scores: np.ndarray  # float (N, C) log-odds of the labelled images
    evidence: np.ndarray  # float (N, C) in [0, 1] of the labelled images
    neither: Neither
    fold_neither: np.ndarray  # int (M,)
    features_neither: np.ndarray  # float32 (M, D)
    scores_neither: np.ndarray  # float (M, C)
    auroc: np.ndarray  # float (C,) each class's unseen images against unseen pictures of neither


@cache
def backbones() -> list[Backbone]:
    """The frozen network at each size, loaded once."""
    return [load_backbone(OFFLINE, side=side, mirror=True, frozen=True) for side in SIDES]


def features_of(images: np.ndarray) -> np.ndarray:
    """What the frozen EfficientNet-Lite0 sees of uint8 images (N, S, S, 3) and their mirror images: (N, 2 * 1280)."""
    tensor = as_tensor(images)
    return np.concatenate([extract_features(network, tensor).numpy() for network in backbones()], 1)


def judge_run(run: Run, data: Dataset, *, retrain: bool = False) -> Judgement:
    """Fit the judge on a run's labelled images and pictures of neither, or load it. data: all splits."""
    train, neither = data.part("train"), pictures_of_neither(data, seed=run.seed)
    fold = neither.folds(train, seed=run.seed)
    config = {
        "judge": OFFLINE,
        "version": VERSION,
        "sides": SIDES,
        "strength": STRENGTH,
        "folds": train.folds_key,
    }
    config["neither"] = artifacts.fingerprint(neither.images, fold)
    config["kinds"] = artifacts.key_of({"": neither.kinds.tolist()})

    def make() -> dict[str, np.ndarray]:
        start = time.perf_counter()
        rows = np.concatenate([features_of(train.images), features_of(neither.images)])
        return {"rows": rows, "seconds": np.array([time.perf_counter() - start])}

    features = artifacts.remember(run.dir, "features/judge.npz", config, make)["rows"]
    config["rivals"] = bool(neither.note)  # of makeshift pictures alone a judge would learn what a drawing is
    labels = np.concatenate([train.labels, np.full(len(fold), -1)])
    folds = np.concatenate([train.fold, fold])

    def fit() -> tuple[dict, dict]:
        judge = fit_judge(features, labels, folds, classes=len(data.classes), rivals=config["rivals"])
        state = {name: torch.from_numpy(getattr(judge, name)) for name in ("weight", "bias", "others")}
        return state, {
            "classes": list(data.classes),
            "pair": list(run.recipe.pair),
            "image_size": int(train.images.shape[1]),
            "note": neither.note,
        }

    fitted = artifacts.fit_or_load(NAME, config, data.fingerprint, fit, run_dir=run.dir, retrain=retrain)
    if fitted.origin == "shipped":  # `clockodile rank` looks for it in the run folder
        with artifacts.atomic(run.dir / f"{NAME}.safetensors") as temporary:
            shutil.copyfile(artifacts.shipped_weights() / f"{NAME}.safetensors", temporary)
    judge = judge_from(fitted)
    scores, known = judge.scores(features, folds), labels >= 0
    return Judgement(
        judge,
        features[known],
        scores[known],
        percentile(scores[known], judge.others),
        neither,
        fold,
        features[~known],
        scores[~known],
        separation_from_others(scores, labels, len(data.classes)),
    )


def separation_from_others(scores: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Area under the ROC curve of each class's images against the pictures of neither (label -1), float (C,)."""
    areas = []
    for label in range(classes):
        asked = (labels == label) | (labels < 0)
        areas.append(roc_auc_score(labels[asked] == label, scores[asked, label]))
    return np.array(areas)


def judge_from(fitted: artifacts.Fitted) -> Judge:
    """The judge in a stored file."""
    return Judge(**{name: fitted.state[name].double().numpy() for name in ("weight", "bias", "others")})


def rivals_judge(judged: Judgement, train: Dataset) -> Judge:
    """A judge by the older rule: each class against everything else, the other classes included. train: as judged."""
    return fit_judge(*all_known(judged, train), classes=len(train.classes), rivals=True)


def two_rules(judged: Judgement, train: Dataset, pair: tuple[int, int]) -> pd.DataFrame:
    """This judge beside one by the older rule, a row each: auroc_a and _b; a_in_b, the median evidence for the pair's
    first class in photographs of the second, and b_in_a; both, the share of photographs with evidence for both.
    """
    features, labels, fold = all_known(judged, train)
    rows = {}
    for rule, judge in (("other things", judged.judge), ("everything else", rivals_judge(judged, train))):
        area = separation_from_others(judge.scores(features, fold), labels, len(train.classes))
        evidence = judge.evidence(judged.features, train.fold)
        (first, second), both = pair, evidence[:, list(pair)].min(1) >= LENIENT
        rows[rule] = {
            "auroc_a": area[first],
            "auroc_b": area[second],
            "a_in_b": np.median(evidence[train.labels == second, first]),
            "b_in_a": np.median(evidence[train.labels == first, second]),
            "both": both.mean(),
        }
    return pd.DataFrame(rows).T


def halves_of_the_judge(
    judged: Judgement, train: Dataset, *, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Two judges that share no picture: the evidence of each for all images (N, C), and which ones it knows, (N,).

    train: the images that were judged. Near-duplicates are in one half. As always, an image is judged by a probe that
    did not see its fold.
    """
    rng = np.random.default_rng(seed)
    half = (rng.permutation(train.group.max() + 1) % 2 == 0)[train.group]
    others, origin = rng.random(len(judged.fold_neither)) < 0.5, judged.neither.origin
    first = np.concatenate([half, np.where(origin >= 0, half[origin], others)])
    found = []
    for mine in (first, ~first):
        features, labels, fold = (part[mine] for part in all_known(judged, train))
        judge = fit_judge(
            features, labels, fold, classes=len(train.classes), rivals=bool(judged.neither.note)
        )
        found.append((judge.evidence(judged.features, train.fold), mine[: len(train)]))
    return found


def all_known(judged: Judgement, train: Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, labels (-1 for neither) and folds of all that a judge is fitted on."""
    return (
        np.concatenate([judged.features, judged.features_neither]),
        np.concatenate([train.labels, np.full(len(judged.fold_neither), -1)]),
        np.concatenate([train.fold, judged.fold_neither]),
    )
