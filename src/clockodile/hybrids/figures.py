"""The figures of notebook 04. Each returns a matplotlib Figure; saving is plots.save_figure's job."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from clockodile.show.pictures import Row, picture_rows, shorten
from clockodile.show.plots import INK, new_figure, show_tiles, tile_gaps

MOMENTS = 3  # of learning that are shown
PAPER = np.uint8(255)
FEWEST = 6  # places in a row: one or two pictures would fill the page
LABEL = 14  # letters in a line beside pictures


def rows_of_tiles(rows: dict[str, np.ndarray]) -> Figure:
    """One labelled line of pictures for each entry. rows: label -> uint8 (M, H, W, 3)."""
    lines = [Row(textwrap.fill(label, LABEL), images) for label, images in rows.items()]
    return picture_rows(lines, columns=max(FEWEST, *(len(images) for images in rows.values())))


def learning_figure(
    losses: Sequence[float], sheets: dict[int, np.ndarray], *, names: tuple[str, str]
) -> Figure:
    """How a flow learned: its loss, and what it drew from the same noise after more and more steps.

    losses: means of equally many steps; sheets: step -> uint8 (2, N, H, W, 3), see `generator.sheets_of`; names: of the
    two classes, which stand side by side.
    """
    figure, (curve, grid) = new_figure(1, 2, height=2.2, width_ratios=(2, 5))
    last = max(sheets)
    curve.plot(np.linspace(last / len(losses), last, len(losses)), losses, ".-", color=INK)
    curve.set_xlim(0, last * 1.05)
    curve.set(title="Loss (squared error)", xlabel="steps")
    steps = list(sheets)
    steps = [steps[place] for place in np.unique(np.linspace(0, len(steps) - 1, MOMENTS).round().astype(int))]
    drawn = [
        np.concatenate([first, PAPER + 0 * first[:1], second]) for first, second in map(sheets.get, steps)
    ]
    show_tiles(grid, np.concatenate(drawn), columns=len(drawn[0]))
    grid.set_title("The same noise after so many steps", pad=16)
    wide = grid.images[0].get_array().shape[1]
    for place, name in zip((0.25, 0.75), names, strict=True):
        grid.text(place * wide, -3, shorten(name), ha="center", va="bottom", color=INK)
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
