"""A check tells right from wrong and never the answer."""

import numpy as np
import pytest

from clockodile.show.exercise import check


@pytest.mark.parametrize(
    "answer, truth, tolerance, said",
    [
        (None, 3, 0, "Not answered yet."),
        (3, 3, 0, "Right."),
        (3.04, 3, 0.05, "Right."),
        (np.float32(68.4), 68.41, 0.05, "Right."),
        (4, 3, 0, "Not yet: too high."),
        (0.2, 0.3, 0.05, "Not yet: too low."),
        ("three", 3, 0, "Not yet: a number is asked for."),
        (True, True, 0, "Right."),
        ("clock", "crocodile", 0, "Not yet."),
        ([1, 2, 4], [1, 2, 3], 0, "Not yet: 67% of the numbers are right."),
        ([1, 2], [1, 2, 3], 0, "Not yet: the shape is (2,), it should be (3,)."),
        (float("nan"), 3, 0, "Not yet: too low."),
    ],
)
def test_what_is_said(capsys, answer, truth, tolerance, said):
    check(answer, lambda: truth, tolerance=tolerance)
    assert capsys.readouterr().out == said + "\n"


def test_nothing_is_computed_for_an_open_exercise(capsys):
    check(None, lambda: 1 / 0)
    assert capsys.readouterr().out == "Not answered yet.\n"
