"""What figures of notebook 04 show."""

import pandas as pd
import pytest

from clockodile.hybrids.figures import VOICES, rows_of_tiles, shares, straight_way


@pytest.fixture(autouse=True)
def drawn(drawn_and_closed):
    return


def test_lines_of_pictures_are_as_long_as_they_are(data):
    figure = rows_of_tiles({"a long name that needs some lines": data.images[:3], "b": data.images[:5]})
    assert len(figure.axes) == 2
    shapes = {ax.images[0].get_array().shape for ax in figure.axes}
    assert len(shapes) == 1, "the shorter line is filled with paper"
    words = figure.axes[0].texts[0].get_text()
    assert words.replace("\n", " ") == "a long name that needs some lines" and "\n" in words


def test_the_way_leads_through_every_mixture_to_one_of_three_photographs(data):
    (ax,) = straight_way(data.images[:5], data.images[5:7]).axes
    assert len(ax.artists) == 7 and len(ax.lines) == 2
    assert "velocity" in ax.texts[1].get_text()


def test_each_voice_has_a_dot_for_each_method():
    shares_of = {"both": [0.1, 0.5], "viewers": [0.0, 0.3]}
    ends = {"both_low": [0.1 + 1e-12, 0.4], "both_high": [0.2, 0.6]}  # rounding is no error
    ends |= {"viewers_low": [0.0, 0.1], "viewers_high": [0.1, 0.5]}
    table = pd.DataFrame(shares_of | ends, index=["blend", "flow"])
    figure = shares(table, VOICES, title="who says so")
    (ax,) = figure.axes
    assert [bars[0].get_xdata().tolist() for bars in ax.containers] == [[10, 50], [0, 30]]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["blend", "flow"]
    assert {text.get_text() for text in figure.legends[0].texts} == {words for words, _ in VOICES.values()}
