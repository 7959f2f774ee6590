"""What a person sees of the quiz: a numbered sheet, the same with buttons, and the answers of a class."""

import io
from pathlib import Path

import ipywidgets as widgets
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from clockodile.hybrids.quiz import Quiz, save_answers
from clockodile.show.plots import BLUE, new_figure, tile_figure

SIDE = 256  # pixels of the picture that is asked about


def quiz_widget(quiz: Quiz, file: Path) -> widgets.VBox:
    """One picture at a time, a button for each answer and one to go back; every click is kept in `file`.

    It goes on where the person stopped. Raises UserError when the file holds answers to other pictures.
    """
    said = list(quiz.read(file)["answer"])  # in the order of the pictures: none can be left out
    line, screen = widgets.Label(), widgets.Image(format="png", layout={"align_self": "flex-start"})
    buttons = [widgets.Button(description=word) for word in quiz.words]
    back = widgets.Button(description="back", icon="undo")

    def show() -> None:
        count, buffer = len(quiz.rows), io.BytesIO()
        done = len(said) == count
        image = Image.fromarray(quiz.images[min(len(said), count - 1)])
        image.resize((SIDE, SIDE), Image.Resampling.NEAREST).save(buffer, format="PNG")
        line.value, screen.value = f"Picture {len(said) + 1} of {count}: what do you see?", buffer.getvalue()
        if done:
            line.value = f"Done, thank you: {count} answers in {file}. Now run the cells below."
        back.disabled = not said
        for button in buttons:
            button.disabled = done

    def keep(words: list[str]) -> None:
        said[:] = words
        save_answers(file, quiz.table(said))
        show()

    for button in buttons:
        button.on_click(lambda clicked: keep([*said, clicked.description]))
    back.on_click(lambda _: keep(said[:-1]))
    show()
    return widgets.VBox([line, widgets.HBox([screen, widgets.VBox([*buttons, back])])])


def number_sheet(quiz: Quiz) -> Figure:
    """All pictures with their numbers and nothing else: to answer on paper, or in a dictionary."""
    numbers = [str(number) for number in range(1, len(quiz.rows) + 1)]
    title = f"For each: {', '.join(quiz.words[:3])} or {quiz.words[3]}?"
    return tile_figure(quiz.images, columns=8, captions=numbers, title=title, size=8)


def answers_figure(table: pd.DataFrame) -> Figure:
    """Shares of the answers with their 95 % intervals: a panel an answer, a row a source. table: of `count_answers`."""
    sources, words = list(table["source"].unique()), list(table["answer"].unique())
    rows, height = range(len(sources)), 1.2 + 0.36 * len(sources)
    figure, axes = new_figure(1, len(words), height=height, sharex=True, sharey=True, squeeze=False)
    for ax, word in zip(axes[0], words, strict=True):
        part = table[table["answer"] == word].set_index("source").loc[sources]
        ax.hlines(rows, 100 * part["low"], 100 * part["high"], color=BLUE, linewidth=1.6)
        ax.plot(100 * part["share"], rows, "o", color=BLUE, ms=5)
        ax.set(xlim=(-3, 103), xlabel=f"{word}, %", yticks=rows, yticklabels=sources)
        ax.grid(axis="y", visible=False)
    axes[0, 0].invert_yaxis()
    return figure
