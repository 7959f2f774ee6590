"""Curves of learning: a thin line for each net, a thick mean, what was only watched beside what was learned."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from clockodile.classify import figures

HISTORIES = [
    {
        "learning_rate": [0.001, 0.002, 0.0],
        "loss": [0.7, 0.5, 0.3 + shift],
        "accuracy": [0.5, 0.8, 0.9],
        "validation_loss": [0.7, 0.6, 0.6 + shift],
        "validation_accuracy": [0.5, 0.7, 0.75],
    }
    for shift in (0.0, 0.1)
]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def lines(ax):
    return [line.get_ydata() for line in ax.lines]


def test_training_curves_show_each_net_and_their_mean():
    figure = figures.training_curves(HISTORIES, epochs=5)
    assert [ax.get_title(loc="left") for ax in figure.axes] == [title for title, _ in figures.PANELS.values()]
    assert np.allclose(lines(figure.axes[1]), [[0.7, 0.5, 0.3], [0.7, 0.5, 0.4], [0.7, 0.5, 0.35]])
    assert np.allclose(lines(figure.axes[2])[-1], [50, 80, 90])
    assert all(ax.get_xlim() == (0, 5) for ax in figure.axes)


def test_watched_curves_tell_what_was_learned_from_what_was_not():
    figure = figures.watched_curves(HISTORIES)
    loss, accuracy = figure.axes
    assert [text.get_text() for text in loss.get_legend().get_texts()] == ["learned from", "only watched"]
    assert np.allclose(lines(loss)[2], [0.7, 0.5, 0.35]) and np.allclose(lines(loss)[5], [0.7, 0.6, 0.65])
    assert np.allclose(lines(accuracy)[5], [50, 70, 75])
    assert loss.lines[0].get_color() != loss.lines[3].get_color()


def test_the_ablation_is_sorted_with_a_dot_a_fold_and_a_mean():
    fold = np.repeat([0, 1], 10)
    right = {name: np.arange(20) >= wrong for name, wrong in (("everything", 2), ("worse", 6), ("better", 0))}
    (ax,) = figures.ablation_figure(right, fold).axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["worse", "better"]
    assert [text.get_text() for text in ax.texts] == ["−20.0", "+10.0"]
    assert np.allclose(ax.lines[0].get_xdata(), [-40, 0])
