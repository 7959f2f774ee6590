"""Things to play with in notebook 03."""

from __future__ import annotations

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from clockodile.data.dataset import Dataset
from clockodile.data.widgets import PAGE, tiles
from clockodile.show.widgets import live_figure, share


def choose_tolerance(
    data: Dataset, score: np.ndarray, *, start: float = 0.2, highest: float = 0.5
) -> widgets.VBox:
    """Slide the tolerance of report 000's second attempt; see how many images pass and the first of them.

    score: (N,) as from ambiguous.scores.centre_balance, in the order of `data`.
    """
    tolerance = share("tolerance", start, low=0.01, high=highest, step=0.01)

    def draw(tolerance: float) -> Figure:
        passing = np.flatnonzero(score > 1 - tolerance)
        shown = passing[np.argsort(-score[passing], kind="stable")][:PAGE]
        title = f"tolerance {tolerance:.2f}: {len(passing)} of {len(data)} images, the most balanced first"
        return tiles(data, shown, title)

    return live_figure(draw, tolerance=tolerance)
