"""Figures of learning, of scores and of how far to trust them. Each returns a Figure; plots.save_figure saves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.ticker import PercentFormatter
from sklearn.metrics import precision_recall_curve

from clockodile.classify.explanation import SALIENCY_METHODS
from clockodile.classify.metrics import at_threshold
from clockodile.classify.robustness import ORIGINAL
from clockodile.core.errors import UserError
from clockodile.show.plots import INK, PALE, class_colour, new_figure

BLUE, RED = "#0072B2", "#D55E00"
PANELS = {  # column of a history -> title of its panel, factor
    "learning_rate": ("Learning rate, thousandths", 1000),
    "loss": ("Loss, nats", 1),
    "accuracy": ("Accuracy, %", 100),
}


def training_curves(histories: list[dict], *, epochs: int | None = None) -> Figure:
    """Learning rate, loss and accuracy by epoch: each net thin, their mean thick.

    histories: one dict of lists a net, as from training.train. epochs: where the axis ends, None for the last one.
    """
    figure, axes = new_figure(1, 3, height=2.8)
    for ax, (name, (title, factor)) in zip(axes, PANELS.items(), strict=True):
        draw_each_and_mean(ax, factor * np.array([history[name] for history in histories]), colour=BLUE)
        if epochs:
            ax.set_xlim(0, epochs)
        ax.set_title(title)
        ax.set_xlabel("epoch")
    return figure


def watched_curves(histories: list[dict]) -> Figure:
    """Loss and accuracy by epoch, on what nets learned from and on what was only watched: each thin, their mean thick.

    histories: one dict of lists a net, from a training that was given validation images.
    """
    figure, axes = new_figure(1, 2, height=2.8)
    parts = {"learned from": ("", BLUE), "only watched": ("validation_", RED)}
    for ax, name in zip(axes, ("loss", "accuracy"), strict=True):
        title, factor = PANELS[name]
        for part, (prefix, colour) in parts.items():
            curves = factor * np.array([history[prefix + name] for history in histories])
            draw_each_and_mean(ax, curves, colour=colour, label=part)
        ax.set_title(title)
        ax.set_xlabel("epoch")
    axes[0].legend()
    return figure


def draw_each_and_mean(ax: Axes, curves: np.ndarray, *, colour: str, label: str | None = None) -> None:
    """Curves of several nets, (nets, epochs), thin, and their mean."""
    done = np.arange(1, curves.shape[1] + 1)
    ax.plot(done, curves.T, color=colour, linewidth=0.6, alpha=0.35)
    ax.plot(done, curves.mean(0), color=colour, linewidth=2, label=label)


def ablation_figure(
    correct: dict[str, np.ndarray], fold: np.ndarray, *, reference: str = "everything"
) -> Figure:
    """Change of accuracy against `reference`, in points: a dot for each fold, the bar their mean.

    correct: variant -> bool (M,), right or wrong on the same M images; fold: int (M,).
    """
    names = sorted((name for name in correct if name != reference), key=lambda name: correct[name].mean())
    figure, ax = new_figure(height=0.36 * len(names) + 0.8)
    for row, name in enumerate(names):
        gap = 100 * (correct[name].astype(float) - correct[reference])
        by_fold = np.array([gap[fold == number].mean() for number in np.unique(fold)])
        spread = np.linspace(-0.18, 0.18, len(by_fold)) if len(by_fold) > 1 else np.zeros(1)
        ax.plot(by_fold, row + spread, "o", color=BLUE, markersize=4, alpha=0.35, markeredgewidth=0)
        ax.plot([by_fold.mean()] * 2, [row - 0.3, row + 0.3], color=BLUE, linewidth=3)
        ax.text(
            1.01,
            row,
            f"{by_fold.mean():+.1f}".replace("-", "−"),
            transform=ax.get_yaxis_transform(),
            va="center",
        )
    ax.axvline(0, color=INK, linewidth=1)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("change of accuracy on unseen pictures, points (a dot for each fold, the bar their mean)")
    return figure


# --- calibration ----------------------------------------------------------------------------------------------


def reliability_figure(
    bins_before: pd.DataFrame,
    bins_after: pd.DataFrame,
    *,
    labels: tuple[str, str] = ("before", "after temperature scaling"),
) -> Figure:
    """Accuracy against confidence, side by side; on the dashed line a net is as often right as it says.

    bins_before, bins_after: as from metrics.reliability_bins; a bar is the 95 % interval of its dot.
    """
    figure, axes = new_figure(1, 2, height=3.9, sharex=True, sharey=True)
    both = pd.concat([bins_before, bins_after])
    lowest = min(both["confidence"].min(), both["low"].min())
    start = np.floor(20 * (lowest - 0.01)) / 20
    panels = zip(axes, (bins_before, bins_after), labels, (RED, BLUE), strict=True)
    for ax, bins, label, colour in panels:
        draw_reliability(ax, bins, colour)
        ax.set_title(label[:1].upper() + label[1:])
        ax.set_xlabel("confidence (probability of the predicted class)", fontsize=9)
    axes[0].set(xlim=(start, 1.01), ylim=(start, 1.01), ylabel="accuracy")
    axes[0].text(
        start + 0.04,
        start + 0.05,
        "as sure as right",
        rotation=45,
        rotation_mode="anchor",
        color=QUIET,
        fontsize=8.5,
    )
    return figure


def draw_reliability(ax: Axes, bins: pd.DataFrame, colour: str) -> None:
    """One panel: the dashed line, a dot with its interval for each bin, and the two means in words."""
    ax.plot([0, 1], [0, 1], color="#8A9296", linestyle="--", linewidth=1)
    ax.vlines(bins["confidence"], bins["low"], bins["high"], color=colour, alpha=0.45, linewidth=2)
    ax.plot(bins["confidence"], bins["accuracy"], "-o", color=colour, linewidth=1, markersize=5)
    sure, right = (np.average(bins[name], weights=bins["count"]) for name in ("confidence", "accuracy"))
    words = f"mean confidence {100 * sure:.1f} %\naccuracy {100 * right:.1f} %"
    ax.text(0.04, 0.96, words, transform=ax.transAxes, va="top", color=colour)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    ax.set_aspect("equal")


# --- threshold ------------------------------------------------------------------------------------------------


def confusion_figure(
    labels: np.ndarray, p_second: np.ndarray, classes: Sequence[str], *, threshold: float = 0.5
) -> Figure:
    """Confusion matrix at a threshold, and what precision and recall would be at every other one.

    labels: 0 or 1 (N,); p_second: probability of class 1 (N,); classes: the two names. An image is called the second
    class when p_second >= threshold.
    """
    if len(classes) != 2:
        raise UserError(f"a threshold needs two classes, not {len(classes)}: compare one class with the rest")
    found = at_threshold(labels, p_second, threshold)
    figure, axes = new_figure(1, 2, height=3.5, width_ratios=(1, 1.5))
    draw_confusion(axes[0], found, classes)
    draw_trade_off(axes[1], labels, p_second, found, threshold)
    axes[1].set_title(f"Precision and recall of {classes[1]}")
    return figure


def draw_confusion(ax: Axes, found: dict[str, float], classes: Sequence[str]) -> None:
    """Counts and shares of each true class, as a 2 x 2 table; the larger the share, the stronger the class's colour."""
    counts = np.array(
        [[found["true_first"], found["false_second"]], [found["false_first"], found["true_second"]]]
    )
    shares = counts / counts.sum(1, keepdims=True).clip(min=1)
    colours = np.array([to_rgb(class_colour(label)) for label in (0, 1)])[:, None]
    ax.imshow(1 - (0.08 + 0.77 * shares[..., None]) * (1 - colours), aspect="auto")
    for row, column in np.ndindex(2, 2):
        dark = row == 1 and shares[row, column] > 0.5
        ink = "white" if dark else INK
        ax.text(column, row - 0.06, counts[row, column], ha="center", va="center", fontsize=17, color=ink)
        words = f"{100 * shares[row, column]:.1f} %"
        ax.text(column, row + 0.2, words, ha="center", va="center", fontsize=9, color=ink)
    names = [fill(name, 16) for name in classes]
    ax.set_xticks([0, 1], names)
    ax.set_yticks([0, 1], names, rotation=90, va="center")
    ax.set(xlabel="called", ylabel="is")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.grid(visible=False)
    ax.axhline(0.5, color="white", linewidth=3)
    ax.axvline(0.5, color="white", linewidth=3)
    ax.set_title(f"{100 * found['accuracy']:.1f} % are right")


def draw_trade_off(
    ax: Axes, labels: np.ndarray, p_second: np.ndarray, found: dict[str, float], threshold: float
) -> None:
    """Precision and recall against the threshold, with the chosen one marked."""
    precision, load_cached, thresholds = precision_recall_curve(labels, p_second)
    # above the highest probability nothing is called second: recall is 0 there and precision has no value
    curves = {"precision": (np.append(precision[:-1], np.nan), BLUE), "recall": (load_cached, RED)}
    ax.axvline(threshold, color=INK, linewidth=1)
    for name, (values, colour) in curves.items():
        known = np.isfinite(found[name])
        label = f"{name} {100 * found[name]:.1f} %" if known else f"{name}: none called so"
        places = np.concatenate([[0], thresholds, [1]])
        ax.step(
            places, np.insert(values, 0, values[0]), where="pre", color=colour, linewidth=1.8, label=label
        )
        ax.plot(
            threshold, found[name], "o", color=colour, markersize=7, markeredgecolor="white", clip_on=False
        )
    ax.set(xlim=(0, 1), ylim=(0, 1.02), xlabel=f"threshold for the probability (now {threshold:.2f})")
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    ax.legend(loc="lower left", frameon=True, facecolor="white", edgecolor="none", framealpha=0.9)


# --- comparison -----------------------------------------------------------------------------------------------


def results_figure(table: pd.DataFrame) -> Figure:
    """Accuracies of models, one a row in the table's order: mean, interval, and every single score as a faint dot.

    table: columns title, mean, low, high (as from comparison.summary) and scores (a sequence of numbers each), all in
    [0, 1]. Intervals are drawn up to 100 % at most.
    """
    figure, ax = new_figure(height=0.4 * len(table) + 1)
    for row, model in enumerate(table.itertuples()):
        scores = 100 * np.ravel(model.scores)
        spread = np.linspace(-0.22, 0.22, len(scores)) if len(scores) > 1 else [0]
        ax.plot(scores, row + np.asarray(spread), "o", color=BLUE, markersize=4, alpha=0.3, markeredgewidth=0)
        ends = np.clip([100 * model.low, 100 * model.high], 0, 100)
        ax.plot(ends, [row, row], color=BLUE, linewidth=2.5, solid_capstyle="butt")
        ax.plot(100 * model.mean, row, "o", color=BLUE, markersize=8, markeredgecolor="white")
        ax.annotate(
            f"{100 * model.mean:.1f}",
            (1.01, row),
            xycoords=("axes fraction", "data"),
            va="center",
            fontweight="bold",
        )
    ax.set_yticks(range(len(table)), table["title"])
    ax.set_ylim(len(table) - 0.5, -0.5)
    ax.grid(axis="y", visible=False)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    for row in range(1, len(table)):
        ax.axhline(row - 0.5, color=PALE, linewidth=0.5)
    ax.set_xlabel("accuracy on unseen images, %\n(faint: one fold and seed; bar: 95 % interval of the mean)")
    return figure


LINES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#8C6D1F", "#56B4E9")  # nets, never classes
STRONG, QUIET = LINES[0], "#5A6266"
ORDERS = {"most salient first": "#D55E00", "another picture's map": "#0072B2", "at random": "#8A9296"}


def draw_curve(ax: Axes, x: pd.Series, table: pd.DataFrame, *, colour: str, label: str) -> None:
    """One curve of accuracies with its interval as a band."""
    ax.fill_between(x, 100 * table["low"], 100 * table["high"], color=colour, alpha=0.15, linewidth=0)
    ax.plot(x, 100 * table["accuracy"], "o-", color=colour, markersize=4, linewidth=2, label=label)


def epsilon_curves(table: pd.DataFrame, *, chance: float | None = None) -> Figure:
    """Accuracy against the strength of the attack, one curve a model, from `accuracy_against_epsilon`.

    chance: accuracy (0..1) of guessing, drawn as a line: below it a net is not only helpless but misled.
    """
    figure, ax = new_figure(height=3.6)
    for (name, part), colour in zip(table.groupby("model", sort=False), LINES * 9, strict=False):
        draw_curve(ax, part["epsilon"], part, colour=colour, label=name)
    if chance is not None:
        ax.axhline(100 * chance, color=QUIET, linestyle="--", linewidth=1)
        x = ax.get_yaxis_transform()
        ax.text(0.01, 100 * chance + 1, "guessing", transform=x, va="bottom", fontsize=8, color=QUIET)
    ax.set_ylim(-2, 102)
    ax.set_ylabel("accuracy, %")
    ax.set_xlabel("largest change of any value, in 1/255")
    strengths = sorted(table["epsilon"].unique())
    ax.set_xticks(strengths, [f"{strength:g}" for strength in strengths])
    ax.legend(loc="lower left")
    return figure


def corruption_bars(
    table: pd.DataFrame, *, examples: Mapping[str, np.ndarray] | None = None, chance: float | None = None
) -> Figure:
    """Accuracy under each change with its 95 % interval, and how far it lies from that of the pictures as they are.

    table: from `out_of_fold_under_corruptions`; examples: change -> one changed picture, uint8
    (S, S, 3), shown beside its name; chance: accuracy (0..1) of guessing.
    """
    row_height = 0.4 if examples else 0.29
    figure, ax = new_figure(height=row_height * len(table) + 0.6)
    right = ax.get_yaxis_transform()
    reference = 100 * table.loc[table["change"] == ORIGINAL, "accuracy"].item()
    for row, values in enumerate(table.itertuples()):
        accuracy, original = 100 * values.accuracy, values.change == ORIGINAL
        colour = INK if original else STRONG
        ax.plot([reference, accuracy], [row, row], color=PALE, linewidth=7, solid_capstyle="butt", zorder=1)
        ax.plot([100 * values.low, 100 * values.high], [row, row], color=colour, linewidth=1.6)
        ax.plot(accuracy, row, "o", color=colour, markersize=6)
        ax.text(1.01, row, values_in_words(values), transform=right, va="center", fontsize=8.5)
    ax.axvline(reference, color=INK, linewidth=1, zorder=0)
    if chance is not None:
        ax.axvline(100 * chance, color=QUIET, linestyle="--", linewidth=1, zorder=0)
        ax.text(100 * chance, -0.7, "guessing", ha="center", va="bottom", fontsize=8, color=QUIET)
    ax.text(1.01, -0.7, "%    (paired difference)", transform=right, va="bottom", fontsize=8, color=QUIET)
    ax.set_yticks(range(len(table)), table["change"])
    ax.set_ylim(len(table) - 0.4, -0.6)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("accuracy, %")
    if examples:
        show_examples(ax, [examples.get(name) for name in table["change"]], size=row_height * 72 * 0.88)
    return figure


def values_in_words(values) -> str:
    """A row of the table of changes as text: accuracy, then the paired difference in points."""
    if values.change == ORIGINAL:
        return f"{100 * values.accuracy:.1f}"
    half = 50 * (values.difference_high - values.difference_low)
    return f"{100 * values.accuracy:.1f}   ({100 * values.difference:+.1f} ± {half:.1f})".replace("-", "−")


def show_examples(ax: Axes, pictures: Sequence[np.ndarray | None], *, size: float) -> None:
    """Put picture i between the label and the axis at height i; size: points a side."""
    ax.tick_params(axis="y", length=0, pad=size + 8)
    place = {"xycoords": ax.get_yaxis_transform(), "boxcoords": "offset points", "frameon": False, "pad": 0}
    for row, picture in enumerate(pictures):
        if picture is not None:
            tile = OffsetImage(picture, zoom=size / len(picture), interpolation="nearest")
            ax.add_artist(AnnotationBbox(tile, (0, row), xybox=(-size / 2 - 4, 0), **place))


def deletion_figure(curves: Mapping[str, pd.DataFrame]) -> Figure:
    """Share of pictures still given the same class while pixels are hidden; a panel for each method.

    curves: method -> the table of `deletion_curve`.
    """
    figure, axes = new_figure(1, len(curves), height=3.3, sharey=True, squeeze=False)
    for ax, (method, table) in zip(axes[0], curves.items(), strict=True):
        for order, part in table.groupby("order", sort=False):
            draw_curve(ax, 100 * part["hidden"], part, colour=ORDERS[order], label=order)
        ax.set_title(SALIENCY_METHODS.get(method, method))
        ax.set_xlabel("pixels hidden, %")
        ax.set_xticks(range(0, 101, 25))
    axes[0, 0].set_ylabel("still given the same class, %")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure
