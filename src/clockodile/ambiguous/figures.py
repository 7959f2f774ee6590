"""The figures of notebook 03. Each returns a matplotlib Figure; saving is plots.save_figure's job."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from scipy.optimize import linear_sum_assignment

from clockodile.ambiguous.scores import top
from clockodile.data.dataset import Dataset
from clockodile.show.plots import (
    ALARM,
    BLUE,
    INK,
    class_colour,
    colour_key,
    new_figure,
    short_id,
    tile_figure,
)

EDGES = ((0.1, 0.3, 0.5, 0.7, 0.9), 1.13)  # where pictures stand outside the plane, in shares of its axes


def ranked_sheet(data: Dataset, score: np.ndarray, *, title: str, most: int = 24) -> Figure:
    """Images with id and score, the highest first. score: (N,) as `data`."""
    order = top(score, most)
    return tile_figure(
        data.images[order],
        columns=8,
        captions=[f"{short_id(data.ids[row])}: {score[row]:.2f}" for row in order],
        colours=[class_colour(label) for label in data.labels[order]],
        title=f"{title} ({colour_key(data.classes)})",
        size=8,
    )


def share_bars(shares: pd.Series, *, title: str, usual: float) -> Figure:
    """One bar for each kind of picture. shares: kind -> 0..1; usual: what real images have by construction."""
    figure, ax = new_figure(height=0.45 * len(shares) + 1.1)
    bars = ax.barh(shares.index, 100 * shares, color=BLUE, height=0.6)
    ax.bar_label(bars, fmt="%.0f %%", padding=4)
    ax.axvline(100 * usual, color=ALARM, linestyle="--", label="real images")
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    ax.set_xlim(0, 105)
    ax.set_xlabel("share that is more 'ambiguous' than nine in ten real images, %")
    ax.set_title(title)
    ax.legend(loc="lower right")
    return figure


def corner_names(ax: Axes, names: tuple[str, str]) -> None:
    """Write what lies in each of the four corners of the plane into it."""
    for words, across, up in (
        (f"only {names[0]}", 1, 0),
        (f"only {names[1]}", 0, 1),
        ("both", 1, 1),
        ("neither", 0, 0),
    ):
        ax.text(
            *(0.99 if across else 0.01, 0.985 if up else 0.015, words),
            transform=ax.transAxes,
            ha="right" if across else "left",
            va="top" if up else "bottom",
            fontsize=13,
            fontweight="bold",
        )


def drawn_plane(images: np.ndarray, names: tuple[str, str]) -> Figure:
    """The idea of the plane: four corners, and the diagonal that is all a comparing net can see.

    images: uint8 (3, S, S, 3), one of the first class, one of the second, one of neither.
    """
    figure, ax = new_figure(width=6.4, height=5.6)
    ax.plot([0, 1], [0, 1], color=ALARM, linewidth=2.5)
    along = {"rotation": 45, "transform_rotates_text": True, "rotation_mode": "anchor", "va": "top"}
    ax.text(0.68, 0.67, "the diagonal: undecided", color=ALARM, ha="center", **along)
    for (x, y), image in zip(((0.86, 0.15), (0.14, 0.84), (0.14, 0.15)), images, strict=True):
        zoom = 64 / image.shape[0]
        ax.add_artist(AnnotationBbox(OffsetImage(image, zoom=zoom, interpolation="nearest"), (x, y), pad=0.1))
    ax.text(0.86, 0.83, "?", fontsize=40, ha="center", va="center", backgroundcolor="white")
    for end, name, at, side in (
        ((0.72, 0.28), names[0], (0.58, 0.37), "right"),
        ((0.28, 0.72), names[1], (0.42, 0.63), "left"),
    ):
        ax.annotate("", end, (0.5, 0.5), arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 1.5})
        ax.text(*at, f"surely {name}", ha=side, va="center")
    corner_names(ax, names)
    ax.set(xlim=(0, 1), ylim=(0, 1), xticks=[], yticks=[])
    ax.set_xlabel(f"more and more {names[0]} in the picture")
    ax.set_ylabel(f"more and more {names[1]} in the picture")
    ax.set_title("A net that compares sees only the distance to the diagonal")
    return figure


def evidence_plane(
    scores: np.ndarray,
    data: Dataset,
    pair: tuple[int, int],
    *,
    limit: np.ndarray,
    others: np.ndarray,
    shown: np.ndarray,
    title: str,
) -> Figure:
    """Score for one class against score for the other, one point an image, with corners, diagonal and limits.

    scores: log-odds (N, 2) of the images in `data`; limit: (2,), from where a class counts as present; others: (M, 2)
    of pictures of neither; shown: up to ten row numbers of images to draw beside the plane, with a line to their point.
    """
    figure, ax = new_figure(width=8.2, height=7.4)
    ax.plot(*others.T, ".", color="#8A9296", markersize=3, alpha=0.5, label="other things")
    for label in pair:
        points = scores[data.labels == label]
        ax.plot(
            *points.T, "o", color=class_colour(label), markersize=3, alpha=0.55, label=data.classes[label]
        )
    every = np.concatenate([scores, others])
    low, high = every.min(0) - 0.3, every.max(0) + 0.3
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    ends = np.array([low.max(), high.min()])
    ax.plot(ends, ends, color=ALARM, linewidth=1.5, label="the diagonal: as much of one as of the other")
    ax.axvline(limit[0], color=INK, linewidth=0.9, linestyle=":", label="exceeded by one in ten other things")
    ax.axhline(limit[1], color=INK, linewidth=0.9, linestyle=":")
    names = tuple(data.classes[label] for label in pair)
    corner_names(ax, names)
    for row, place in zip(shown, edge_places((scores[shown] - low) / (high - low)), strict=True):
        image = OffsetImage(data.images[row], zoom=52 / data.images.shape[1], interpolation="nearest")
        box = AnnotationBbox(
            *(image, scores[row]),
            xybox=place,
            boxcoords="axes fraction",
            pad=0.12,
            annotation_clip=False,
            bboxprops={"edgecolor": class_colour(data.labels[row]), "linewidth": 2},
            arrowprops={"arrowstyle": "-", "color": INK, "linewidth": 0.8},
        )
        ax.add_artist(box)
        box.set_in_layout(True)
    figure.suptitle(title, x=0.01, ha="left")
    ax.set_xlabel(f"score for '{names[0]}' (log-odds against other things)")
    ax.set_ylabel(f"score for '{names[1]}' (log-odds)")
    figure.legend(loc="outside lower center", ncols=3, markerscale=2, fontsize=8.5)
    return figure


def edge_places(points: np.ndarray) -> np.ndarray:
    """Places outside the upper and the right border for pictures of up to ten points (K, 2), in shares of the axes.

    Each point gets one, so that all lines together are as short as can be: then no two of them cross.
    """
    along, out = EDGES
    places = np.array([(share, out) for share in along] + [(out, share) for share in along])
    gaps = np.linalg.norm(points[:, None] - places, axis=2)
    return places[linear_sum_assignment(gaps)[1]]


def pairs_page(data: Dataset, pairs: pd.DataFrame, *, columns: int = 3) -> Figure:
    """Ambiguous images, each beside the image of another class most like it. pairs: with row and partner."""
    left, right = data.images[pairs["row"]], data.images[pairs["partner"]]
    gap = np.full((len(pairs), left.shape[1], max(1, left.shape[2] // 32), 3), 255, np.uint8)
    ids = [[short_id(name) for name in data.ids[pairs[part]]] for part in ("row", "partner")]
    return tile_figure(
        np.concatenate([left, gap, right], axis=2),
        columns=columns,
        captions=[f"{one} and {other}" for one, other in zip(*ids, strict=True)],
        title="Ambiguous (left), and its double in the other class (right)",
        size=9,
    )
