"""Things to play with in Jupyter. Each has a static figure beside it for those who read without running.

A widget is a function of its controls' values that draws one figure; nothing is computed that the page does not show.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import display
from matplotlib.figure import Figure

from clockodile.classify.figures_learning import training_curves
from clockodile.data.augmentation import AUGMENTATIONS, augment
from clockodile.data.dataset import Dataset, as_images
from clockodile.plots import class_colour, short_id, tile_figure
from clockodile.workspace import someone_is_watching

PAGE = 24  # tiles shown at once
COLUMNS = 12


def show_widget(widget: widgets.Widget) -> None:
    """Display a widget when a person has the notebook open; otherwise one line says where to find it.

    A saved notebook cannot hold a living widget: it would show as an empty box to every later reader.
    """
    if someone_is_watching():
        display(widget)
    else:
        print("(a widget: open this notebook in Jupyter to use it)")


def picture(figure: Figure) -> bytes:
    """A figure as PNG bytes; closes it, so that moving a slider for an hour leaves no figures behind."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    plt.close(figure)
    return buffer.getvalue()


def live_figure(draw: Callable[..., Figure], **controls: widgets.Widget) -> widgets.VBox:
    """Controls above a picture that `draw(**values)` makes anew whenever one of them moves."""
    screen = widgets.Image(format="png")

    def redraw(_change=None) -> None:
        screen.value = picture(draw(**{name: control.value for name, control in controls.items()}))

    for control in controls.values():
        control.observe(redraw, names="value")
    redraw()
    return widgets.VBox([widgets.HBox(list(controls.values()), layout={"flex_flow": "row wrap"}), screen])


def watch_training(epochs: int) -> Callable[[dict], None]:
    """What training.train is to call after each epoch: curves that grow while a person watches, else a line an epoch.

    epochs: how many there will be. Curves are drawn once a second at most, so that watching does not slow the training.
    """
    if not someone_is_watching():
        return lambda row: print(
            f"  epoch {row['epoch'] + 1}: loss {row['loss']:.3f}, accuracy {100 * row['accuracy']:.1f} %"
        )
    screen, rows, drawn = widgets.Image(format="png"), [], 0.0

    def show(row: dict) -> None:
        nonlocal drawn
        if not rows:  # not before: nets that are loaded are not trained
            display(screen)
        rows.append(row)
        if time.monotonic() - drawn > 1 or len(rows) == epochs:
            history = {name: [row[name] for row in rows] for name in row}
            screen.value = picture(training_curves([history], epochs=epochs))
            drawn = time.monotonic()

    return show


def whole_number(description: str, low: int, high: int, *, value: int | None = None) -> widgets.IntSlider:
    """Slider over low..high that reports only where it is let go, so that nothing is drawn in between."""
    start = low if value is None else value
    return widgets.IntSlider(value=start, min=low, max=high, description=description, continuous_update=False)


def share(description: str, value: float, *, low: float = 0.0, high: float = 1.0, step: float = 0.05):
    """Slider over a share between low and high."""
    return widgets.FloatSlider(
        value=value, min=low, max=high, step=step, description=description, continuous_update=False
    )


def tiles(data: Dataset, shown: np.ndarray, title: str) -> Figure:
    """Images with id and colour of their class; shown: int (K,), their rows; a blank tile when there are none."""
    if not len(shown):
        return tile_figure(np.full((1, *data.images.shape[1:]), 255, np.uint8), columns=COLUMNS, title=title)
    return tile_figure(
        data.images[shown],
        columns=COLUMNS,
        title=title,
        captions=[short_id(name) for name in data.ids[shown]],
        colours=[class_colour(label) for label in data.labels[shown]],
    )


def browse_classes(data: Dataset) -> widgets.VBox:
    """Leaf through the images of a class, page by page, with the ids by which the files are found."""
    names = {name: label for label, name in enumerate(data.classes)}
    kind = widgets.Dropdown(options=names, description="class")
    page = whole_number("page", 1, 1)

    def pages(label: int) -> int:
        return max(1, -(-int((data.labels == label).sum()) // PAGE))

    def limit(_change=None) -> None:
        page.max = pages(kind.value)

    kind.observe(limit, names="value")
    limit()

    def draw(label: int, number: int) -> Figure:
        shown = np.flatnonzero(data.labels == label)[(number - 1) * PAGE : number * PAGE]
        return tiles(data, shown, f"{data.classes[label]}, page {number} of {pages(label)}")

    return live_figure(draw, label=kind, number=page)


def play_with_augmentation(data: Dataset) -> widgets.VBox:
    """Choose an image, which augmentations, and a seed; see a dozen random versions of it."""
    chosen = widgets.SelectMultiple(options=list(AUGMENTATIONS), value=("flip", "crop"), description="apply")
    row = whole_number("image", 0, len(data) - 1)
    seed = whole_number("seed", 0, 99)

    def draw(names: tuple, index: int, seed: int) -> Figure:
        copies = data.rows(np.full(COLUMNS, index)).tensor()
        copies[1:] = augment(copies[1:], tuple(names), torch.Generator().manual_seed(seed))
        title = f"{data.ids[index]}: as it is, then {', '.join(names) or 'unchanged'}"
        return tile_figure(as_images(copies), columns=COLUMNS, title=title)

    return live_figure(draw, names=chosen, index=row, seed=seed)


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
