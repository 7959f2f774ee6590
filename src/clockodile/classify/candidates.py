"""Everything notebook 02 compares, one row each: what it sees of an image, how it is fitted, where it comes from.

All are judged alike: fitted on four folds, asked about the fifth, every fold in turn, once for each seed.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
import torchvision
from scipy.special import softmax
from sklearn.metrics import log_loss
from torch import nn
from torchvision.models import list_models

from clockodile.classify import own_net, report_nets
from clockodile.classify.baselines import BASELINES, hog_features, make_hog_svm
from clockodile.classify.calibration import fit_temperature
from clockodile.classify.predictor import Predictor
from clockodile.core import recipes, store
from clockodile.core.timing import timed
from clockodile.core.workspace import Run
from clockodile.data.dataset import Dataset, as_tensor
from clockodile.learn.backbones import DEFAULT_BACKBONE, extract_features, load_backbone
from clockodile.learn.linear_probe import Probe, ProbedBackbone, fine_tune, fit_probe
from clockodile.learn.models import count_parameters
from clockodile.learn.training import TrainConfig, predict, train, train_full_batch

# what `prepare` returned for M images -> log-probabilities or logits (M, C)
Predict = Callable[[Any], np.ndarray]


@dataclass(frozen=True)
class Candidate:
    """One way to tell the classes apart."""

    title: str  # how tables call it
    source: str  # the report it is rebuilt from, or what it is
    prepare: Callable[[np.ndarray], Any]  # uint8 (N, S, S, 3) -> N rows; never sees a label
    fit: Callable[..., tuple[Predict, int]]  # (rows, labels, classes, image_size, seed) -> judge, parameters
    quick: bool = False  # compared by every profile, not only by those with slow_candidates
    repeats: bool = True  # with every seed; not when luck plays no part or when one fold takes a minute
    recipe: dict | None = None  # what its training depends on (JSON types)
    slow: bool = False  # whether `prepare` takes so long that its result is kept


# --- without a net ---------------------------------------------------------------------------------------------


def fit_estimator(make, rows, labels, *, classes: int, image_size: int, seed: int) -> tuple[Predict, int]:
    """A scikit-learn classifier; make(seed) builds it."""
    model = make(seed).fit(rows, labels)
    smallest = np.finfo(np.float32).eps  # a nearest neighbour is never in doubt: logarithms must stay finite
    return lambda seen: np.log(np.clip(model.predict_proba(seen), smallest, 1)), 0


def baseline(name: str) -> Candidate:
    """A row of baselines.BASELINES."""
    look, make = BASELINES[name]
    return Candidate(name, "baseline", look, partial(fit_estimator, lambda seed: make()), quick=True, repeats=False)


# --- nets trained from nothing ---------------------------------------------------------------------------------


def predict_with(model: nn.Module, *, mirrored: bool = False) -> tuple[Predict, int]:
    """A trained net as a judge, and its number of parameters."""
    return lambda seen: predict(model, seen, mirrored=mirrored).numpy(), count_parameters(model)


def fit_first_report(rows, labels, *, classes: int, image_size: int, seed: int) -> tuple[Predict, int]:
    """Report 000: Adam on all images at once, 100 steps."""
    make = partial(report_nets.ThreeBlockNet, classes=classes, image_size=image_size)
    model, _ = train_full_batch(make, rows, torch.from_numpy(labels), seed=seed, epochs=100)
    return predict_with(model)


def fit_net(net, plan: TrainConfig, rows, labels, *, classes: int, image_size: int, seed: int) -> tuple[Predict, int]:
    """A net trained batch by batch."""
    make = partial(net, classes=classes, image_size=image_size)
    model, _ = train(make, rows, torch.from_numpy(labels), plan, seed=seed)
    return predict_with(model)


# as in earlier reports: none of our refinements
PLAIN = {"learning_rate": 1e-3, "warm_up": None, "label_smoothing": 0.0, "ema_decay": 0.0, "weight_decay": 0.0}


def of_report(net, number: str, title: str, published: str, *, quick: bool = False, **settings) -> Candidate:
    """A net of an earlier report, trained as far as possible as its author did."""
    plan = TrainConfig(**PLAIN | {"augmentations": ("flip", "crop")} | settings)
    source, fit = f"report {number} (there {published})", partial(fit_net, net, plan)
    return Candidate(title, source, as_tensor, fit, quick=quick, repeats=quick, recipe=asdict(plan))


# --- pretrained on ImageNet ------------------------------------------------------------------------------------

PROBE_SIDE = 96  # pixels the photographs are enlarged to: at 224 six times slower, one error in 200 fewer


def backbone_features(images: np.ndarray, *, name: str = DEFAULT_BACKBONE, side: int = PROBE_SIDE) -> np.ndarray:
    """Features (N, D) of a frozen backbone, the mean of an image's and its mirror image's."""
    network = load_backbone(name, side=side, mirror=True).freeze()
    return extract_features(network, as_tensor(images)).numpy()


def fit_on_features(rows, labels, *, classes: int, image_size: int, seed: int) -> tuple[Predict, int]:
    """Logistic regression on features; counted are the weights that were trained."""
    probe: Probe = fit_probe(torch.from_numpy(rows), torch.from_numpy(labels), classes=classes)
    return lambda seen: probe(torch.from_numpy(seen)).numpy(), probe.weight.numel() + probe.bias.numel()


def fit_fine_tuned(rows, labels, *, classes: int, image_size: int, seed: int) -> tuple[Predict, int]:
    """All weights of EfficientNet-Lite0 trained on, at 96 pixels."""
    model = fine_tune(load_backbone, rows, torch.from_numpy(labels), classes=classes, seed=seed)
    return predict_with(model, mirrored=True)


def frozen(name: str, *, side: int = PROBE_SIDE, quick: bool = False) -> Candidate:
    """A pretrained network as it is, with logistic regression on its features."""
    return Candidate(
        f"{name}, frozen + logistic regression",
        "transfer",
        partial(backbone_features, name=name, side=side),
        fit_on_features,
        quick=quick,
        repeats=False,
        recipe={"side": side},
        slow=True,
    )


CANDIDATES: dict[str, Candidate] = {
    "majority": baseline("majority class"),
    "mean_colour": baseline("mean colour + logistic regression"),
    "nearest_neighbour": baseline("nearest neighbour in pixels"),
    "hog_svm": Candidate("HOG + SVM", "classic", hog_features, partial(fit_estimator, make_hog_svm), quick=True),
    "shallow_net": of_report(report_nets.ShallowNet, "001", "four dense layers", "65-75 %", epochs=40, quick=True),
    "three_block_net": Candidate(
        "three conv blocks", "report 000 (there 84-87 %)", as_tensor, fit_first_report, repeats=False
    ),
    "five_conv_net": of_report(report_nets.FiveConvNet, "001", "five conv layers", "up to 92 %", epochs=30),
    "seven_block_net": of_report(
        *(report_nets.SevenBlockNet, "002", "seven blocks", "81 %, faces"),
        epochs=12,
        augmentations=("noise", "blur", "colour"),
    ),
    "two_conv_block_net": of_report(
        *(report_nets.TwoConvBlockNet, "004", "two-conv blocks", "95 %, animals and vehicles"),
        epochs=20,
        weight_decay=report_nets.TwoConvBlockNet.weight_decay,
    ),
    "compact": Candidate("compact residual net (ours)", "this notebook", as_tensor, fit_net, quick=True),
    "frozen": frozen(DEFAULT_BACKBONE, quick=True),
    "fine_tuned": Candidate("efficientnet_lite0, fine-tuned", "transfer", as_tensor, fit_fine_tuned, repeats=False),
}


def pick_candidates(names: str, *, slow: bool) -> dict[str, Candidate]:
    """The rows of a table. names: separated by commas, "" for all, or for all but the slow ones; torchvision's
    backbones go by name too.

    Our own net is always among them: the rest of notebook 02 studies it. Raises UserError for a name that is neither,
    naming the nearest known one.
    """
    chosen = [name.strip() for name in names.split(",") if name.strip()]
    if not chosen:
        return {name: row for name, row in CANDIDATES.items() if row.quick or slow}
    zoo = {name: frozen(name, side=None) for name in list_models(module=torchvision.models)}
    zoo[DEFAULT_BACKBONE] = CANDIDATES["frozen"]
    return {name: recipes.pick("model", name, zoo | CANDIDATES) for name in dict.fromkeys([*chosen, "compact"])}


# --- folds and seeds -------------------------------------------------------------------------------------------


def timed_rows(prepare: Callable[[np.ndarray], Any], images: np.ndarray) -> dict[str, Any]:
    """What `prepare` makes of images, and the seconds it took (1,), as schemas.SCHEMAS["features/"] has them."""
    rows, seconds = timed(prepare, images)
    return {"rows": rows, "seconds": np.array([seconds])}


def prepared(run: Run, data: Dataset, name: str, candidate: Candidate) -> tuple[Any, float]:
    """What a candidate sees of all images, and the seconds it took; kept in the run folder when that is long."""

    make = partial(timed_rows, candidate.prepare, data.images)
    config = {"candidate": name, "recipe": candidate.recipe, "folds": data.folds_key}
    kept = store.cached(run.dir, f"features/{name}.npz", config, make) if candidate.slow else make()
    return kept["rows"], float(kept["seconds"][0])


def cross_validate(
    run: Run, data: Dataset, name: str, candidate: Candidate, *, seed: int, retrain: bool = False
) -> dict[str, np.ndarray]:
    """Fit on all folds but one and judge that one, for each fold; kept in the run folder and used again.

    data: training images with folds >= 0. Returns logits (N, C), and train_accuracy, seconds (K,), parameters (1,).
    """
    config = {"candidate": name, "recipe": candidate.recipe, "seed": seed, "folds": data.folds_key}
    config["code"] = store.source_key(candidate.fit)  # a study has candidates of its own

    def make() -> dict[str, np.ndarray]:
        rows, preparing = prepared(run, data, name, candidate)
        folds = range(data.fold.max() + 1)
        logits = np.empty((len(data), len(data.classes)), np.float32)
        accuracy, seconds = [], []
        for fold in folds:
            known, unseen = data.fold != fold, data.fold == fold
            start = time.perf_counter()
            predict_logits, parameters = candidate.fit(
                rows[known],
                data.labels[known],
                classes=len(data.classes),
                image_size=data.images.shape[1],
                seed=seed * len(folds) + fold,
            )
            seconds.append(time.perf_counter() - start + preparing)
            logits[unseen] = predict_logits(rows[unseen])
            accuracy.append((predict_logits(rows[known]).argmax(1) == data.labels[known]).mean())
        return {
            "logits": logits,
            "train_accuracy": np.array(accuracy),
            "seconds": np.array(seconds),
            "parameters": np.array([parameters]),
        }

    return store.cached(run.dir, f"predictions/{name}-seed{seed}.npz", config, make, anew=retrain)


def table_of_runs(
    run: Run, data: Dataset, chosen: dict[str, Candidate], *, seeds: list[int], epochs: int = 0, retrain: bool = False
) -> pd.DataFrame:
    """classifier_runs.csv: a row for each candidate, seed and fold, in [0, 1] where not said otherwise.

    One that is not repeated gets the first seed only. epochs: of our own net, see own_net.fit_fold.
    """
    rows = []
    for name, candidate in chosen.items():
        for seed in seeds if candidate.repeats else seeds[:1]:
            if name == "compact":  # from its kept weights
                found = own_net.predictions(run, data, seed, epochs=epochs, retrain=retrain)
            else:
                found = cross_validate(run, data, name, candidate, seed=seed, retrain=retrain)
            about = {"model": name, "title": candidate.title, "source": candidate.source, "seed": seed}
            rows += [about | row for row in measure_folds(data, found)]
    return pd.DataFrame(rows)


def measure_folds(data: Dataset, found: dict[str, np.ndarray]) -> Iterable[dict]:
    """Measures of each fold's held-out images, one dict a fold. found: as from cross_validate."""
    probability = softmax(found["logits"].astype(np.float64), axis=1)
    names = range(probability.shape[1])
    for fold, (accuracy, seconds) in enumerate(zip(found["train_accuracy"], found["seconds"], strict=True)):
        unseen = data.fold == fold
        labels, judged = data.labels[unseen], probability[unseen]
        yield {
            "fold": fold,
            "parameters": int(found["parameters"][0]),
            "seconds": float(seconds),
            "train_accuracy": float(accuracy),
            "accuracy": float((judged.argmax(1) == labels).mean()),
            "log_loss": float(log_loss(labels, judged, labels=names)),
        }


def scores(runs: pd.DataFrame, model: str) -> np.ndarray:
    """Accuracies of one candidate, (seeds, folds). runs: as from table_of_runs."""
    return runs[runs["model"] == model].pivot(index="seed", columns="fold", values="accuracy").to_numpy()


def probe_predictor(run: Run, data: Dataset, seed: int) -> Predictor:
    """The probe on the frozen backbone as `clockodile predict` uses it: fitted on all training images.

    Its recorded accuracy and its temperature come from the five folds' probes on images they did not see.
    """
    found = cross_validate(run, data, "frozen", CANDIDATES["frozen"], seed=seed)
    features = torch.from_numpy(prepared(run, data, "frozen", CANDIDATES["frozen"])[0])
    probe = fit_probe(features, torch.from_numpy(data.labels), classes=len(data.classes))
    return Predictor(
        name=f"EfficientNet-Lite0 at {PROBE_SIDE} pixels, frozen, with a linear probe",
        classes=data.classes,
        image_size=data.images.shape[1],
        models=[ProbedBackbone(load_backbone(DEFAULT_BACKBONE, side=PROBE_SIDE), probe).eval()],
        temperature=fit_temperature(found["logits"], data.labels),
        note="; ".join(data.remarks),
        kind="probe",
        arguments={"backbone": DEFAULT_BACKBONE, "side": PROBE_SIDE, "width": features.shape[1]},
        accuracy=float((found["logits"].argmax(1) == data.labels).mean()),
        trained_on=f"{len(data)} images of {' and '.join(data.classes)}",
    )
