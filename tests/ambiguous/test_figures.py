import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from clockodile.ambiguous.figures import (
    drawn_plane,
    edge_places,
    evidence_plane,
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
        limit=np.array([1.0, 2.0]),
        others=scores[:7],
        shown=np.arange(3),
        title="The plane",
    )
    (ax,) = figure.axes
    points = {line.get_label(): len(line.get_xdata()) for line in ax.lines}
    assert points["striped"] == points["dotted"] == 60 and points["other things"] == 7
    assert {"both", "neither", "only striped", "only dotted"} <= set(words(figure))
    assert any(np.array_equal(line.get_xdata(), [1, 1]) for line in ax.lines)
    assert any("diagonal" in str(line.get_label()) for line in ax.lines)


def test_the_drawing_names_all_corners(data):
    found = words(drawn_plane(data.images[:3], ("striped", "dotted")))
    assert {"both", "neither", "only striped", "only dotted", "?"} <= set(found)


def cross(one, other):
    """Whether two lines, each two points, have a point in common."""

    def side(p, q, r):
        return np.sign((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]))

    (a, b), (c, d) = one, other
    return side(a, b, c) != side(a, b, d) and side(c, d, a) != side(c, d, b)


@pytest.mark.parametrize("seed", range(5))
def test_lines_to_pictures_outside_do_not_cross(seed):
    points = np.random.default_rng(seed).random((8, 2))
    places = edge_places(points)
    assert len({tuple(place) for place in places}) == 8 and (places.max(1) > 1).all()
    lines = list(zip(points, places, strict=True))
    assert not any(cross(lines[i], lines[j]) for i in range(8) for j in range(i))


def test_the_highest_score_comes_first_and_the_colours_are_explained(data):
    score = np.linspace(0, 1, len(data))
    figure = ranked_sheet(data, score, title="Highest", most=3)
    assert [caption.split(": ")[1] for caption in words(figure)] == ["1.00", "0.99", "0.98"]
    title = figure.axes[0].get_title(loc="left") + figure.axes[0].get_title()
    assert "orange: striped, green: dotted" in title


def test_a_bar_for_each_kind_of_picture():
    (ax,) = share_bars(pd.Series({"noise": 0.8, "stripes": 0.4}), title="", usual=0.1).axes
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([80, 40])
    assert {"80 %", "40 %"} <= {text.get_text() for text in ax.texts}


def test_each_pair_stands_side_by_side(data):
    pairs = pd.DataFrame({"row": [0, 5], "partner": [70, 80], "similarity": [0.5, 0.4]})
    assert words(pairs_page(data, pairs)) == ["0 and 70", "5 and 80"]
