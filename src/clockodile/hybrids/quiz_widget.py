"""Buttons for the quiz of `reader`: one picture at a time, and at the end the figures of the results."""

from __future__ import annotations

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from clockodile.hybrids.figures_measured import quiz_page, reader_curve
from clockodile.hybrids.quiz import RatingSession
from clockodile.show.plots import image_sheet, new_figure
from clockodile.show.widgets import picture

SHOWN = 2.2  # inches a side of the picture that is asked about


def quiz_widget(quiz: RatingSession) -> widgets.VBox:
    """A picture, a button for each answer, one to take the last answer back; goes on where the reader stopped.

    Once every question is answered, all pictures with both answers, the reader's curve where pictures have a mix, and a
    way to start again, for the next reader.
    """
    screen, line = widgets.Image(format="png"), widgets.Label()
    curve = widgets.Image(format="png", layout={"display": "none"})
    buttons = [widgets.Button(description=word) for word in quiz.questions.words]
    back = widgets.Button(description="back", icon="undo")
    again = widgets.Button(description="start again", icon="refresh")

    def show() -> None:
        number = quiz.next
        for button in buttons:
            button.disabled = quiz.done
        back.disabled = number == 0
        again.disabled = not quiz.done  # one click in the middle would cost the answers
        if number is None:
            line.value = "Done, thank you. This is how you and the machines see them:"
            screen.value = picture(quiz_page(quiz))
            if np.isfinite(quiz.questions.mixes).any():
                curve.value = picture(reader_curve(quiz))
                curve.layout.display = None
        else:
            curve.layout.display = "none"
            line.value = f"Picture {number + 1} of {len(quiz)}: what do you see?"
            screen.value = picture(one_picture(quiz, number))

    def click(button: widgets.Button) -> None:
        if not quiz.done:
            quiz.answer(quiz.next, button.description)
        show()

    def take_back(_button: widgets.Button) -> None:
        quiz.take_back()
        show()

    def start_again(_button: widgets.Button) -> None:
        quiz.start_again()
        show()

    for button in buttons:
        button.on_click(click)
    back.on_click(take_back)
    again.on_click(start_again)
    show()
    return widgets.VBox([line, screen, widgets.HBox([*buttons, back, again]), curve])


def one_picture(quiz: RatingSession, number: int) -> Figure:
    """Question `number` alone, enlarged without smoothing."""
    figure, ax = new_figure(width=SHOWN, height=SHOWN)
    ax.imshow(image_sheet(quiz.questions.images[[number]], 1, gaps=(0, 0)), interpolation="nearest")
    ax.set_axis_off()
    return figure
