"""What notebook 02 shows, stores and checks, so that its cells hold only what a reader is to learn.

Functions that draw, here and in `figures`, write the figure into the run folder and return it for display.
"""

from collections.abc import Callable, Mapping
from importlib import import_module

import ipywidgets
import numpy as np
import pandas as pd
import torch
from IPython.display import Image, display
from scipy.stats import spearmanr
from torch import nn

from clockodile.classify import candidates, figures, own_net
from clockodile.classify.baselines import BASELINES
from clockodile.classify.calibration import cross_fitted_temperature, fit_temperature, log_mean_probability
from clockodile.classify.cross_validation import nearest_known
from clockodile.classify.figures import (  # noqa: F401 (for the notebook's cells)
    show_attacks,
    show_descent,
    show_figure,
    show_filter,
    show_fooled,
    show_grain,
    show_maps,
    show_noise,
    show_reliability,
    show_results,
)
from clockodile.classify.half_quarter_quarter import quarter_accuracies
from clockodile.classify.metrics import expected_calibration_error as calibration_error
from clockodile.core import results, store
from clockodile.core.recipes import DEFAULT_RECIPE
from clockodile.core.stats import paired_comparison, summary
from clockodile.core.workspace import Run, someone_is_watching
from clockodile.data.dataset import Dataset, load_dataset
from clockodile.learn.training import predict
from clockodile.show import exercise
from clockodile.show.widgets import as_img

HARD = ("majority", "nearest_neighbour")  # candidates that give only a class: their log-loss says nothing


# --- from pixels to a net -------------------------------------------------------------------------------------


def row_of(data: Dataset, name: str) -> int:
    """The row of the picture called `name`, or 0 when there is none."""
    return int(np.argmax(data.ids == name))


class LiveCurves:
    """Accuracies after each epoch: curves that grow while a person watches, else they are only kept, in `rows`."""

    def __init__(self, title: str, epochs: int):
        self.title, self.epochs, self.rows = title, epochs, []
        self.screen = ipywidgets.HTML() if someone_is_watching() else None
        if self.screen is not None:
            display(self.screen)

    def __call__(self, learned: float, unseen: float) -> None:
        """Add an epoch. learned, unseen: accuracies, 0..1."""
        self.rows.append((learned, unseen))
        if self.screen is not None:
            self.screen.value = as_img(figures.accuracy_by_epoch({self.title: self.rows}, epochs=self.epochs))


def show_learning(run: Run, *curves: LiveCurves) -> Image:
    """The finished curves side by side."""
    figure = figures.accuracy_by_epoch({one.title: one.rows for one in curves}, epochs=curves[0].epochs)
    alt = "Accuracy by epoch on pictures learned from and on unseen ones: of forty, of all, of all changed at random."
    return show_figure(figure, "learning", run, "Learned by heart, or understood?", alt)


# --- who tells them apart best? -------------------------------------------------------------------------------


def compare_classifiers(run: Run, data: Dataset, chosen: Mapping, *, seed: int, seeds: int, epochs: int, retrain: bool):
    """Fit every row of `chosen` on every fold. Returns what each scored, sorted, and the stored classifier_runs.csv.

    The first table has columns model, title, scores, mean, std, low, high, count.
    """
    repeats = list(range(seed, seed + run.profile.oof_seeds))
    runs = candidates.table_of_runs(run, data, chosen, seeds=repeats, epochs=epochs, retrain=retrain)
    if run.recipe.name != DEFAULT_RECIPE:  # what a report's author measured was measured on other pictures
        runs["source"] = runs["source"].str.replace(r" \(there .*\)", "", regex=True)
    config = {"data": data.fingerprint, "seed": seed, "seeds": seeds, "epochs": epochs}
    store.save(run.dir, "classifier_runs.csv", runs, config | {"models": list(chosen)})
    scores = {name: candidates.scores(runs, name) for name in chosen}
    rows = [
        {"model": name, "title": row.title, "scores": scores[name], **summary(scores[name], images=len(data))}
        for name, row in chosen.items()
    ]
    return pd.DataFrame(rows).sort_values("mean", ignore_index=True, kind="stable"), runs


def results_table(table: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """The comparison in words, best row last."""
    mean = runs.groupby("model").mean(numeric_only=True).loc[table["model"]]
    low, high = (100 * table[end].clip(upper=1) for end in ("low", "high"))
    return pd.DataFrame(
        {
            "accuracy, %": (100 * table["mean"]).map("{:.1f}".format).to_numpy(),
            "95 % interval": [f"{a:.1f} to {b:.1f}" for a, b in zip(low, high, strict=True)],
            "on what it learned from, %": (100 * mean["train_accuracy"]).map("{:.1f}".format).to_numpy(),
            "loss": ["–" if name in HARD else f"{value:.2f}" for name, value in mean["log_loss"].items()],
            "from": runs.groupby("model")["source"].first().loc[table["model"]].to_numpy(),
        },
        index=table["title"].rename(""),
    )


def print_lead(table: pd.DataFrame, over: str) -> None:
    """One line: by how much our net is ahead of another row, fold by fold."""
    scores = table.set_index("model")["scores"]
    if over not in scores or over == "compact":
        return
    gap = paired_comparison(scores["compact"], scores[over])
    gap = {name: round(100 * value, 1) + 0.0 for name, value in gap.items()}  # no -0.0
    words = "{difference:+.1f} points, 95 % interval {low:+.1f} to {high:+.1f}".format(**gap)
    print(f"ours minus {table.set_index('model')['title'][over]}: {words}")


def show_study(run: Run) -> None:
    """Show what the recipe asks of its data besides this page; nothing for most recipes."""
    if run.recipe.study:
        import_module(f"clockodile.classify.studies.{run.recipe.study}").show(run)


# --- may we trust it? -----------------------------------------------------------------------------------------


def show_errors(run: Run, data: Dataset, nets: list, probability: np.ndarray) -> Image:
    """The wrongly judged pictures, most confident first. probability: (N, C), of nets that have not seen them."""
    wrong = np.flatnonzero(probability.argmax(1) != data.labels)
    wrong = wrong[np.argsort(-probability[wrong].max(1), kind="stable")]
    near = nearest_known(nets, data, wrong, count=2)
    figure = figures.errors_with_neighbours(data, wrong, near, probability)
    alt = "Wrongly judged images, most confident first, each above the two training images nearest to it in the net's "
    alt += "features."
    title = "Which pictures does it get wrong, and what do they look like to it?"
    return show_figure(figure, "errors", run, title, alt)


def rank_correlation(first: torch.Tensor, second: torch.Tensor) -> float:
    """Mean over pictures of the rank correlation of two maps, -1..1. Both (N, S, S)."""
    pairs = zip(first.flatten(1), second.flatten(1), strict=True)
    return float(np.mean([spearmanr(one, other).statistic for one, other in pairs]))


# --- stored and checked ---------------------------------------------------------------------------------------


def first_report(run: Run, data: Dataset, *, seed: int, seeds: int, retrain: bool) -> np.ndarray:
    """Accuracy of report 000's net on its two unseen quarters, (seeds, 2), each with another split.

    (0, 2) on other data, of which that report says nothing.
    """
    if run.recipe.name != DEFAULT_RECIPE:
        return np.zeros((0, 2))
    measured = (quarter_accuracies(run, data, seed=number, retrain=retrain) for number in range(seed, seed + seeds))
    return np.array([[found["validation"], found["test"]] for found in measured])


def record(
    run: Run, data: Dataset, table: pd.DataFrame, nets: list, oof: Mapping, quarters: np.ndarray, small: float
) -> None:
    """Write this notebook's rows of metrics.json."""
    scaled = cross_fitted_temperature(log_mean_probability(oof["logits"]), data.labels, data.fold)
    right = scaled.argmax(1) == data.labels
    per_fold = [right[data.fold == fold].mean() for fold in range(len(nets))]
    rows = [
        results.metric(row.title, np.ravel(row.scores), unit="%")
        for row in table.iloc[::-1].itertuples()
        if row.title not in BASELINES  # notebook 01 has recorded those
    ]
    if len(oof["logits"]) > 1:
        rows.append(results.metric("ours, several nets a fold averaged", per_fold, unit="%"))
    others = {
        "ours, calibration error after scaling": calibration_error(data.labels, scaled),
        "the small net trained on the page, one fold": small,
    }
    others |= {"report 000's net, split as its author did": quarters.mean(1)} if len(quarters) else {}
    rows += [results.metric(name, values, unit="%") for name, values in others.items()]
    rows += own_net.official_test_row(nets, load_dataset(run))  # asked once, at the very end
    results.record_metrics(run.dir, "02", rows)


def refusing(labels: np.ndarray, probability: np.ndarray, share: float) -> float:
    """Accuracy in % on the pictures left when that share of the least sure is refused."""
    kept = probability.max(1) >= np.quantile(probability.max(1), share)
    return 100 * float((probability.argmax(1) == labels)[kept].mean())


def agreement(net: nn.Module, images: torch.Tensor, others: torch.Tensor) -> float:
    """Share of pictures to which a net gives the same class in two versions."""
    return float((predict(net, images).argmax(1) == predict(net, others).argmax(1)).double().mean())


TRUTHS: dict[int, tuple[Callable, float]] = {  # exercise -> what is right, and how far off an answer may be
    1: (lambda net: sum(p.numel() for p in next(net.children()).parameters()), 0),
    2: (lambda: np.exp(-1), 0.01),
    3: (lambda grey, kernel, y, x: float((grey[y - 1 : y + 2, x - 1 : x + 2] * kernel.T).sum()), 0.01),
    4: (refusing, 0.2),
    5: (fit_temperature, 0.05),
    6: (agreement, 0.001),
}


def check_exercise(number: int, answer, *given) -> None:
    """Say whether an answer is right. given: what the truth is computed from (see TRUTHS)."""
    truth, tolerance = TRUTHS[number]
    exercise.check(answer, lambda: truth(*given), tolerance=tolerance)
