"""The figures of notebook 04. Each returns a matplotlib Figure; saving is plots.save_figure's job."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from clockodile.show.pictures import Row, picture_rows
from clockodile.show.plots import ALARM, BLUE, QUIET, VERMILION, new_figure

FEWEST = 6  # places in a row: one or two pictures would fill the page
LABEL = 12  # letters in a line beside pictures
PATHS = (0.0, 0.25, 0.5, 0.75, 1.0)  # times at which the drawing shows a mixture of noise and photograph


def rows_of_tiles(rows: dict[str, np.ndarray], *, heads: Sequence[str] = (), title: str = "") -> Figure:
    """One labelled line of pictures for each entry. rows: label -> uint8 (M, H, W, 3); heads: above the columns."""
    lines = [Row(textwrap.fill(label, LABEL), images) for label, images in rows.items()]
    columns = max(FEWEST, *(len(images) for images in rows.values()))
    return picture_rows(lines, columns=columns, heads=heads, title=title)


def straight_way(mixtures: np.ndarray, others: np.ndarray) -> Figure:
    """Draw one straight way from noise to a photograph, and where others end that pass nearby.

    mixtures: uint8 (5, S, S, 3) at the times PATHS; others: uint8 (2, S, S, 3), further photographs.
    """
    figure, ax = new_figure(height=3.0)
    ax.set(xlim=(-0.07, 1.3), ylim=(-0.75, 0.75), xlabel="time t: 0 = pure noise, 1 = the photograph")
    ax.set_yticks([])
    ax.set_xticks(PATHS)
    ax.grid(False)
    ax.spines["left"].set_visible(False)
    for height in (0.5, -0.5):  # the other photographs that this noise could lead to
        ax.plot([0.1, 1.1], [0, height], color=QUIET, linestyle=":", linewidth=1.2)
    ax.annotate("", (1.0, 0), (0.0, 0), arrowprops={"arrowstyle": "-|>", "color": VERMILION, "linewidth": 2})
    places = [(time, 0.0) for time in PATHS] + [(1.2, 0.5), (1.2, -0.5)]
    for picture, place in zip([*mixtures, *others], places, strict=True):
        box = OffsetImage(picture, zoom=1.7, interpolation="nearest")
        ax.add_artist(AnnotationBbox(box, place, frameon=False))
    ax.text(0.5, 0.38, "velocity = photograph - noise", color=VERMILION, ha="center", fontweight="bold")
    ax.text(1.2, 0.16, "could have\nbeen these", color=QUIET, ha="center", va="center", fontsize=8.5)
    ax.set_title("From noise to a photograph in a straight line: this is what the net learns to guess")
    return figure


def shares(table: pd.DataFrame, columns: dict[str, tuple[str, str]], *, title: str) -> Figure:
    """Who calls a method's pictures "both": a dot for each voice, a line a method.

    table: a row a method (its index), shares in [0, 1] and their intervals in columns that end in _low and _high;
    columns: column -> what it is, and its colour.
    """
    figure, ax = new_figure(height=0.36 * len(table) + 1.1)
    rows = np.arange(len(table))
    for place, (column, (words, colour)) in enumerate(columns.items()):
        share, low, high = (100 * table[f"{column}{end}"] for end in ("", "_low", "_high"))
        ax.errorbar(
            share,
            rows + 0.24 * (place - (len(columns) - 1) / 2),
            xerr=[(share - low).clip(lower=0), (high - share).clip(lower=0)],  # but for rounding
            fmt="osD^"[place],
            color=colour,
            label=words,
        )
    ax.set_yticks(rows, table.index)
    ax.invert_yaxis()
    ax.set_xlim(left=-1)
    ax.set_xlabel('share called "both", %')
    ax.set_title(title)
    figure.legend(loc="outside lower center", ncols=len(columns))
    return figure


VOICES = {
    "both": ("the judge of notebook 03, and its 95 % interval", ALARM),
    "viewers": ("outside viewers: their mean, and from viewer to viewer", BLUE),
}
