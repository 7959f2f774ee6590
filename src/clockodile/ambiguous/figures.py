"""The figures of notebook 03. Each returns a matplotlib Figure; saving is plots.save_figure's job."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from clockodile.data.dataset import Dataset
from clockodile.plots import class_colour, new_figure, short_id, tile_figure


def ranked_sheet(
    data: Dataset,
    score: np.ndarray,
    *,
    title: str,
    by: np.ndarray | None = None,
    most: int = 24,
    columns: int = 12,
) -> Figure:
    """Images with id and score, the highest first. score: (N,) as `data`; by: (N,) sort by this instead."""
    order = np.argsort(-(score if by is None else by), kind="stable")[:most]
    return tile_figure(
        data.images[order],
        columns=columns,
        captions=[f"{short_id(data.ids[row])}: {score[row]:.2f}" for row in order],
        colours=[class_colour(label) for label in data.labels[order]],
        title=title,
        size=5.5,
    )


def distance_plane(data: Dataset, distance: np.ndarray, pair: tuple[int, int], *, tolerance: float) -> Figure:
    """Each image as a point: distance to one class centre against distance to the other, with the band of tolerance.

    distance: (N, C) latent distances, >= 0.
    """
    figure, ax = new_figure(width=5.6, height=4.6)
    for label in range(len(data.classes)):
        points = distance[data.labels == label][:, list(pair)]
        ax.plot(*points.T, "o", markersize=3, alpha=0.6, color=class_colour(label), label=data.classes[label])
    edge = distance[:, list(pair)].max() * 1.05
    slope = (1 + tolerance) / (1 - tolerance)  # |a - b| = tolerance * (a + b) solved for b
    ax.fill([0, edge, edge, 0], [0, edge / slope, edge * slope, 0], color="#8A9296", alpha=0.15, linewidth=0)
    ax.set_xlim(0, edge)
    ax.set_ylim(0, edge)
    ax.set_aspect("equal")
    ax.set_xlabel(f"distance to the centre of '{data.classes[pair[0]]}'")
    ax.set_ylabel(f"distance to the centre of '{data.classes[pair[1]]}'")
    ax.set_title(f"Grey: distances that differ by less than {tolerance:.0%}")
    ax.legend(loc="upper right", markerscale=2, frameon=True)
    return figure
