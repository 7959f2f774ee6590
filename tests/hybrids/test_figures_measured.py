import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from clockodile.hybrids import psychometrics
from clockodile.hybrids.figures_measured import (
    BARS,
    beside_nearest,
    both_figure,
    hybrid_plane,
    quality_bars,
    quiz_page,
    reader_curve,
    spread_out,
    turning_figure,
)
from clockodile.hybrids.psychometrics import measure_turning, psychometric
from clockodile.hybrids.reader import Quiz, choose_questions

NAMES = ("striped", "dotted")


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def words(figure):
    return [text.get_text() for ax in figure.axes for text in ax.texts]


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


@pytest.fixture(scope="module")
def curves():
    mixes, rng = np.linspace(0, 1, 7), np.random.default_rng(0)
    second = rng.random((7, 30)) < psychometric(mixes, 0.5, 12)[:, None]
    evidence = np.where(second[..., None], [0.1, 0.97], [0.97, 0.1])
    evidence[3, :6] = 0.99
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psychometrics, "RESAMPLES", 20)
        found = measure_turning(mixes, evidence, (0, 1))
    return {"pixel blend": found, "flow": found}


def test_each_method_turns_on_its_own_curve(curves):
    (ax,) = turning_figure(curves, NAMES).axes
    assert [text.split(":")[0] for text in legend(ax)] == ["pixel blend", "flow"]
    smooth = [line for line in ax.lines if len(line.get_xdata()) == 200]
    assert len(smooth) == 2 and len({line.get_color() for line in smooth}) == 2
    assert NAMES[0] in ax.get_xlabel() and NAMES[1] in ax.get_xlabel()


def test_the_share_of_both_peaks_where_it_was_measured(curves):
    (ax,) = both_figure(curves, NAMES).axes
    line = ax.lines[0]
    assert line.get_xdata()[line.get_ydata().argmax()] == curves["flow"].both_mix
    assert ax.get_ylim()[1] >= 100 * curves["flow"].both.high


def test_every_measure_has_a_bar_for_each_method():
    table = pd.DataFrame({"method": ["photographs", "flow", "blend"]})
    for place, column in enumerate(BARS):
        table[column] = (place + np.array([1, 2, 3])) / 20
        table[f"{column}_low"], table[f"{column}_high"] = table[column] - 0.03, table[column] + 0.03
    figure = quality_bars(table, columns=tuple(BARS))
    assert len(figure.axes) == len(BARS) and all(len(ax.patches) == 3 for ax in figure.axes)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == table["method"].tolist()
    assert np.isclose(figure.axes[0].patches[1].get_width(), 10)  # in per cent


def test_the_plane_shows_pictures_and_names_the_corner(data):
    scores = np.random.default_rng(0).normal(size=(60, 2))
    figure = hybrid_plane(data.images[:60], scores, (1.0, 1.2), NAMES, others=scores, most=20)
    assert "both " in words(figure) and len(figure.axes[0].artists) == 20


def test_chosen_points_lie_apart_and_are_different():
    points = np.concatenate([np.zeros((50, 2)), np.eye(2) * 9, -np.eye(2) * 9])
    chosen = spread_out(points, 5)
    assert {50, 51, 52, 53} <= set(chosen.tolist()) and len(set(chosen.tolist())) == 5
    assert sorted(spread_out(points[:3], 10).tolist()) == [0, 1, 2]


def test_made_pictures_stand_above_their_neighbours(data):
    figure = beside_nearest(
        data.images[:8], data.images[8:16], np.linspace(0, 0.4, 8), ids=data.ids[8:16], typical=0.4
    )
    shown = words(figure)
    assert {"made", "nearest\nknown", "0.00", "1.00", "8", "15"} <= set(shown)


@pytest.fixture
def quiz(data, tmp_path):
    rng = np.random.default_rng(0)
    groups = {"blend": (data.images, rng.random((len(data), 2)))}
    mixes = {"blend": rng.random(len(data))}
    return Quiz(tmp_path, choose_questions(groups, NAMES, mixes=mixes))


def test_the_page_shows_what_the_judge_says_and_then_both_answers(quiz):
    assert words(quiz_page(quiz)) == [str(word) for word in quiz.questions.judged]
    quiz.answer(0, "both")
    figure = quiz_page(quiz)
    assert words(figure)[0].endswith("/ both") and "/" not in words(figure)[1]
    assert "of 1 pictures" in figure.axes[0].get_title(loc="left")


def test_the_readers_curve_lies_beside_the_judges(quiz):
    for number, mix in enumerate(quiz.questions.mixes):
        quiz.answer(number, NAMES[int(mix > 0.5)])
    (ax,) = reader_curve(quiz).axes
    assert legend(ax) == ["you", "the judge"] and ax.lines[0].get_ydata()[-1] == 100
