"""Figures about learning and errors (notebook 02). Each returns a matplotlib Figure; plots.save_figure saves it."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from clockodile.data.dataset import Dataset
from clockodile.plots import INK, class_colour, new_figure, short_id, show_tiles, tile_figure

BLUE, QUIET = "#0072B2", "#5A6266"
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
        curves = factor * np.array([history[name] for history in histories])
        done = np.arange(1, curves.shape[1] + 1)
        ax.plot(done, curves.T, color=BLUE, linewidth=0.6, alpha=0.35)
        ax.plot(done, curves.mean(0), color=BLUE, linewidth=2)
        if epochs:
            ax.set_xlim(0, epochs)
        ax.set_title(title)
        ax.set_xlabel("epoch")
    return figure


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


def errors_with_neighbours(
    data: Dataset,
    rows: np.ndarray,
    neighbours: np.ndarray,
    probability: np.ndarray,
    *,
    columns: int = 12,
    most: int = 36,
) -> Figure:
    """Wrongly judged images, each above the training images most like it; the bar has the true class's colour.

    rows: int (M,) in `data`, those to show first; neighbours: int (M, K); probability: (N, C) of all images.
    """
    rows, neighbours = rows[:most], neighbours[:most]
    if not len(rows):
        return tile_figure(np.full_like(data.images[:1], 255), columns=columns, title="No errors at all")
    blocks, below = -(-len(rows) // columns), neighbours.shape[1]
    figure, axes = new_figure(blocks, height=blocks * (below + 1) * 0.78, squeeze=False)
    for block, ax in enumerate(axes[:, 0]):
        part = slice(block * columns, (block + 1) * columns)
        gap = columns - len(rows[part])
        blank = np.full((gap, *data.images.shape[1:]), 255, np.uint8)
        # the errors, then the nearest of each, then the second nearest ...
        lines = [rows[part], *neighbours[part].T]
        words = [f"{short_id(data.ids[row])}: {probability[row].max():.2f}" for row in rows[part]]
        show_tiles(
            ax,
            np.concatenate([part for line in lines for part in (data.images[line], blank)]),
            columns=columns,
            captions=words + [""] * (gap + columns * below),
            colours=[
                colour
                for line in lines
                for colour in [class_colour(label) for label in data.labels[line]] + ["white"] * gap
            ],
            size=6,
        )
    return figure
