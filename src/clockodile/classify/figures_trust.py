"""Figures about trust in a classifier: attacks, harmless changes, saliency maps. Each returns a matplotlib Figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from clockodile.classify.changes import ORIGINAL
from clockodile.data.augmentation import GREY_WEIGHTS
from clockodile.data.dataset import as_images
from clockodile.plots import INK, PALE, class_colour, new_figure, short_id, show_tiles, tile_gaps

LINES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#8C6D1F", "#56B4E9")  # nets, never classes
STRONG, QUIET = LINES[0], "#5A6266"
ORDERS = {"most salient first": "#D55E00", "another picture's map": "#0072B2", "at random": "#8A9296"}
METHOD_NAMES = {
    "gradient": "gradient",
    "integrated_gradients": "integrated gradients",
    "grad_cam": "Grad-CAM",
}
LEFT, ABOVE = 0.95, 0.6  # inches beside a grid for the names of its rows, above it for its title and columns


# --- grids of pictures ----------------------------------------------------------------------------------------


def picture_rows(
    rows: Mapping[str, np.ndarray],
    *,
    heads: Sequence[str],
    captions: Mapping[str, Sequence[str]],
    colours: Mapping[str, Sequence[str]],
    title: str,
    width: float = 8.4,
) -> Figure:
    """Rows of tiny pictures that belong together column by column.

    rows: name -> uint8 (N, S, S, 3); heads: words above the N columns; captions and colours: for some of the rows, N
    words and N bars below the pictures; width: inches.
    """
    count, side = len(heads), next(iter(rows.values())).shape[1]
    gaps = {name: tile_gaps(side, captions.get(name, ())) for name in rows}
    right = next(iter(gaps.values()))[1]
    inch = (width - LEFT) / (count * (side + right))  # a pixel's
    high = [side + below for below, _ in gaps.values()]
    height = sum(high) * inch + ABOVE
    figure, axes = new_figure(len(rows), width=width, height=height, height_ratios=high, squeeze=False)
    figure.get_layout_engine().set(w_pad=0, h_pad=0.03, hspace=0, rect=(LEFT / width, 0, 1 - LEFT / width, 1))
    figure.suptitle(title, x=0.008, ha="left", fontsize=11)
    size = float(np.clip(8 * side * inch, 5, 8.5))
    for ax, (name, pictures) in zip(axes[:, 0], rows.items(), strict=True):
        words, bars = captions.get(name, ()), colours.get(name, ())
        show_tiles(ax, pictures, columns=count, captions=words, colours=bars, size=size)
        words = ax.text(-right, side / 2, name, ha="right", va="center", fontsize=9, fontweight="bold")
        words.set_in_layout(False)  # its room is LEFT
    for column, head in enumerate(heads):
        axes[0, 0].text(column * (side + right) + side / 2, -2, head, ha="center", va="bottom", fontsize=8)
    return figure


def attack_grid(
    images: torch.Tensor,
    attacked: torch.Tensor,
    labels: np.ndarray,
    predicted: np.ndarray,
    probability: np.ndarray,
    ids: Sequence[str],
    *,
    classes: Sequence[str],
    title: str = "",
) -> Figure:
    """Pictures, the noise that was added, and the attacked pictures, with what the net says before and after.

    images, attacked: (N, 3, S, S) in [0, 1], 6 to 10 of them; labels: (N,); predicted, probability: (2, N), the
    predicted class and its probability 0..1, before and after. Bars have the colour of the true class above, and of the
    predicted one below.
    """
    noise = attacked - images
    most = noise.abs().max().clamp_min(1e-6)
    words = [
        [f"{shorten(classes[number])} {share:.2f}" for number, share in zip(*row, strict=True)]
        for row in zip(predicted, probability, strict=True)
    ]
    before, between, after = "original", f"noise\n× {0.5 / most:.0f}", "attacked"
    return picture_rows(
        {before: as_images(images), between: as_images(0.5 + 0.5 * noise / most), after: as_images(attacked)},
        heads=[short_id(name) for name in ids],
        captions={before: words[0], after: words[1]},
        colours={
            before: [class_colour(label) for label in labels],
            after: [class_colour(label) for label in predicted[1]],
        },
        title=title or f"No value changed by more than {most * 255:.3g}/255",
    )


def shorten(name: str, most: int = 11) -> str:
    """A class name that fits below a tiny picture."""
    return name if len(name) <= most else name[: most - 1] + "…"


def overlay(images: torch.Tensor, maps: torch.Tensor) -> np.ndarray:
    """Grey, dimmed pictures that glow where the map is high.

    images: (N, 3, S, S) and maps: (N, S, S), both in [0, 1]. Returns uint8 (N, S, S, 3).
    """
    weights = images.new_tensor(GREY_WEIGHTS).view(1, 3, 1, 1)
    grey = (images * weights).sum(1).cpu().numpy()[..., None]
    heat = maps.cpu().numpy()
    glow = matplotlib.colormaps["inferno"](0.35 + 0.63 * heat)[..., :3]
    share = heat[..., None] ** 0.75  # a gradient has one high pixel and many middling ones: they must show
    return (255 * ((1 - share) * (0.12 + 0.55 * grey) + share * glow)).round().astype(np.uint8)


def saliency_grid(
    images: torch.Tensor,
    maps_by_method: Mapping[str, torch.Tensor],
    captions: Sequence[str],
    *,
    ids: Sequence[str],
    labels: np.ndarray,
    title: str = "",
) -> Figure:
    """Pictures, and below each the maps of several methods laid over it.

    images: (N, 3, S, S) in [0, 1], 6 to 10 of them; maps_by_method: name -> (N, S, S) in [0, 1], from `saliency_maps`;
    captions: N, what the net says; ids, labels: (N,), the name and the true class of each.
    """
    rows = {"picture": as_images(images)}
    rows |= {
        METHOD_NAMES.get(name, name).replace(" ", "\n"): overlay(images, maps)
        for name, maps in maps_by_method.items()
    }
    return picture_rows(
        rows,
        heads=[short_id(name) for name in ids],
        captions={"picture": captions},
        colours={"picture": [class_colour(label) for label in labels]},
        title=title or "The brighter, the more the answer hangs on it",
    )


# --- accuracies -----------------------------------------------------------------------------------------------


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


def change_bars(
    table: pd.DataFrame, *, examples: Mapping[str, np.ndarray] | None = None, chance: float | None = None
) -> Figure:
    """Accuracy under each change with its 95 % interval, and how far it lies from that of the pictures as they are.

    table: from `accuracy_under_changes` or `out_of_fold_under_changes`; examples: change -> one changed picture, uint8
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
        ax.set_title(METHOD_NAMES.get(method, method))
        ax.set_xlabel("pixels hidden, %")
        ax.set_xticks(range(0, 101, 25))
    axes[0, 0].set_ylabel("still given the same class, %")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure
