"""The figures of notebook 03. Each returns a matplotlib Figure; saving is plots.save_figure's job."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from clockodile.data.dataset import Dataset
from clockodile.show.plots import INK, class_colour, colour_key, new_figure, short_id, tile_figure


def ranked_sheet(
    data: Dataset,
    score: np.ndarray,
    *,
    title: str,
    by: np.ndarray | None = None,
    most: int = 24,
    columns: int = 12,
    digits: int = 2,
    sort: bool = False,
) -> Figure:
    """Images with id and score, the highest first. score: (N,) as `data`; by: (N,) sort by this instead.

    sort: show those that `by` chose in the order of their scores.
    """
    chosen = np.argsort(-(score if by is None else by), kind="stable")[:most]
    order = chosen[np.argsort(-score[chosen], kind="stable")] if sort else chosen
    return tile_figure(
        data.images[order],
        columns=columns,
        captions=[f"{short_id(data.ids[row])}: {score[row]:.{digits}f}" for row in order],
        colours=[class_colour(label) for label in data.labels[order]],
        title=f"{title} ({colour_key(data.classes)})",
        size=5.5,
    )


def evidence_plane(
    scores: np.ndarray,
    labels: np.ndarray,
    names: tuple[str, str],
    limits: dict[str, tuple[float, float]],
    *,
    others: np.ndarray | None = None,
    pictures: tuple[np.ndarray, np.ndarray] | None = None,
) -> Figure:
    """Evidence for one class against evidence for the other, one point an image, with the four corners named.

    scores: log-odds (N, 2); labels: 0, 1 or other, (N,); limits: caption -> scores that this share of other things
    exceeds; others: (M, 2) of pictures of neither; pictures: images (K, S, S, 3), up to eight, and their row numbers
    (K,): shown in the upper right, with a line to their points.
    """
    figure, ax = new_figure(width=7.6, height=6.6)
    if others is not None:
        ax.plot(*others.T, ".", color="#8A9296", markersize=3, alpha=0.5, label="other things")
    for label, name in enumerate(names):
        ax.plot(
            *scores[labels == label].T, "o", markersize=3, alpha=0.55, color=class_colour(label), label=name
        )
    for style, (caption, (x, y)) in zip(("-", ":"), limits.items(), strict=False):
        ax.axvline(x, color=INK, linewidth=0.8, linestyle=style, label=caption)
        ax.axhline(y, color=INK, linewidth=0.8, linestyle=style)
    for corner, (x, y, across, up) in {
        f"only {names[0]}": (0.99, 0.01, "right", "bottom"),
        f"only {names[1]}": (0.01, 0.99, "left", "top"),
        "both": (0.99, 0.99, "right", "top"),
        "neither": (0.01, 0.01, "left", "bottom"),
    }.items():
        ax.text(x, y, corner, transform=ax.transAxes, ha=across, va=up, fontsize=13, color=INK, alpha=0.55)
    if pictures is not None:
        images, rows = pictures
        for number, place in enumerate(label_places(scores[rows])):
            box = AnnotationBbox(
                OffsetImage(images[number], zoom=1.0, interpolation="nearest"),
                scores[rows[number]],
                xybox=place,
                boxcoords="axes fraction",
                frameon=True,
                pad=0.12,
                bboxprops={"edgecolor": class_colour(labels[rows[number]]), "linewidth": 1.5},
                arrowprops={"arrowstyle": "-", "color": INK, "linewidth": 0.6, "alpha": 0.6},
            )
            ax.add_artist(box)
    ax.set_xlabel(f"evidence for '{names[0]}' (log-odds against other things)")
    ax.set_ylabel(f"evidence for '{names[1]}' (log-odds)")
    figure.legend(loc="outside lower center", ncols=3, markerscale=2, frameon=False, fontsize=8)
    return figure


def label_places(points: np.ndarray) -> np.ndarray:
    """Where in the upper right to show pictures of up to eight points (K, 2), in shares of the axes (K, 2).

    Two lines of four: the higher points in the upper one, each line from left to right, so that few leads cross.
    """
    places = np.empty((len(points), 2))
    high_first = np.argsort(-points[:, 1], kind="stable")
    for height, line in zip((0.88, 0.74), np.array_split(high_first, 2), strict=True):
        across = line[np.argsort(points[line, 0], kind="stable")]
        places[across] = [(0.62 + 0.1 * at, height) for at in range(len(line))]
    return places


def pairs_page(data: Dataset, pairs: pd.DataFrame, *, columns: int = 4) -> Figure:
    """Ambiguous images, each beside the image of another class most like it. pairs: as from pairs.most_alike."""
    gap = np.full((1, *data.images.shape[1:]), 255, np.uint8)
    tiles, captions, colours = [], [], []
    for row, partner in zip(pairs["row"], pairs["partner"], strict=True):
        tiles += [data.images[[row]], data.images[[partner]], gap[:, :, : max(1, gap.shape[2])]]
        captions += [short_id(data.ids[row]), short_id(data.ids[partner]), ""]
        colours += [class_colour(data.labels[row]), class_colour(data.labels[partner]), "white"]
    return tile_figure(
        np.concatenate(tiles),
        columns=3 * columns,
        captions=captions,
        colours=colours,
        title=f"Ambiguous, and its double ({colour_key(data.classes)})",
        size=6.5,
    )


def stability_bars(table: pd.DataFrame, *, chance: float) -> Figure:
    """How much of the top two halves of an ensemble share, a bar a method with its 95 % interval, the best on top.

    table: columns method, overlap, low, high, ours (bool), all but the first and last in [0, 1].
    """
    table = table.sort_values("overlap", ignore_index=True)
    figure, ax = new_figure(height=0.36 * len(table) + 0.8)
    for row, line in table.iterrows():
        colour = "#D55E00" if line["ours"] else "#0072B2"
        ax.barh(row, line["overlap"], color=colour, height=0.6, alpha=0.85)
        ax.plot([line["low"], line["high"]], [row, row], color=INK, linewidth=1)
        ax.text(1.01, row, f"{line['overlap']:.2f}", transform=ax.get_yaxis_transform(), va="center")
    ax.axvline(chance, color="#8A9296", linestyle="--", linewidth=1)
    ax.text(chance, -0.9, " chance", fontsize=8, color="#5A6266", va="center")
    ax.set_yticks(range(len(table)), table["method"])
    ax.set_xlim(0, 1)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("share of the top 24 that both halves put there")
    return figure
