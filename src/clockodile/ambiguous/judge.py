"""The judge on the data of a run: fitted once, kept, and asked about the images it was fitted on without cheating."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from clockodile.ambiguous.background import Background, background_pictures
from clockodile.ambiguous.evidence import STRENGTH, Judge, fit_judge, percentile
from clockodile.core import store
from clockodile.core.workspace import Run
from clockodile.data.dataset import Dataset, as_tensor
from clockodile.learn.backbones import CHUNK, DEFAULT_BACKBONE, Backbone, extract_features, load_backbone

SIDES = (96, 128)  # pixels the pictures are enlarged to; both together tell reptiles apart better than either
NAME = "judge"


@dataclass(frozen=True)
class JudgeResult:
    """What the judge says of the images of a run, each image by the probes that were fitted without its fold."""

    judge: Judge
    features: np.ndarray  # float32 (N, D) of the labelled images, comparable with each other
    scores: np.ndarray  # float (N, C) log-odds of the labelled images
    evidence: np.ndarray  # float (N, C) in [0, 1] of the labelled images
    background: Background
    fold_background: np.ndarray  # int (M,)
    features_background: np.ndarray  # float32 (M, D)
    scores_background: np.ndarray  # float (M, C)
    auroc: np.ndarray  # float (C,) each class's unseen images against unseen pictures of neither


@cache
def backbones(network: str) -> list[Backbone]:
    """A frozen network at each size, loaded once. network: of classify.backbones.PACKAGED."""
    return [load_backbone(network, side=side, mirror=True).freeze() for side in SIDES]


def features_of(images: np.ndarray, network: str = DEFAULT_BACKBONE) -> np.ndarray:
    """What a frozen network sees of uint8 images (N, S, S, 3) and their mirror images: (N, 2 * 1280)."""
    tensor = as_tensor(images)
    return np.concatenate([extract_features(backbone, tensor).numpy() for backbone in backbones(network)], 1)


@torch.no_grad()
def maps_of(images: np.ndarray, network: str = DEFAULT_BACKBONE) -> list[np.ndarray]:
    """What `features_of` is the mean of: for each size the features at each place, float32 (N, 1280, H, W)."""
    parts = as_tensor(images).split(CHUNK)
    return [torch.cat([backbone.maps(part) for part in parts]).numpy() for backbone in backbones(network)]


def judge_name(data: Dataset) -> str:
    """The file of the judge: another one for pictures that were shrunk for the generators."""
    side = data.images.shape[1]
    return NAME if data.card.get("image_size", side) == side else f"{NAME}-{side}-pixels"


def judge_run(run: Run, data: Dataset, *, retrain: bool = False) -> JudgeResult:
    """Fit the judge on a run's labelled images and pictures of neither, or load it. data: all splits."""
    train, background = data.part("train"), background_pictures(data, seed=run.seed)
    judge, features_of_run = fit_on(
        DEFAULT_BACKBONE, run, data, background, name=judge_name(data), retrain=retrain
    )
    features, fold = features_of_run(), background.folds(train, seed=run.seed)
    labels = np.concatenate([train.labels, np.full(len(fold), -1)])
    scores, known = judge.scores(features, np.concatenate([train.fold, fold])), labels >= 0
    return JudgeResult(
        judge,
        features[known],
        scores[known],
        percentile(scores[known], judge.background),
        background,
        fold,
        features[~known],
        scores[~known],
        auroc_against_background(scores, labels, len(data.classes)),
    )


def fit_on(
    network: str, run: Run, data: Dataset, background: Background, *, name: str, retrain: bool = False
) -> tuple[Judge, Callable[[], np.ndarray]]:
    """A judge that sees through this network: from the run folder, else from the package, else fitted now.

    Also what computes, or loads, the network's features of the labelled images, then of `background`, float32 (N, D):
    they take long and are only needed to fit. name: of the stored file, without its suffix. data: all splits.
    """
    train = data.part("train")
    fold = background.folds(train, seed=run.seed)
    config = {"judge": network, "sides": SIDES, "strength": STRENGTH, "folds": train.folds_key}
    config["background"] = store.fingerprint(background.images, fold)
    config["kinds"] = store.key_of({"": background.kinds.tolist()})
    seen = dict(config)

    def make() -> dict[str, np.ndarray]:
        start = time.perf_counter()
        rows = np.concatenate([features_of(part.images, network) for part in (train, background)])
        return {"rows": rows, "seconds": np.array([time.perf_counter() - start])}

    @cache
    def features() -> np.ndarray:
        return store.cached(run.dir, f"features/{Path(name).name}.npz", seen, make)["rows"]

    config["one_vs_rest"] = bool(
        background.note
    )  # of makeshift pictures alone a judge would learn what a drawing is

    def fit() -> tuple[dict, dict]:
        labels = np.concatenate([train.labels, np.full(len(fold), -1)])
        folds = np.concatenate([train.fold, fold])
        judge = fit_judge(
            features(), labels, folds, classes=len(data.classes), one_vs_rest=config["one_vs_rest"]
        )
        state = {part: torch.from_numpy(getattr(judge, part)) for part in ("weight", "bias", "background")}
        return state, {
            "classes": list(data.classes),
            "pair": list(run.recipe.pair),
            "image_size": int(train.images.shape[1]),
            "note": background.note,
        }

    kept_with = config | {"pair": list(run.recipe.pair)}
    fitted = store.fit_or_load(
        *(name, kept_with, data.fingerprint, fit), run_dir=run.dir, retrain=retrain, accept_shipped_if=config
    )
    return judge_from(fitted), features


def auroc_against_background(scores: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Area under the ROC curve of each class's images against the pictures of neither (label -1), float (C,)."""
    areas = []
    for label in range(classes):
        asked = (labels == label) | (labels < 0)
        areas.append(roc_auc_score(labels[asked] == label, scores[asked, label]))
    return np.array(areas)


def judge_from(fitted: store.Checkpoint) -> Judge:
    """The judge in a stored file."""
    return Judge(**{name: fitted.state[name].double().numpy() for name in ("weight", "bias", "background")})
