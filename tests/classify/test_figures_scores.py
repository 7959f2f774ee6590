import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from clockodile.classify.figures import confusion_figure, reliability_figure, results_figure
from clockodile.classify.metrics import reliability_bins
from clockodile.core.errors import UserError
from clockodile.core.stats import summary

pytestmark = pytest.mark.filterwarnings("error")
RNG = np.random.default_rng(0)
LABELS = np.repeat([0, 1], 60)
SECOND = np.clip(RNG.normal(0.25 + 0.5 * LABELS, 0.2), 0.01, 0.99)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def words(figure) -> list[str]:
    """Everything that is written inside a figure's axes, once it is drawn."""
    figure.canvas.draw()
    texts = [text.get_text() for ax in figure.axes for text in ax.texts]
    legends = [text.get_text() for ax in figure.axes if ax.get_legend() for text in ax.get_legend().texts]
    return texts + legends


def results_table(*means: float) -> pd.DataFrame:
    rows = [(f"model {mean}", np.clip(RNG.normal(mean, 0.02, (2, 5)), 0, 1)) for mean in means]
    return pd.DataFrame([{"title": title, "scores": scores, **summary(scores)} for title, scores in rows])


def test_reliability_shows_all_bins_and_both_means():
    probability = np.stack([1 - SECOND, SECOND], 1)
    bins = reliability_bins(LABELS, probability)
    figure = reliability_figure(bins, bins, labels=("raw", "scaled"))
    assert [ax.get_title("left") for ax in figure.axes] == ["Raw", "Scaled"]
    accuracy = 100 * (probability.argmax(1) == LABELS).mean()
    assert sum(f"accuracy {accuracy:.1f} %" in text for text in words(figure)) == 2
    left, right = figure.axes[0].get_xlim()
    bottom, top = figure.axes[0].get_ylim()
    assert left < bins["confidence"].min() and right > bins["confidence"].max()
    assert bottom < bins["low"].min() and top >= bins["high"].max()


@pytest.mark.parametrize("threshold", [0.0, 0.5, 0.8, 1.0])
def test_the_confusion_matrix_counts_every_image_once(threshold):
    written = words(confusion_figure(LABELS, SECOND, ("clock", "crocodile"), threshold=threshold))
    counts = [int(text) for text in written if text.isdigit()]
    assert len(counts) == 4 and sum(counts[:2]) == sum(counts[2:]) == 60
    assert counts[3] == ((SECOND >= threshold) & (LABELS == 1)).sum()


def test_the_threshold_is_marked_on_both_curves():
    figure = confusion_figure(LABELS, SECOND, ("clock", "crocodile"), threshold=0.3)
    marks = [line for line in figure.axes[1].lines if line.get_marker() == "o"]
    curves = {line.get_label().split()[0]: line for line in figure.axes[1].lines if len(line.get_xdata()) > 2}
    assert {float(line.get_xdata()[0]) for line in marks} == {0.3}
    for mark, name in zip(marks, ("precision", "recall"), strict=True):
        places, values = curves[name].get_data()
        assert values[np.searchsorted(places, 0.3)] == pytest.approx(mark.get_ydata()[0])


def test_precision_without_any_call_is_said_in_words():
    written = words(confusion_figure(LABELS, SECOND, ("clock", "crocodile"), threshold=1.0))
    assert "precision: none called so" in written and "recall 0.0 %" in written


def test_a_threshold_is_for_two_classes():
    with pytest.raises(UserError, match="two classes"):
        confusion_figure(LABELS, SECOND, ("cat", "dog", "cow"))


def test_results_are_in_the_tables_order_with_every_score():
    table = results_table(0.8, 0.99, 0.7)
    figure = results_figure(table)
    ax = figure.axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == table["title"].tolist()
    assert words(figure) == [f"{100 * mean:.1f}" for mean in table["mean"]]
    assert sum(len(line.get_xdata()) == 10 for line in ax.lines) == 3
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first model on top


def test_no_interval_passes_one_hundred_percent():
    table = results_table(0.995)
    assert table["high"][0] > 1
    assert max(np.max(line.get_xdata()) for line in results_figure(table).axes[0].lines) <= 100
