"""The figures of notebook 01. Each takes data and returns a matplotlib Figure; saving is plots.save_figure's job."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from clockodile.data.dataset import Dataset, as_images
from clockodile.learn.augmentation import AUGMENTATIONS, mixup, upside_down
from clockodile.show.plots import (
    ALARM,
    INK,
    PALE,
    class_colour,
    new_figure,
    sheet_height,
    short_id,
    show_tiles,
    tile_figure,
)


def class_sheets(data: Dataset, *, rows: int = 3, columns: int = 12, seed: int = 0) -> Figure:
    """Random images of every class with the ids by which their files are found."""
    rng, classes = np.random.default_rng(seed), range(len(data.classes))
    height = sheet_height(rows * columns, columns, data.images.shape[1:3], data.ids, 8.4)
    figure, axes = new_figure(len(data.classes), height=len(data.classes) * (height + 0.33))
    for label, ax in zip(classes, np.atleast_1d(axes), strict=True):
        of_class = np.flatnonzero(data.labels == label)
        shown = np.sort(rng.permutation(of_class)[: rows * columns])
        show_tiles(
            ax,
            data.images[shown],
            columns=columns,
            captions=[short_id(name) for name in data.ids[shown]],
            colours=[class_colour(label)] * len(shown),
            title=f"{data.classes[label]} ({len(of_class)} images)",
        )
    return figure


def lazy_figure(data: Dataset, areas: dict[str, float], pair: tuple[int, int]) -> Figure:
    """Left the average picture of each class, right how well single numbers tell the pair apart (ROC area)."""
    figure, (left, right) = new_figure(1, 2, height=2.9, width_ratios=(2, 3))
    names = list(data.classes)
    colours = [class_colour(label) for label in range(len(names))]
    means = [data.images[data.labels == label].mean(0) for label in range(len(names))]
    show_tiles(
        left,
        np.round(means).astype(np.uint8),
        columns=len(names),
        captions=names,
        colours=colours,
        title="The average picture",
        size=9,
    )
    ordered = sorted(areas.items(), key=lambda item: item[1])
    right.barh([name for name, _ in ordered], [area - 0.5 for _, area in ordered], left=0.5, color="#7A8A90")
    for row, (_, area) in enumerate(ordered):
        right.text(area + 0.005, row, f"{area:.2f}", va="center", fontsize=8.5)
    right.set_xlim(0.5, 1)
    right.grid(axis="y", visible=False)
    right.set_xlabel("area under the ROC curve (0.5 = useless, 1 = perfect)")
    right.set_title(f"One number an image: {names[pair[0]]} or {names[pair[1]]}?")
    return figure


def pair_sheet(
    data: Dataset, pairs: pd.DataFrame, *, most: int = 18, columns: int = 9, title: str = ""
) -> Figure:
    """Near-duplicates side by side, most alike first. pairs: columns first, second (row numbers), correlation."""
    shown = pairs.head(most)
    gap = np.full((len(shown), data.images.shape[1], 1, 3), 255, np.uint8)
    both = np.concatenate([data.images[shown["first"]], gap, data.images[shown["second"]]], axis=2)
    captions = [f"{c:.3f}" for c in shown["correlation"]]
    colours = [class_colour(label) for label in data.labels[shown["first"]]]
    return tile_figure(both, columns=columns, title=title, captions=captions, colours=colours)


def leak_figure(scores: pd.DataFrame) -> Figure:
    """Accuracy on images that have a near-duplicate, split at random and split by group.

    scores: columns split ("random" or "grouped"), accuracy in [0, 1], one row a repetition.
    """
    figure, ax = new_figure(height=1.7)
    for row, (split, colour) in enumerate((("grouped", "#0072B2"), ("random", ALARM))):
        values = scores.loc[scores["split"] == split, "accuracy"].to_numpy() * 100
        ax.barh(row, values.mean(), color=colour, alpha=0.35, height=0.6)
        ax.plot(values, np.full(len(values), row), "|", color=colour, markersize=14)
        ax.text(values.max() + 1, row, f"{values.mean():.0f} %", va="center", color=INK, fontweight="bold")
    ax.set_yticks([0, 1], ["near-duplicates\nkept together", "split at random"])
    ax.set_xlim(0, 109)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("accuracy of a nearest-neighbour classifier on images that have a near-duplicate, %")
    return figure


def fold_figure(data: Dataset) -> Figure:
    """How many images of each class each fold holds."""
    folds = np.arange(data.fold.max() + 1)
    figure, ax = new_figure(height=1.9)
    left = np.zeros(len(folds))
    for label, name in enumerate(data.classes):
        counts = np.bincount(data.fold[data.labels == label], minlength=len(folds))
        ax.barh(folds, counts, left=left, color=class_colour(label), label=name, height=0.7)
        for fold, count in enumerate(counts):
            ax.text(
                left[fold] + count / 2,
                fold,
                str(count),
                ha="center",
                va="center",
                color="white",
                fontsize=8.5,
            )
        left += counts
    ax.set_yticks(folds, [f"fold {fold}" for fold in folds])
    ax.invert_yaxis()
    ax.grid(visible=False)
    ax.set_xlabel("images")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def augmentation_gallery(data: Dataset, rows: list[int], *, copies: int = 5, seed: int = 0) -> Figure:
    """Each augmentation by itself on a few images, and last the one that is wrong here.

    rows: row numbers of `data`, one line of pictures each; copies: random versions of each.
    """
    names = [*AUGMENTATIONS, "mixup: two pictures", "upside down: wrong here"]
    changes = [*AUGMENTATIONS.values(), partial(blended, data), upside_down]
    figure, axes = new_figure(len(names), 2, height=0.62 * len(names), width_ratios=(1, 7))
    for (label_ax, ax), name, change in zip(axes, names, changes, strict=True):
        wrong = change is upside_down
        label_ax.set_axis_off()
        label_ax.text(
            1, 0.5, name.replace(": ", ":\n"), ha="right", va="center", color=ALARM if wrong else INK
        )
        tiles = [versions(data, row, change, copies, seed) for row in rows]
        show_tiles(ax, np.concatenate(tiles), columns=len(rows) * (copies + 1))
        ax.add_patch(frame(ax, ALARM if wrong else PALE))
    return figure


def blended(data: Dataset, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Each image mixed with another of a batch that also holds pictures of every class. images: (N, 3, S, S)."""
    others = data.rows(torch.randperm(len(data), generator=generator)[: len(images)].numpy()).tensor()
    batch = torch.cat([images, others])
    return mixup(batch, torch.zeros(len(batch), 1), generator, concentration=1.0)[0][: len(images)]


def versions(data: Dataset, row: int, change, copies: int, seed: int) -> np.ndarray:
    """An image followed by `copies` changed versions of it: uint8 (1 + copies, S, S, 3)."""
    images = data.rows(np.full(copies, row)).tensor()
    changed = as_images(change(images, torch.Generator().manual_seed(seed)))
    return np.concatenate([data.images[[row]], changed])


def frame(ax, colour: str):
    """A thin rectangle round what `ax` shows, in axes coordinates."""
    return Rectangle((0, 0), 1, 1, transform=ax.transAxes, fill=False, edgecolor=colour, linewidth=1)
