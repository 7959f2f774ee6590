"""Things to play with in Jupyter. Each has a static figure beside it for those who read without running.

A widget is a function of its controls' values that draws one figure; nothing is computed that the page does not show.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import ipywidgets as widgets
import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.figure import Figure

from clockodile.core.workspace import someone_is_watching


def show_widget(widget: widgets.Widget) -> None:
    """Display a widget when a person has the notebook open; otherwise one line says where to find it.

    A saved notebook cannot hold a living widget: it would show as an empty box to every later reader.
    """
    if someone_is_watching():
        display(widget)
    else:
        print("(a widget: open this notebook in Jupyter to use it)")


def as_png(figure: Figure) -> bytes:
    """A figure as PNG bytes; closes it, so that moving a slider for an hour leaves no figures behind."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    plt.close(figure)
    return buffer.getvalue()


def live_figure(draw: Callable[..., Figure], **controls: widgets.Widget) -> widgets.VBox:
    """Controls above a picture that `draw(**values)` makes anew whenever one of them moves."""
    screen = widgets.Image(format="png", layout={"align_self": "flex-start"})  # or it is stretched

    def redraw(_change=None) -> None:
        screen.value = as_png(draw(**{name: control.value for name, control in controls.items()}))

    for control in controls.values():
        control.observe(redraw, names="value")
    redraw()
    return widgets.VBox([widgets.HBox(list(controls.values()), layout={"flex_flow": "row wrap"}), screen])


def whole_number(description: str, low: int, high: int, *, value: int | None = None) -> widgets.IntSlider:
    """Slider over low..high that reports only where it is let go, so that nothing is drawn in between."""
    start = low if value is None else value
    return widgets.IntSlider(value=start, min=low, max=high, description=description, continuous_update=False)


def share(description: str, value: float, *, low: float = 0.0, high: float = 1.0, step: float = 0.05):
    """Slider over a share between low and high."""
    return widgets.FloatSlider(
        value=value, min=low, max=high, step=step, description=description, continuous_update=False
    )
