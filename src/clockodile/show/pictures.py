"""Rows of tiny pictures that belong together column by column."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from clockodile.show.plots import fitted_title, new_figure, show_tiles, tile_gaps

LEFT, ABOVE = 1.12, 0.6  # inches beside a grid for the names of its rows, above it for its title and columns


@dataclass(frozen=True)
class Row:
    """One row of tiny pictures: uint8 (N, S, S, 3), with N words and N bars below them, or none."""

    name: str
    pictures: np.ndarray
    captions: Sequence[str] = ()
    colours: Sequence[str] = ()


def picture_rows(
    rows: Sequence[Row], *, columns: int, title: str = "", heads: Sequence[str] = (), width: float = 8.4
) -> Figure:
    """Rows of tiny pictures that belong together column by column.

    columns: how many pictures the longest row has; heads: words above the columns, or none; width: inches.
    """
    side = rows[0].pictures.shape[1]
    gaps = [tile_gaps(side, row.captions) for row in rows]
    right = gaps[0][1]
    inch = (width - LEFT) / (columns * (side + right))  # a pixel's
    high = [side + below for below, _ in gaps]
    title, more = fitted_title(title, width)
    height = sum(high) * inch + more + (ABOVE if title or heads else 0.1)
    figure, axes = new_figure(len(rows), width=width, height=height, height_ratios=high, squeeze=False)
    figure.get_layout_engine().set(w_pad=0, h_pad=0.03, hspace=0, rect=(LEFT / width, 0, 1 - LEFT / width, 1))
    figure.suptitle(title, x=0.008, ha="left", fontsize=11)
    size = float(np.clip(8 * side * inch, 5, 8.5))
    for ax, row in zip(axes[:, 0], rows, strict=True):
        show_tiles(ax, row.pictures, columns=columns, captions=row.captions, colours=row.colours, size=size)
        words = ax.text(-right, side / 2, row.name, ha="right", va="center", fontsize=8.5, fontweight="bold")
        words.set_in_layout(False)  # its room is LEFT
    for column, head in enumerate(heads):
        axes[0, 0].text(column * (side + right) + side / 2, -2, head, ha="center", va="bottom", fontsize=8)
    return figure


def shorten(name: str, most: int = 11) -> str:
    """A class name that fits below a tiny picture."""
    return name if len(name) <= most else name[: most - 1] + "…"
