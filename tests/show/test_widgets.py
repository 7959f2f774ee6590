import matplotlib.pyplot as plt
import numpy as np

from clockodile.data import widgets as data_widgets
from clockodile.show import widgets
from clockodile.show.plots import tile_figure


def controls(box):
    """The controls of a widget by their labels, and its picture."""
    row, screen = box.children
    return {control.description: control for control in row.children}, screen


def test_moving_a_control_draws_a_new_picture(data):
    found, screen = controls(data_widgets.browse_classes(data))
    first = bytes(screen.value)
    found["page"].value = 2
    second = bytes(screen.value)
    found["class"].value = 1
    assert first.startswith(b"\x89PNG") and len({first, second, bytes(screen.value)}) == 3
    assert screen.layout.align_self == "flex-start", "as wide as it is, not as its box"


def test_pages_follow_the_class(data):
    uneven = data.rows(np.r_[0:60, 60:70])
    found, _ = controls(data_widgets.browse_classes(uneven))
    assert found["page"].max == 3
    found["page"].value = 3
    found["class"].value = 1
    assert found["page"].max == found["page"].value == 1


def test_augmentation_shows_what_was_chosen(data):
    found, screen = controls(data_widgets.play_with_augmentation(data))
    first = bytes(screen.value)
    found["apply"].value = ("noise",)
    found["seed"].value = 5
    assert bytes(screen.value) != first
    found["apply"].value = ()
    assert bytes(screen.value).startswith(b"\x89PNG")


def test_no_figures_pile_up(data):
    before = len(plt.get_fignums())
    slider = widgets.whole_number("n", 1, 4)
    found, _ = controls(widgets.live_figure(lambda n: tile_figure(data.images[:n], columns=4), n=slider))
    for value in (2, 3, 4):
        found["n"].value = value
    assert len(plt.get_fignums()) == before


def test_without_a_person_a_widget_is_one_line(capsys, monkeypatch):
    monkeypatch.setenv("CLOCKODILE_HEADLESS", "1")
    widgets.show_widget(widgets.whole_number("n", 1, 4))
    assert capsys.readouterr().out.count("\n") == 1
