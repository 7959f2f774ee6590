import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from clockodile.hybrids import psychometrics
from clockodile.hybrids.figures_measured import (
    BARS,
    beside_nearest,
    both_figure,
    psychometric_figure,
    quality_figure,
    rating_curve_figure,
    rating_page,
)
from clockodile.hybrids.psychometrics import psychometric, psychometric_curve
from clockodile.hybrids.quiz import RatingSession, choose_questions

NAMES = ("striped", "dotted")


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def words(figure):
    return [text.get_text() for ax in figure.axes for text in ax.texts]


def legend(holder):
    """Of axes, or of a figure with its legend outside."""
    found = holder.legends[0] if hasattr(holder, "legends") else holder.get_legend()
    return [text.get_text() for text in found.get_texts()]


@pytest.fixture(scope="module")
def curves():
    mixes, rng = np.linspace(0, 1, 7), np.random.default_rng(0)
    second = rng.random((7, 30)) < psychometric(mixes, 0.5, 12)[:, None]
    evidence = np.where(second[..., None], [0.1, 0.97], [0.97, 0.1])
    evidence[3, :6] = 0.99
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psychometrics, "RESAMPLES", 20)
        found = psychometric_curve(mixes, evidence, (0, 1))
    return {"pixel blend": found, "flow": found}


def test_each_method_turns_on_its_own_curve(curves):
    figure = psychometric_figure(curves, NAMES)
    (ax,) = figure.axes
    assert [text.split(":")[0] for text in legend(figure)] == ["pixel blend", "flow"]
    assert "PSE 0.5" in legend(figure)[0]
    smooth = [line for line in ax.lines if len(line.get_xdata()) == 200]
    assert len(smooth) == 2 and len({line.get_color() for line in smooth}) == 2
    assert NAMES[0] in ax.get_xlabel() and NAMES[1] in ax.get_xlabel()


def test_what_is_one_class_from_the_start_does_not_turn():
    mixes = np.linspace(0, 1, 7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psychometrics, "RESAMPLES", 20)
        always = psychometric_curve(mixes, np.tile([0.1, 0.97], (7, 20, 1)), (0, 1))
    assert legend(psychometric_figure({"GAN": always}, NAMES)) == ["GAN: does not turn"]


def test_the_share_of_both_peaks_where_it_was_measured(curves):
    (ax,) = both_figure(curves, NAMES).axes
    (line, *_) = [line for line in ax.lines if line.get_label().startswith("pixel blend")]
    assert line.get_xdata()[line.get_ydata().argmax()] == curves["flow"].both_mix
    assert ax.get_ylim()[1] >= 100 * curves["flow"].both.high


def test_every_measure_has_a_dot_for_each_method():
    table = pd.DataFrame({"method": ["photographs", "flow", "blend"]})
    for place, column in enumerate(BARS):
        table[column] = (place + np.array([1, 2, 3])) / 20
        table[f"{column}_low"], table[f"{column}_high"] = table[column] - 0.03, table[column] + 0.03
    figure = quality_figure(table, columns=tuple(BARS))
    assert len(figure.axes) == len(BARS)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == table["method"].tolist()
    assert np.allclose(figure.axes[0].lines[0].get_xdata(), [5, 10, 15]), "in per cent"
    assert np.allclose(figure.axes[0].collections[0].get_segments()[1][:, 0], [7, 13]), "and its interval"


def test_made_pictures_stand_above_their_neighbours(data):
    figure = beside_nearest(data.images[:8], data.images[8:16], np.linspace(0, 1, 8), ids=data.ids[8:16])
    shown = words(figure)
    assert {"made", "nearest\nknown", "0.00", "1.00", "8", "15"} <= set(shown)


@pytest.fixture
def quiz(data, tmp_path):
    rng = np.random.default_rng(0)
    groups = {"blend": (data.images, rng.random((len(data), 2)))}
    mixes = {"blend": rng.random(len(data))}
    return RatingSession(tmp_path, choose_questions(groups, NAMES, mixes=mixes))


def test_the_page_shows_what_the_judge_says_and_then_both_answers(quiz):
    assert words(rating_page(quiz)) == [str(word) for word in quiz.questions.judged]
    quiz.answer("both")
    figure = rating_page(quiz)
    assert words(figure)[0].endswith("/ both") and "/" not in words(figure)[1]
    assert "of 1 pictures" in figure.axes[0].get_title(loc="left")


def test_the_raters_curve_lies_beside_the_judges(quiz):
    for mix in quiz.questions.mixes:
        quiz.answer(NAMES[int(mix > 0.5)])
    (ax,) = rating_curve_figure(quiz).axes
    assert legend(ax) == ["you", "the judge"] and ax.lines[0].get_ydata()[-1] == 100
