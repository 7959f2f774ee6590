"""Figures about learning (notebook 02). Each returns a matplotlib Figure; plots.save_figure saves it."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clockodile.show.plots import INK, new_figure

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
