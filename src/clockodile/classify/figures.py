"""The figures of notebook 02. Each returns a matplotlib Figure; saving is plots.save_figure's job."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from clockodile.data.dataset import Dataset
from clockodile.plots import PALE, class_colour, new_figure, short_id, tile_figure

PARTS = {"": ("training half", "#0072B2"), "validation_": ("validation quarter", "#D55E00")}


def learning_curves(histories: list[dict], *, baseline: float) -> Figure:
    """Loss and accuracy by epoch: each repetition thin, their mean thick.

    histories: one dict of lists a repetition, as from training.train_full_batch; baseline: accuracy to beat, 0..1.
    """
    figure, axes = new_figure(1, 2, height=3.0)
    for ax, name, scale in zip(axes, ("loss", "accuracy"), (1, 100), strict=True):
        for prefix, (label, colour) in PARTS.items():
            curves = np.array([history[prefix + name] for history in histories]) * scale
            ax.plot(curves.T, color=colour, linewidth=0.6, alpha=0.35)
            ax.plot(curves.mean(0), color=colour, linewidth=2, label=label)
        ax.set_xlabel("epoch (one step each)")
    axes[0].set_title("Loss (cross-entropy, nats)")
    axes[1].set_title("Accuracy, %")
    axes[1].axhline(100 * baseline, color="#8A9296", linestyle="--", linewidth=1)
    last = len(histories[0]["accuracy"]) - 1
    axes[1].text(
        last, 100 * baseline - 1, "best baseline of notebook 01", ha="right", va="top", fontsize=8, color="#5A6266"
    )
    axes[0].legend(loc="upper right")
    return figure


def error_sheet(data: Dataset, probability: np.ndarray, *, most: int = 24, columns: int = 12) -> Figure:
    """Wrongly predicted images, the most confident errors first, with the probability of the predicted class.

    data and probability (N, C) row by row; the bar below a picture has its true class's colour.
    """
    predicted = probability.argmax(1)
    wrong = np.flatnonzero(predicted != data.labels)
    order = wrong[np.argsort(-probability[wrong, predicted[wrong]], kind="stable")][:most]
    if not len(order):
        return tile_figure(np.full_like(data.images[:1], 255), columns=columns, title="No errors at all")
    return tile_figure(
        data.images[order],
        columns=columns,
        captions=[f"{short_id(data.ids[row])}: {probability[row, predicted[row]]:.2f}" for row in order],
        colours=[class_colour(label) for label in data.labels[order]],
        title=f"{len(wrong)} of {len(data)} wrong; the most confident first",
        size=5.5,
    )


def change_figure(accuracies: dict[str, np.ndarray]) -> Figure:
    """Accuracy under changes of the test pictures: one dot a repetition. accuracies: name -> (seeds,) in [0, 1]."""
    figure, ax = new_figure(height=0.5 * len(accuracies) + 0.7)
    for row, (_, values) in enumerate(accuracies.items()):
        ax.plot(values * 100, np.full(len(values), row), "o", color="#0072B2", markersize=4, alpha=0.5)
        ax.plot([values.mean() * 100] * 2, [row - 0.3, row + 0.3], color="#0072B2", linewidth=2.5)
    ax.axvline(50, color=PALE)
    ax.set_yticks(range(len(accuracies)), list(accuracies))
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("test accuracy, % (a dot for each seed, the bar their mean)")
    return figure
