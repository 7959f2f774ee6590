"""Buttons for a rating session: one picture at a time, and at the end the figures of the results."""

from __future__ import annotations

import io

import ipywidgets as widgets
import numpy as np
from PIL import Image

from clockodile.hybrids.figures_measured import rating_curve_figure, rating_page
from clockodile.hybrids.quiz import RatingSession
from clockodile.show.widgets import picture

SIDE = 256  # pixels of the picture that is asked about
UNSTRETCHED = {"align_self": "flex-start"}  # or a box makes a picture as wide as itself


def quiz_widget(session: RatingSession) -> widgets.VBox:
    """A picture, and beside it a button for each answer and one to take the last answer back.

    It goes on where the rater stopped. Once every question is answered: all pictures with both answers, the rater's
    curve where pictures have a mix, and a way to start again, for the next rater.
    """
    line, screen = widgets.Label(), widgets.Image(format="png", layout=UNSTRETCHED)
    curve = widgets.Image(format="png", layout=UNSTRETCHED | {"display": "none"})
    buttons = [widgets.Button(description=word) for word in session.questions.words]
    back = widgets.Button(description="back", icon="undo")
    again = widgets.Button(description="start again", icon="refresh")

    def show() -> None:
        number, done = session.next, session.next is None
        for button in buttons:
            button.disabled = done
        back.disabled = number == 0
        again.disabled = not done  # one click in the middle would cost the answers
        curve.layout.display = "none"
        if not done:
            line.value = f"Picture {number + 1} of {len(session)}: what do you see?"
            screen.value = enlarged(session.questions.images[number])
            return
        line.value = "Done, thank you. This is how you and the judge see them:"
        screen.value = picture(rating_page(session))
        if np.isfinite(session.questions.mixes).any():
            curve.value = picture(rating_curve_figure(session))
            curve.layout.display = None

    def then_show(change) -> None:
        change()
        show()

    for button in buttons:
        button.on_click(lambda clicked: then_show(lambda: session.answer(clicked.description)))
    back.on_click(lambda _: then_show(session.take_back))
    again.on_click(lambda _: then_show(session.start_again))
    show()
    return widgets.VBox([line, widgets.HBox([screen, widgets.VBox([*buttons, back, again])]), curve])


def enlarged(image: np.ndarray) -> bytes:
    """A small picture, uint8 (S, S, 3), as a PNG of about SIDE pixels without smoothing."""
    zoom, buffer = max(1, SIDE // len(image)), io.BytesIO()
    Image.fromarray(image.repeat(zoom, 0).repeat(zoom, 1)).save(buffer, format="PNG")
    return buffer.getvalue()
