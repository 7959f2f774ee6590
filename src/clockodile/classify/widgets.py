"""Curves that grow while a person watches."""

from __future__ import annotations

import time
from collections.abc import Callable

import ipywidgets as widgets
from IPython.display import display

from clockodile.classify.figures import training_curves
from clockodile.core.workspace import someone_is_watching
from clockodile.show.widgets import picture


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
