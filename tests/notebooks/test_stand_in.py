"""Without photographs everything runs on the drawn stand-in, and every figure made from it says so."""

import numpy as np
import PIL.Image
import pytest
from matplotlib.colors import to_rgb

from clockodile.app.cli import main
from clockodile.core.recipes import DEFAULT_RECIPE, RECIPES
from clockodile.show import plots

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
LAST = RECIPES[DEFAULT_RECIPE].sources[-1]  # what is taken when nothing else can be had


def test_the_stand_in_says_so_everywhere(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("CLOCKODILE_DATA", raising=False)
    # notebook 01 alone: the others draw with the same helper, and on images of their own in test_small_folder.py
    assert main(["run", "--source", LAST, "--out", str(tmp_path), "--only", "01"]) == 0
    assert "stand-in images, not photographs" in capsys.readouterr().out
    assert "these images are not photographs" in (tmp_path / "report.html").read_text("utf-8")
    figures = list((tmp_path / "figures").glob("*.png"))
    assert len(figures) >= 5 and all(stamped(path) for path in figures)


def stamped(path) -> bool:
    """Whether the red label of the stand-in is in the figure, in its lower right corner."""
    alarm = np.round(np.multiply(to_rgb(plots.ALARM), 255)).astype(int)
    picture = np.asarray(PIL.Image.open(path).convert("RGB"))[-40:, -160:]
    return int((picture == alarm).all(2).sum()) > 200
