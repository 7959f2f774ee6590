"""Figures made of pictures: every picture is named, its class shown, and what explains it stands below."""

import numpy as np
import pytest
import torch
from made_photos import striped_dataset

from clockodile.classify import figures_pictures as figures
from clockodile.show.plots import class_colour

pytestmark = pytest.mark.usefixtures("drawn_and_closed")


def words(figure):
    return [figure.get_suptitle(), *(text.get_text() for ax in figure.axes for text in ax.texts)]


def pictures(count=6):
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def errors(count, **options):
    """The figure of `count` errors with two neighbours each, and the data."""
    data = striped_dataset()
    rows = np.arange(count)
    near = np.stack([rows + 1, rows + 2], 1)
    probability = np.full((len(data), 2), [0.25, 0.75])
    return figures.errors_with_neighbours(data, rows, near, probability, **options), data


def test_every_error_has_its_name_its_probability_and_its_neighbours():
    figure, data = errors(5, columns=3)
    assert len(figure.axes) == 6, "two blocks of an error and its two nearest"
    said = words(figure)
    assert {f"{name.rsplit('/', 1)[-1]}: 0.75" for name in data.ids[:5]} <= set(said)
    assert said.count("wrong") == 2 and said.count("its nearest\n(2)") == 2
    assert all(name in figure.get_suptitle() for name in data.classes)
    bars = [line.get_color() for line in figure.axes[1].lines]
    assert bars == [class_colour(label) for label in data.labels[1:4]], "of the nearest, in its true colour"


def test_errors_that_do_not_fit_are_counted():
    figure, _ = errors(5, most=4)
    assert figure.get_suptitle().endswith("the first 4 of 5")
    assert len([word for word in words(figure) if ": 0.75" in word]) == 4


def test_no_errors_is_a_figure_too():
    figure, _ = errors(0)
    assert figure.axes[0].get_title(loc="left") == "No errors at all"


def test_the_attack_grid_says_what_was_done_and_what_came_of_it():
    images, labels = pictures(), np.arange(6) % 3
    attacked = (images + 4 / 255 * (pictures().flip(0) - 0.5).sign()).clamp(0, 1)
    predicted, probability = np.stack([labels, (labels + 1) % 3]), np.full((2, 6), 0.75)
    names = [f"class/{number}" for number in range(6)]
    classes = ("$5_a", "a class with a very long name", "b")
    figure = figures.attack_grid(images, attacked, labels, predicted, probability, names, classes=classes)
    said = words(figure)
    assert {"0", "5", "original", "noise\n× 32", "attacked", "$5_a 0.75", "a class wi… 0.75"} <= set(said)
    assert "No value changed by more than 4/255" in said


def test_an_attack_that_changed_nothing_can_be_shown():
    images, labels = pictures(2), np.zeros(2, int)
    figures.attack_grid(images, images, labels, np.zeros((2, 2), int), np.ones((2, 2)), "ab", classes="xy")


def test_an_overlay_glows_where_the_map_is_high():
    maps = torch.zeros(2, 16, 16)
    maps[:, :, 8:] = 1
    shown = figures.overlay(pictures(2), maps)
    assert shown.shape == (2, 16, 16, 3) and shown.dtype == np.uint8
    assert (np.ptp(shown[:, :, :8].astype(int), axis=3) <= 1).all()  # grey
    assert (np.ptp(shown[:, :, 8:].astype(int), axis=3) > 50).all()


def test_the_saliency_grid_has_a_row_for_every_method():
    maps = {name: torch.rand(6, 16, 16) for name in ("gradient", "integrated_gradients", "my own")}
    said = words(
        figures.saliency_grid(pictures(), maps, ["says 0"] * 6, ids=list("abcdef"), labels=np.arange(6) - 1)
    )
    assert {"picture", "gradient", "integrated\ngradients", "my\nown", "says 0", "f"} <= set(said)
