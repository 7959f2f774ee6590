"""The judge on the data of a run: fitted once, kept, and asked about the images it was fitted on without cheating."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from clockodile.ambiguous.background import Background, background_pictures
from clockodile.ambiguous.evidence import STRENGTH, Judge, fit_judge, mean_features, percentile
from clockodile.core import store
from clockodile.core.workspace import Run
from clockodile.data.dataset import Dataset, as_tensor
from clockodile.learn.backbones import DEFAULT_BACKBONE, Backbone, extract_features, load_backbone

# pixels the pictures are enlarged to: at the larger size a place is a small part of the picture, at the smaller one
# half of it; both together tell photographs apart better than either
SIDES = (96, 192)
NAME = "judge"


@dataclass(frozen=True)
class JudgeResult:
    """What the judge says of the images of a run, each image by the probes that were fitted without its fold."""

    judge: Judge
    features: (
        np.ndarray
    )  # float32 (N, D) mean over all places of the labelled images, comparable with each other
    scores: np.ndarray  # float (N, C) log-odds of the labelled images
    evidence: np.ndarray  # float (N, C) in [0, 1] of the labelled images
    background: Background
    fold_background: np.ndarray  # int (M,)
    features_background: np.ndarray  # float32 (M, D)
    scores_background: np.ndarray  # float (M, C)
    auroc: np.ndarray  # float (C,) each class's unseen images against unseen pictures of neither
    labels: np.ndarray  # int (N + M,) of all: the images and then the others, which have -1
    fold: np.ndarray  # int (N + M,)
    # feature maps of the N labelled images and then the M others, as of `maps_of`: looked at again when a kept judge is
    # asked for them, for they would fill 100 kB an image
    maps: Callable[[], list[np.ndarray]]

    def counter_examples(self, label: int) -> np.ndarray:
        """What the probe of a class tells it from, bool (N + M,): other things; where they are few, rivals too."""
        return self.labels != label if self.background.note else self.labels < 0


@cache
def backbones(network: str) -> list[Backbone]:
    """A frozen network at each size, loaded once. network: of learn.backbones.PACKAGED."""
    return [load_backbone(network, side=side).freeze() for side in SIDES]


def maps_of(images: np.ndarray, network: str = DEFAULT_BACKBONE) -> list[np.ndarray]:
    """What a frozen network sees at each place of uint8 images (N, S, S, 3): float16 (N, 1280, H, W) for each size."""
    tensor = as_tensor(images)
    return [extract_features(backbone, tensor, maps=True).half().numpy() for backbone in backbones(network)]


def judge_name(data: Dataset) -> str:
    """The file of the judge: another one for pictures that were shrunk for the generators."""
    side = data.images.shape[1]
    return NAME if data.card.get("image_size", side) == side else f"{NAME}-{side}-pixels"


def judge_run(run: Run, data: Dataset, *, retrain: bool = False) -> JudgeResult:
    """Fit the judge on a run's labelled images and pictures of neither, or load it. data: all splits."""
    train, background, name = data.part("train"), background_pictures(data, seed=run.seed), judge_name(data)
    fold_background = background.folds(train, seed=run.seed)
    labels = np.concatenate([train.labels, np.full(len(fold_background), -1)])
    fold = np.concatenate([train.fold, fold_background])
    seen = {
        "judge": DEFAULT_BACKBONE,
        "sides": SIDES,
        "strength": STRENGTH,
        "folds": train.folds_key,
        "background": store.fingerprint(background.images, fold_background),
        "kinds": store.key_of({"": background.kinds.tolist()}),
    }

    @cache
    def maps() -> list[np.ndarray]:
        return maps_of(np.concatenate([train.images, background.images]))

    def kept(what: str, asked: dict, make: Callable[[], np.ndarray]) -> np.ndarray:
        file = f"judge/{name}-{what}.npz"
        return store.cached(run.dir, file, asked, lambda: {"rows": make()})["rows"]

    features = kept("features", seen, lambda: mean_features(maps()))
    # of makeshift pictures alone a judge would learn what a drawing is
    config = seen | {"one_vs_rest": bool(background.note)}

    def fit() -> tuple[dict, dict]:
        judge = fit_judge(maps(), labels, fold, classes=len(data.classes), one_vs_rest=config["one_vs_rest"])
        state = {part: torch.from_numpy(getattr(judge, part)) for part in ("weight", "bias", "background")}
        about = {"classes": list(data.classes), "pair": list(run.recipe.pair), "note": background.note}
        return state, about | {"image_size": int(train.images.shape[1])}

    kept_with = config | {"pair": list(run.recipe.pair)}
    fitted = store.fit_or_load(
        *(name, kept_with, data.fingerprint, fit),
        **{"run_dir": run.dir, "retrain": retrain, "accept_shipped_if": config},
    )
    judge, known = judge_from(fitted), labels >= 0
    probes = {"probes": store.digest(fitted.state)}
    scores = kept("scores", seen | probes, lambda: judge.scores(maps(), fold))
    return JudgeResult(
        judge,
        features[known],
        scores[known],
        percentile(scores[known], judge.background),
        background,
        fold_background,
        features[~known],
        scores[~known],
        auroc_against_background(scores, labels, len(data.classes)),
        labels,
        fold,
        maps,
    )


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
