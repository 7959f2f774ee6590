"""Figures of how good and how honest predictions are. Each returns a Figure; saving is plots.save_figure's job."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from sklearn.metrics import precision_recall_curve

from clockodile.classify.metrics import at_threshold
from clockodile.core.errors import UserError
from clockodile.show.plots import INK, PALE, class_colour, new_figure

BLUE, RED, GREY = "#0072B2", "#D55E00", "#5A6266"


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
        color=GREY,
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
