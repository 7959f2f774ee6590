import numpy as np

from clockodile.ambiguous.describe import describe_evidence, describe_statistics, quadrant_name

NAMES, COLUMNS = ("clock", "crocodile", "cat"), ("brightness", "contrast", "saturation", "edges", "red")


def test_every_corner_has_its_name():
    corners = {(0.95, 0.1): "clock", (0.1, 0.95): "crocodile", (0.9, 0.9): "both", (0.89, 0.89): "neither"}
    for evidence, name in corners.items():
        assert quadrant_name(np.array([*evidence, 1.0]), NAMES, (0, 1)) == name


def test_the_pair_decides_which_classes_are_told():
    line = describe_evidence(np.array([0.9987, 0.5, 0.25]), NAMES, (0, 2))
    assert "clock: 99.9 %" in line and "cat: 25 %" in line and "crocodile" not in line


def test_only_the_unusual_is_worth_a_word():
    assert describe_statistics(np.array([0.5, 0.5, 0.5, 0.5, 0.99]), COLUMNS) == ""
    assert describe_statistics(np.array([0.95, 0.01, 0.5, 0.92, 0.5]), COLUMNS) == "pale and bright"
