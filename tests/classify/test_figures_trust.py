import numpy as np
import pandas as pd
import pytest
import torch

from clockodile.classify import figures
from clockodile.classify.explanation import deletion_curve
from clockodile.classify.robustness import ORIGINAL

pytestmark = pytest.mark.usefixtures("drawn_and_closed")


def words(figure):
    found = [figure.get_suptitle(), *(text.get_text() for ax in figure.axes for text in ax.texts)]
    return found + [label.get_text() for ax in figure.axes for label in ax.get_yticklabels()]


def pictures(count=6):
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def test_a_curve_for_every_model():
    rows = [
        (name, eps, 0.9 - eps / 10, 0.8 - eps / 10, 1 - eps / 10)
        for name in "abcdefgh"
        for eps in (0, 0.5, 2)
    ]
    table = pd.DataFrame(rows, columns=["model", "epsilon", "accuracy", "low", "high"])
    figure = figures.epsilon_curves(table, chance=0.5)
    (ax,) = figure.axes
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list("abcdefgh")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "0.5", "2"]


@pytest.mark.parametrize("examples", [None, {ORIGINAL: np.zeros((8, 8, 3), np.uint8)}])
def test_changes_are_named_with_their_paired_difference(examples):
    table = pd.DataFrame(
        [(ORIGINAL, 0.9, 0.85, 0.95, 0, 0, 0), ("grey", 0.8, 0.75, 0.85, -0.1, -0.12, -0.08)],
        columns="change accuracy low high difference difference_low difference_high".split(),
    )
    said = words(figures.corruption_bars(table, examples=examples, chance=0.5))
    assert {ORIGINAL, "grey", "90.0", "80.0   (−10.0 ± 2.0)"} <= set(said)


@pytest.mark.parametrize("methods", [["grad_cam"], ["gradient", "integrated_gradients", "grad_cam"]])
def test_deletion_has_a_panel_for_every_method(methods):
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 256, 2))
    labels = torch.zeros(6, dtype=torch.long)
    table = deletion_curve(net, pictures(), labels, pictures()[:, 0], steps=2)
    figure = figures.deletion_figure({method: table for method in methods})
    assert len(figure.axes) == len(methods)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(figures.ORDERS)
