"""Figures of how far to trust a classifier: its accuracy when pictures change. Each returns a matplotlib Figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from clockodile.classify.corruptions import ORIGINAL
from clockodile.classify.explanation import SALIENCY_METHODS
from clockodile.show.plots import (
    INK,
    PALE,
    new_figure,
)

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
        ax.text(1.01, row, in_words(values), transform=right, va="center", fontsize=8.5)
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


def in_words(values) -> str:
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
