"""The figures of notebook 04. Each returns a matplotlib Figure; saving is plots.save_figure's job."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from clockodile.classify.figures_pictures import Row, picture_rows
from clockodile.plots import INK, new_figure, show_tiles, tile_gaps

MOMENTS = 3  # of learning that are shown


def rows_of_tiles(rows: dict[str, np.ndarray]) -> Figure:
    """One labelled line of pictures for each entry. rows: label -> uint8 (M, H, W, 3), all with the same M."""
    columns = max(len(images) for images in rows.values())
    figure, axes = new_figure(len(rows), 2, height=0.68 * len(rows) + 0.1, width_ratios=(1, 6))
    for (label_ax, ax), (label, images) in zip(np.atleast_2d(axes), rows.items(), strict=True):
        label_ax.set_axis_off()
        label_ax.text(1, 0.5, label, ha="right", va="center", color=INK)
        show_tiles(ax, images, columns=columns)
    return figure


def learning_figure(losses: Sequence[float], sheets: dict[int, np.ndarray]) -> Figure:
    """How a flow learned: its loss, and what it drew from the same noise after more and more steps.

    losses: means of equally many steps; sheets: step -> uint8 (2, N, H, W, 3), see `generator.sheets_of`.
    """
    figure, (curve, grid) = new_figure(1, 2, height=2.0, width_ratios=(3, 5))
    last = max(sheets)
    curve.plot(np.linspace(last / len(losses), last, len(losses)), losses, ".-", color=INK)
    curve.set_xlim(0, last * 1.05)
    curve.set(title="Loss (squared error)", xlabel="steps")
    steps = list(sheets)
    steps = [steps[place] for place in np.unique(np.linspace(0, len(steps) - 1, MOMENTS).round().astype(int))]
    drawn = [np.concatenate(sheets[step]) for step in steps]
    show_tiles(grid, np.concatenate(drawn), columns=len(drawn[0]), title="The same noise after so many steps")
    height = drawn[0].shape[1] + tile_gaps(drawn[0].shape[1], ())[0]
    for line, step in enumerate(steps):
        grid.text(-3, (line + 0.5) * height, f"{step}", ha="right", va="center", color=INK)
    return figure


def mix_sheet(lines: np.ndarray, mixes: Sequence[float]) -> Figure:
    """From one class to the other: a row for each seed, a column for each mix. lines: uint8 (N, M, H, W, 3)."""
    rows = [Row(f"seed {seed}", line) for seed, line in enumerate(lines)]
    heads = [f"{mix:.2g}" for mix in mixes]
    return picture_rows(
        rows, columns=len(mixes), heads=heads, title="The same noise, mixes from 0 to 1", width=6.4
    )
