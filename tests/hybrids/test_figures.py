"""What figures of notebook 04 show."""

import numpy as np
import pytest

from clockodile.hybrids.figures import learning_figure, rows_of_tiles


@pytest.fixture(autouse=True)
def drawn(drawn_and_closed):
    return


@pytest.mark.parametrize("moments, shown", [(1, ["100"]), (3, ["100", "200", "300"]), (8, 3)])
def test_a_line_for_each_moment_from_the_first_to_the_last(moments, shown):
    steps = [100 * number for number in range(1, moments + 1)]
    sheets = {step: np.full((2, 8, 4, 4, 3), number, np.uint8) for number, step in enumerate(steps)}
    curve, grid = learning_figure(np.linspace(1, 0.2, moments), sheets, names=("cat", "dog")).axes
    *heads, found = grid.texts[0].get_text(), grid.texts[1].get_text(), [t.get_text() for t in grid.texts[2:]]
    assert heads == ["cat", "dog"]
    if isinstance(shown, int):
        assert len(found) == shown and (found[0], found[-1]) == ("100", "800")
    else:
        assert found == shown
    assert curve.lines[0].get_xdata().tolist() == steps
    sheet = grid.images[0].get_array()
    assert sheet[0, 0, 0] == 0 and sheet[-3, 0, 0] == moments - 1, "early above, late below"


def test_the_first_class_stands_left_of_the_second():
    sheets = {5: np.stack([np.full((8, 4, 4, 3), 50 * line) for line in (2, 0)])}
    _, grid = learning_figure([0.5], sheets, names=("cat", "dog")).axes
    row = grid.images[0].get_array()[1, :, 0]
    assert row[row != 255].tolist() == [100] * 4 * 8 + [0] * 4 * 8
    first, second, *_ = (text.get_position()[0] for text in grid.texts)
    assert first < np.flatnonzero(row == 0).min() < second, "names stand above their class"


def test_lines_of_pictures_are_as_long_as_they_are(data):
    figure = rows_of_tiles({"a long name that needs some lines": data.images[:3], "b": data.images[:5]})
    assert len(figure.axes) == 2
    shapes = {ax.images[0].get_array().shape for ax in figure.axes}
    assert len(shapes) == 1, "the shorter line is filled with paper"
    words = figure.axes[0].texts[0].get_text()
    assert words.replace("\n", " ") == "a long name that needs some lines" and "\n" in words
