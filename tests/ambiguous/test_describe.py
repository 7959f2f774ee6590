import numpy as np

from clockodile.ambiguous.describe import describe_evidence, quadrant_name

NAMES = ("clock", "crocodile", "cat")


def test_every_corner_has_its_name():
    corners = {(0.95, 0.1): "clock", (0.1, 0.95): "crocodile", (0.9, 0.9): "both", (0.89, 0.89): "neither"}
    for evidence, name in corners.items():
        assert quadrant_name(np.array([*evidence, 1.0]), NAMES, (0, 1)) == name


def test_the_pair_decides_which_classes_are_told():
    line = describe_evidence(np.array([0.9987, 0.5, 0.25]), NAMES, (0, 2))
    assert "clock: 99.9 %" in line and "cat: 25 %" in line and "crocodile" not in line
