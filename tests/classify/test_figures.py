import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from made_photos import striped_dataset
from matplotlib.colors import to_hex
from torch import nn

from clockodile.classify import figures
from clockodile.classify.metrics import reliability_bins
from clockodile.core.stats import summary
from clockodile.show.plots import class_colour

pytestmark = pytest.mark.usefixtures("drawn_and_closed")
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def unsaved(monkeypatch):
    """The figures themselves, neither written nor closed."""
    monkeypatch.setattr(figures, "show_figure", lambda figure, *words: figure)


def words(figure) -> list[str]:
    """Everything that is written in a figure."""
    figure.canvas.draw()
    texts = [text.get_text() for ax in figure.axes for text in ax.texts]
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    legends = [text.get_text() for ax in figure.axes if ax.get_legend() for text in ax.get_legend().texts]
    return [figure.get_suptitle(), *texts, *titles, *legends]


def pictures(count=6):
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def test_the_filter_shows_its_numbers_and_their_sum():
    grey, kernel = torch.zeros(16, 16), torch.tensor([[-1.0, 0.0, 1.0]] * 3)
    grey[:, 5] = 0.5  # a bright line right of the place
    figure = figures.show_filter(None, grey, kernel, (8, 4), torch.rand(14, 14) - 0.5)
    said = words(figure)
    assert "products, sum +1.50" in said and said.count("0.50") == 6 and said.count("−1.00") == 3


def test_every_step_downhill_is_marked():
    figure = figures.show_descent(None, lambda weight: weight**2, [(-2, 4), (-1, 1), (0, 0)])
    curve, steps = figure.axes[1].lines
    assert steps.get_xdata().tolist() == [-2, -1, 0] and np.allclose(curve.get_ydata(), curve.get_xdata() ** 2)


def test_learning_is_drawn_from_its_first_epoch_on():
    rows = [(0.5, 0.6), (0.9, 0.7)]
    figure = figures.accuracy_by_epoch({"plain": rows, "not yet": []}, epochs=5)
    assert {"plain", "learned from: 90.0 %", "unseen: 70.0 %", "unseen"} <= set(words(figure))
    assert figure.axes[0].lines[1].get_ydata().tolist() == [60, 70] and figure.axes[0].get_xlim()[1] > 5


def test_results_are_written_beside_their_row():
    rows = [(f"model {mean}", np.clip(RNG.normal(mean, 0.02, (2, 5)), 0, 1)) for mean in (0.5, 0.99)]
    table = pd.DataFrame([{"title": t, "scores": scores, **summary(scores)} for t, scores in rows])
    figure = figures.show_results(None, table)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["model 0.5", "model 0.99"]
    assert {f"{100 * mean:.1f}" for mean in table["mean"]} <= set(words(figure))
    assert max(max(line.get_xdata()) for line in figure.axes[0].lines if len(line.get_xdata()) == 2) <= 100


def errors(count):
    """The figure of `count` errors with two neighbours each, and the data."""
    data = striped_dataset()
    rows = np.arange(count)
    near = np.stack([rows + 1, rows + 2], 1)
    probability = np.full((len(data), 2), [0.25, 0.75])
    return figures.errors_with_neighbours(data, rows, near, probability), data


def test_every_error_has_its_name_its_probability_and_its_neighbours(monkeypatch):
    monkeypatch.setattr(figures, "COLUMNS", 3)
    figure, data = errors(5)
    said = words(figure)
    assert {f"{name.rsplit('/', 1)[-1]}: 75 %" for name in data.ids[:5]} <= set(said)
    assert said.count("wrong") == 2 and said.count("its nearest\n(2)") == 2
    bars = [to_hex(bar.get_facecolor()) for bar in figure.axes[1].patches]
    assert bars == [to_hex(class_colour(label)) for label in data.labels[1:4]], "of the nearest, in its true colour"


def test_errors_that_do_not_fit_are_counted_and_none_is_a_figure_too(monkeypatch):
    monkeypatch.setattr(figures, "ERRORS", 4)
    assert errors(5)[0].get_suptitle().startswith("The 4 surest of 5 errors, ")
    assert errors(0)[0].axes[0].get_title(loc="left") == "No errors at all"


@pytest.mark.parametrize("count", [3, 200])
def test_reliability_sets_the_promise_beside_what_was_kept(count):
    second = RNG.uniform(0.01, 0.99, count)
    labels, probability = np.arange(count) % 2, np.stack([1 - second, second], 1)
    bins = reliability_bins(labels, probability)
    for ax in figures.show_reliability(None, labels, probability, probability).axes:
        right, sure = (line.get_ydata() for line in ax.lines)
        assert np.array_equal(right, bins["accuracy"]) and np.array_equal(sure, bins["confidence"])


def test_a_curve_for_every_net_and_the_line_of_guessing():
    figure = figures.accuracy_curves({"one": [0.9, 0.5], "other": [0.8, 0.7]}, [0, 4], xlabel="x", chance=0.5)
    assert {"one", "other", "guessing"} <= set(words(figure))
    assert figure.axes[0].lines[0].get_ydata().tolist() == [90, 50]


class FirstPixel(nn.Module):
    """Says the first class with probability 0.75 where the first pixel is dark, else 0.25."""

    def __init__(self):
        super().__init__()
        self.middle = nn.Parameter(torch.tensor(0.5))

    def forward(self, images):
        dark = images[:, 0, 0, 0] < self.middle
        return torch.where(dark[:, None], torch.tensor([3.0, 1]), torch.tensor([1.0, 3])).log()


def test_the_attack_grid_says_what_was_done_and_what_came_of_it():
    images, classes = pictures(), ("$5_a", "a class with a long name")
    images[:, :, 0, 0] = 0.499
    attacked = (images + 4 / 255 * (pictures().flip(0) - 0.5).sign()).clamp(0, 1)
    attacked[:, :, 0, 0] = 0.499 + 4 / 255
    told = words(figures.show_fooled(None, FirstPixel(), images, attacked, classes))
    assert {"original", "change\n× 32", "attacked", "$5_a 75 %", "a class wi… 75 %"} <= set(told)
    assert any("more than 4 of 255" in text for text in told)


def test_an_attack_that_changed_nothing_can_be_shown():
    figures.show_fooled(None, FirstPixel(), pictures(2), pictures(2), "xy")


def test_maps_and_changed_pictures_have_a_row_each():
    assert {"picture", "net", "blank"} <= set(
        words(figures.show_maps(None, pictures(), {"net": torch.rand(6, 16, 16), "blank": torch.zeros(6, 16, 16)}))
    )
    assert {"as it is", "noisy"} <= set(words(figures.show_grain(None, {"as it is": pictures(), "noisy": pictures()})))
    assert plt.get_fignums()
