"""The judge on the data of a run: fitted once, kept, and asked about the images it was fitted on without cheating."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache, cached_property, partial

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from clockodile.ambiguous.background import COMPARES, Background, background_pictures
from clockodile.ambiguous.evidence import LENIENT, STRENGTH, Judge, fit_judge, mean_features, percentile
from clockodile.core import store
from clockodile.core.workspace import Run
from clockodile.data.dataset import Dataset, as_tensor
from clockodile.learn.backbones import DEFAULT_BACKBONE, Backbone, extract_features, load_backbone

# pixels the pictures are enlarged to: at the larger size a place is a small part of the picture, at the smaller one
# half of it; both together tell photographs apart better than either
SIDES = (96, 192)
NAME = "judge"
MOST_BOTH = 0.1  # share of photographs in which a judge may find two classes that were never compared


@dataclass(frozen=True)
class Examples:
    """What a judge learns from: the labelled images of a run, then pictures of other things, seen by one network."""

    train: Dataset
    background: Background
    fold_background: np.ndarray  # int (M,)
    network: str  # of learn.backbones.PACKAGED
    sides: tuple[int, ...]  # pixels to which pictures are enlarged for it

    @property
    def labels(self) -> np.ndarray:
        """The class of each, -1 for other things: int (N + M,)."""
        return np.concatenate([self.train.labels, np.full(len(self.fold_background), -1)])

    @property
    def fold(self) -> np.ndarray:
        """The fold of each, int (N + M,)."""
        return np.concatenate([self.train.fold, self.fold_background])

    @cached_property
    def maps(self) -> list[np.ndarray]:
        """Feature maps as of `maps_of`, of N + M pictures; not kept in a file, for they would fill 100 kB an image."""
        images = np.concatenate([self.train.images, self.background.images])
        return maps_of(images, self.network, self.sides)

    @property
    def config(self) -> dict:
        """What a judge learns from and looks through; `fitted_judge` adds its rule."""
        return {
            "judge": self.network,
            "sides": self.sides,
            "strength": STRENGTH,
            "folds": self.train.folds_key,
            "background": store.fingerprint(self.background.images, self.fold_background),
            "kinds": store.key_of({"": self.background.kinds.tolist()}),
        }


@dataclass(frozen=True)
class JudgeResult(Examples):
    """What the judge says of the images of a run, each image by the probes that were fitted without its fold."""

    judge: Judge
    features: np.ndarray  # float32 (N, D) mean over all places of the labelled images, comparable with each other
    scores: np.ndarray  # float (N, C) log-odds of the labelled images
    evidence: np.ndarray  # float (N, C) in [0, 1] of the labelled images
    features_background: np.ndarray  # float32 (M, D)
    scores_background: np.ndarray  # float (M, C)
    auroc: np.ndarray  # float (C,) each class's unseen images against unseen pictures of neither

    def counter_examples(self, label: int) -> np.ndarray:
        """What the probe of a class tells it from, bool (N + M,): other things; where they are few, rivals too."""
        return self.labels != label if self.background.note else self.labels < 0


@cache
def frozen_backbone(network: str, side: int) -> Backbone:
    """A frozen network for pictures of that many pixels a side, loaded once. network: of learn.backbones.PACKAGED."""
    return load_backbone(network, side=side).freeze()


def maps_of(images: np.ndarray, network: str = DEFAULT_BACKBONE, sides: Sequence[int] = SIDES) -> list[np.ndarray]:
    """What a frozen network sees at each place of uint8 images (N, S, S, 3): float16 (N, 1280, H, W) for each size."""
    tensor, looks = as_tensor(images), [frozen_backbone(network, side) for side in sides]
    return [extract_features(look, tensor, maps=True).half().numpy() for look in looks]


def judge_name(data: Dataset) -> str:
    """The file of the judge: another one for pictures that were shrunk for the generators."""
    side = data.images.shape[1]
    return NAME if data.card.get("image_size", side) == side else f"{NAME}-{side}-pixels"


def examples_of(run: Run, data: Dataset) -> Examples:
    """What the judge learns from. data: all splits."""
    train, background = data.part("train"), background_pictures(data, seed=run.seed)
    return Examples(train, background, background.folds(train, seed=run.seed), DEFAULT_BACKBONE, SIDES)


def fitted_judge(run: Run, data: Dataset, examples: Examples, name: str, *, retrain: bool) -> store.Checkpoint:
    """Fit a judge, or load it: from the run's file `name`, or the package's. data: all splits.

    Its counter-examples are other things alone, unless that would let it find two classes in too many photographs.
    """
    # of makeshift pictures alone a judge would learn what a drawing is
    config = examples.config | {"one_vs_rest": bool(examples.background.note)}

    def fit() -> tuple[dict, dict]:
        labels, fold, note = examples.labels, examples.fold, examples.background.note
        learn = partial(fit_judge, examples.maps, labels, fold, classes=len(data.classes))
        judge = learn(one_vs_rest=bool(note))
        if not note:
            evidence = np.sort(judge.evidence(examples.maps, fold)[labels >= 0], axis=1)
            # animals and vehicles are alike when there is nothing but furniture to tell them from
            if (both := (evidence[:, -2] >= LENIENT).mean()) > MOST_BOTH:
                judge = learn(one_vs_rest=True)
                note = (
                    f"against the other things alone two classes would be found in {both:.0%} of the photographs: they "
                    f"are too unlike the classes to keep these apart. So {COMPARES}"
                )
        state = {part: torch.from_numpy(getattr(judge, part)) for part in ("weight", "bias", "background")}
        about = {"classes": list(data.classes), "pair": list(run.recipe.pair), "note": note}
        return state, about | {"image_size": int(examples.train.images.shape[1])}

    kept_with = config | {"pair": list(run.recipe.pair)}
    return store.fit_or_load(
        *(name, kept_with, data.fingerprint, fit),
        **{"run_dir": run.dir, "retrain": retrain, "accept_shipped_if": config},
    )


def judge_run(run: Run, data: Dataset, *, retrain: bool = False) -> JudgeResult:
    """Fit the judge on a run's labelled images and pictures of neither, or load it. data: all splits."""
    examples, name = examples_of(run, data), judge_name(data)
    labels, seen = examples.labels, examples.config

    def kept(what: str, asked: dict, make: Callable[[], np.ndarray]) -> np.ndarray:
        file = f"judge/{name}-{what}.npz"
        return store.cached(run.dir, file, asked, lambda: {"rows": make()})["rows"]

    features = kept("features", seen, lambda: mean_features(examples.maps))
    fitted = fitted_judge(run, data, examples, name, retrain=retrain)
    judge, known = judge_from(fitted), labels >= 0
    probes = {"probes": store.digest(fitted.state)}
    scores = kept("scores", seen | probes, lambda: judge.scores(examples.maps, examples.fold))
    auroc = []
    for label in range(len(data.classes)):
        asked = (labels == label) | ~known
        auroc.append(roc_auc_score(labels[asked] == label, scores[asked, label]))
    background = replace(examples.background, note=fitted.metrics["note"])
    parts = vars(replace(examples, background=background))
    found = JudgeResult(
        *(parts[part.name] for part in fields(examples)),
        judge,
        features[known],
        scores[known],
        percentile(scores[known], judge.background),
        features[~known],
        scores[~known],
        np.array(auroc),
    )
    vars(found).update({"maps": vars(examples)["maps"]} if "maps" in vars(examples) else {})  # nobody waits twice
    return found


def judge_from(fitted: store.Checkpoint) -> Judge:
    """The judge in a stored file."""
    return Judge(**{name: fitted.state[name].double().numpy() for name in ("weight", "bias", "background")})
