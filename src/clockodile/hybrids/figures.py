"""The figures of notebook 04. Each returns a matplotlib Figure; saving is plots.save_figure's job."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from clockodile.plots import INK, new_figure, show_tiles


def rows_of_tiles(rows: dict[str, np.ndarray]) -> Figure:
    """One labelled line of pictures for each entry. rows: label -> uint8 (M, H, W, 3), all with the same M."""
    columns = max(len(images) for images in rows.values())
    figure, axes = new_figure(len(rows), 2, height=0.68 * len(rows) + 0.1, width_ratios=(1, 6))
    for (label_ax, ax), (label, images) in zip(np.atleast_2d(axes), rows.items(), strict=True):
        label_ax.set_axis_off()
        label_ax.text(1, 0.5, label, ha="right", va="center", color=INK)
        show_tiles(ax, images, columns=columns)
    return figure


def mix_sheet(sheets: dict[str, np.ndarray], mixes: np.ndarray) -> Figure:
    """From one class to the other: a block for each method, rows are pairs, columns are mix weights.

    sheets: method -> uint8 (pairs, len(mixes), H, W, 3).
    """
    figure, axes = new_figure(
        1, len(sheets), height=0.42 * max(len(sheet) for sheet in sheets.values()) + 0.6
    )
    for ax, (method, sheet) in zip(np.atleast_1d(axes), sheets.items(), strict=True):
        show_tiles(ax, sheet.reshape(-1, *sheet.shape[2:]), columns=len(mixes), title=method)
    return figure
