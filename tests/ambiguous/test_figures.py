import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from clockodile.ambiguous.figures import (
    evidence_plane,
    label_places,
    pairs_page,
    ranked_sheet,
    stability_bars,
)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def words(figure):
    return [text.get_text() for ax in figure.axes for text in ax.texts]


def test_the_plane_shows_every_image_its_corners_and_the_limits(data):
    scores = np.random.default_rng(0).normal(size=(len(data), 2))
    figure = evidence_plane(
        scores,
        data.labels,
        data.classes,
        {"5 %": (1.0, 2.0)},
        others=scores[:7],
        pictures=(data.images[:3], np.arange(3)),
    )
    (ax,) = figure.axes
    points = {line.get_label(): len(line.get_xdata()) for line in ax.lines}
    assert points["striped"] == points["dotted"] == 60 and points["other things"] == 7
    assert {"both", "neither", "only striped", "only dotted"} <= set(words(figure))
    assert any(np.array_equal(line.get_xdata(), [1, 1]) for line in ax.lines)


def test_the_highest_score_comes_first(data):
    score = np.linspace(0, 1, len(data))
    captions = words(ranked_sheet(data, score, title="", most=3))
    assert [caption.split(": ")[1] for caption in captions] == ["1.00", "0.99", "0.98"]
    lowest = words(ranked_sheet(data, score, title="", by=-score, most=1))
    assert lowest == ["0: 0.00"]


def test_pictures_of_points_do_not_cover_each_other():
    points = np.array([[0, 3], [1, 2], [5, 9], [2, 0], [3, 1.0]])
    places = label_places(points)
    assert len({tuple(place) for place in places}) == 5 and ((places > 0.5) & (places < 1)).all()
    above = places[:, 1] == places[:, 1].max()
    assert points[above, 1].min() > points[~above, 1].max(), "higher points in the upper line"
    assert (np.diff(places[above, 0][np.argsort(points[above, 0])]) > 0).all(), "from left to right"


def test_a_sheet_says_what_its_colours_mean_and_can_be_sorted(data):
    score = np.linspace(0, 1, len(data))
    figure = ranked_sheet(data, score, title="Middle", by=-np.abs(score - 0.5), most=4, digits=3, sort=True)
    shown = [float(word.split(": ")[1]) for word in words(figure)]
    assert shown == sorted(shown, reverse=True) and len({f"{x:.3f}" for x in shown}) == 4
    title = figure.axes[0].get_title(loc="left") + figure.axes[0].get_title()
    assert "orange: striped, green: dotted" in title


def test_each_pair_stands_side_by_side(data):
    pairs = pd.DataFrame({"row": [0, 5], "partner": [70, 80], "similarity": [0.5, 0.4]})
    shown = [word for word in words(pairs_page(data, pairs)) if word]
    assert shown == ["0", "70", "5", "80"]


def test_the_most_stable_method_is_on_top():
    table = pd.DataFrame(
        {
            "method": ["a", "b"],
            "overlap": [0.7, 0.2],
            "low": [0.5, 0.1],
            "high": [0.8, 0.4],
            "ours": [True, False],
        }
    )
    (ax,) = stability_bars(table, chance=0.02).axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["b", "a"]
    assert [bar.get_width() for bar in ax.patches] == [0.2, 0.7]
