"""Things to play with in Jupyter. Each has a static figure beside it for those who read without running.

A widget is a function of its controls' values that draws one figure; nothing is computed that the page does not show.
"""

import base64
import html
import io
from collections.abc import Callable, Mapping, Sequence

import ipywidgets as widgets
import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.figure import Figure

from clockodile.core.errors import UserError
from clockodile.core.workspace import someone_is_watching

BUTTONS = 8  # choices at most that are shown as buttons


def show_widget(widget: widgets.Widget) -> None:
    """Display a widget when a person has the notebook open; otherwise one line says where to find it.

    A saved notebook cannot hold a living widget: it would show as an empty box to every later reader.
    """
    if someone_is_watching():
        display(widget)
    else:
        print("(a widget: open this notebook in Jupyter to use it)")


def as_img(figure: Figure) -> str:
    """A figure as an HTML picture with its title as alternative text, at its own size; closes the figure."""
    buffer = io.BytesIO()
    title = " ".join([figure.get_suptitle(), *(ax.get_title("left") for ax in figure.axes)])
    figure.savefig(buffer, format="png", dpi=100)
    plt.close(figure)  # moving a slider for an hour leaves no figures behind
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img alt="{html.escape(title.strip())}" src="data:image/png;base64,{data}">'


def live_figure(draw: Callable[..., Figure], **controls: widgets.Widget) -> widgets.VBox:
    """Controls above a picture that `draw(**values)` makes anew whenever one of them moves.

    What goes wrong while drawing is said in a line under the controls: Jupyter would hide it in a log.
    """
    line, screen = widgets.HTML("drawing ..."), widgets.HTML()

    def redraw(_change=None) -> None:
        line.value = "drawing ..."
        try:
            screen.value = as_img(draw(**{name: control.value for name, control in controls.items()}))
            line.value = ""
        except Exception as error:  # whatever it is, the person at the slider must see it
            line.value = html.escape(str(error) if isinstance(error, UserError) else repr(error))

    for control in controls.values():
        control.observe(redraw, names="value")
    redraw()
    return widgets.VBox([widgets.HBox(list(controls.values()), layout={"flex_flow": "row wrap"}), line, screen])


def one_of(description: str, options: Sequence | Mapping) -> widgets.ToggleButtons | widgets.Dropdown:
    """Choose one: buttons, which Jupyter lets the keyboard reach; a list where there would be too many of them."""
    kind = widgets.ToggleButtons if len(options) <= BUTTONS else widgets.Dropdown
    return kind(options=options, description=description)


def whole_number(description: str, low: int, high: int) -> widgets.IntSlider:
    """Slider over low..high that reports only where it is let go, so that nothing is drawn in between."""
    return widgets.IntSlider(value=low, min=low, max=high, description=description, continuous_update=False)


def share(description: str, value: float, *, low: float = 0.0, high: float = 1.0, step: float = 0.05):
    """Slider over a share between low and high."""
    return widgets.FloatSlider(
        value=value, min=low, max=high, step=step, description=description, continuous_update=False
    )
