"""The figures of notebook 03. Each returns a matplotlib Figure; saving is plots.save_figure's job."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from clockodile.ambiguous.scores import top
from clockodile.data.dataset import Dataset
from clockodile.show.plots import (
    ALARM,
    BLUE,
    INK,
    class_colour,
    colour_key,
    image_sheet,
    new_figure,
    short_id,
    show_tiles,
    tile_figure,
)


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


def share_bars(shares: pd.Series, images: Mapping[str, np.ndarray], *, title: str, usual: float) -> Figure:
    """One bar for each kind of picture, with three of its pictures at the left.

    shares: kind -> 0..1; images: kind -> uint8 (N, S, S, 3); usual: what real images have by construction.
    """
    kinds = list(shares.index)
    figure, (left, ax) = new_figure(1, 2, height=0.75 * len(kinds) + 0.9, width_ratios=(1, 2))
    sheet = image_sheet(np.concatenate([images[kind][:3] for kind in kinds]), 3)
    left.imshow(sheet, extent=(0, 3, len(kinds) - 0.5, -0.5), interpolation="nearest", aspect="auto")
    left.set_yticks(range(len(kinds)), kinds)
    left.set_xticks([])
    left.tick_params(axis="y", length=0)
    left.spines[:].set_visible(False)
    bars = ax.barh(range(len(kinds)), 100 * shares, color=BLUE, height=0.6)
    ax.bar_label(bars, fmt="%.0f %%", padding=4)
    ax.axvline(100 * usual, color=ALARM, linestyle="--", label="real images, by construction")
    ax.set(xlim=(0, 105), ylim=(len(kinds) - 0.5, -0.5), yticks=[])
    ax.set_xlabel("share that is more 'ambiguous' than nine in ten real images, %")
    ax.legend(loc="lower right")
    figure.suptitle(title, x=0.01, ha="left")
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
    ax.set_title("The difference of two numbers: only side and distance to the diagonal")
    return figure


def evidence_plane(
    scores: np.ndarray,
    data: Dataset,
    pair: tuple[int, int],
    *,
    others: np.ndarray,
    shown: np.ndarray,
    title: str,
) -> Figure:
    """Score for one class against score for the other, one point an image, with corners and diagonal.

    scores: float (N, 2) of the images in `data`, counted from where a class counts as present; others: (M, 2) of
    pictures of neither; shown: up to ten row numbers of images to number and to draw at the side.
    """
    figure, (ax, side) = new_figure(1, 2, width=8.4, height=6.4, width_ratios=(3, 1))
    ax.plot(*others.T, ".", color="#8A9296", markersize=3, alpha=0.5, label="other things")
    for label in pair:
        colour = class_colour(label)
        ax.plot(
            *scores[data.labels == label].T,
            "o",
            color=colour,
            markersize=3,
            alpha=0.55,
            label=data.classes[label],
        )
    every = np.concatenate([scores, others])
    low, high = every.min(0) - 0.3, every.max(0) + 0.3
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    ends = np.array([low.max(), high.min()])
    ax.plot(ends, ends, color=ALARM, linewidth=1.5, label="the diagonal: as much of one as of the other")
    ax.axvline(0, color=INK, linewidth=0.9, linestyle=":", label="exceeded by one in ten other things")
    ax.axhline(0, color=INK, linewidth=0.9, linestyle=":")
    names = tuple(data.classes[label] for label in pair)
    corner_names(ax, names)
    places = number_places((scores[shown] - low) / (high - low))
    for number, (row, place) in enumerate(zip(shown, places, strict=True), start=1):
        line = {"arrowstyle": "-", "linewidth": 0.6, "shrinkB": 1}
        ax.plot(*scores[row], "o", markersize=5, color=class_colour(data.labels[row]), markeredgecolor=INK)
        ax.annotate(
            str(number),
            scores[row],
            place,
            textcoords="axes fraction",
            arrowprops=line,
            ha="center",
            va="center",
            fontsize=10,
            fontweight="bold",
        )
    captions = [f"{number}: {short_id(data.ids[row])}" for number, row in enumerate(shown, start=1)]
    colours = [class_colour(label) for label in data.labels[shown]]
    show_tiles(side, data.images[shown], columns=2, captions=captions, colours=colours, size=8)
    figure.suptitle(title, x=0.01, ha="left")
    ax.set_xlabel(f"score for '{names[0]}', counted from evidence 0.9")
    ax.set_ylabel(f"score for '{names[1]}', counted from evidence 0.9")
    figure.legend(loc="outside lower center", ncols=3, markerscale=2, fontsize=8.5)
    return figure


def number_places(points: np.ndarray, *, far: float = 0.045) -> np.ndarray:
    """Where to write numbers beside points (K, 2), all in shares of the axes: clear of the points and each other."""
    turns = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    around, taken = far * np.stack([np.cos(turns), np.sin(turns)], 1), list(points)
    for point in points:
        gaps = np.linalg.norm((point + around)[:, None] - np.array(taken), axis=2).min(1)
        taken.append(point + around[gaps.argmax()])
    return np.array(taken[len(points) :])


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
