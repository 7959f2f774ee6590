import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from clockodile.ambiguous.figures import (
    drawn_plane,
    evidence_plane,
    number_places,
    pairs_page,
    ranked_sheet,
    share_bars,
)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def words(figure):
    return [text.get_text() for ax in figure.axes for text in ax.texts]


def test_the_plane_shows_every_image_its_corners_and_the_diagonal(data):
    scores = np.random.default_rng(0).normal(size=(len(data), 2))
    figure = evidence_plane(
        scores,
        data,
        (0, 1),
        others=scores[:7],
        shown=np.arange(3),
        title="The plane",
    )
    ax, side = figure.axes
    points = {line.get_label(): len(line.get_xdata()) for line in ax.lines}
    assert points["striped"] == points["dotted"] == 60 and points["other things"] == 7
    assert {"both", "neither", "only striped", "only dotted"} <= set(words(figure))
    assert {"1", "2", "3"} <= {text.get_text() for text in ax.texts}
    assert [text.get_text()[:2] for text in side.texts] == ["1:", "2:", "3:"]
    assert any("diagonal" in str(line.get_label()) for line in ax.lines)


def test_the_drawing_names_all_corners(data):
    found = words(drawn_plane(data.images[:3], ("striped", "dotted")))
    assert {"both", "neither", "only striped", "only dotted", "?"} <= set(found)


@pytest.mark.parametrize("seed", range(5))
def test_numbers_do_not_hide_points_or_each_other(seed):
    points = np.random.default_rng(seed).random((8, 2))
    places = number_places(points)
    every = np.concatenate([points, places])
    gaps = np.linalg.norm(every[:, None] - every, axis=2) + np.eye(len(every))
    assert gaps[len(points) :].min() > 0.02 and np.allclose(np.linalg.norm(places - points, axis=1), 0.045)


def test_the_highest_score_comes_first_and_the_colours_are_explained(data):
    score = np.linspace(0, 1, len(data))
    figure = ranked_sheet(data, score, title="Highest", most=3)
    assert [caption.split(": ")[1] for caption in words(figure)] == ["1.00", "0.99", "0.98"]
    title = figure.axes[0].get_title(loc="left") + figure.axes[0].get_title()
    assert "orange: striped, green: dotted" in title


def test_a_bar_for_each_kind_of_picture():
    images = {kind: np.zeros((5, 8, 8, 3), np.uint8) for kind in ("noise", "stripes")}
    left, ax = share_bars(pd.Series({"noise": 0.8, "stripes": 0.4}), images, title="", usual=0.1).axes
    assert [text.get_text() for text in left.get_yticklabels()] == ["noise", "stripes"]
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([80, 40])
    assert {"80 %", "40 %"} <= {text.get_text() for text in ax.texts}


def test_each_pair_stands_side_by_side(data):
    pairs = pd.DataFrame({"row": [0, 5], "partner": [70, 80], "similarity": [0.5, 0.4]})
    assert words(pairs_page(data, pairs)) == ["0 and 70", "5 and 80"]
