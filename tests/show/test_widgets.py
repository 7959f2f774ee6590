import base64
import re
from datetime import datetime

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from clockodile.core.errors import UserError
from clockodile.data import widgets as data_widgets
from clockodile.show import widgets
from clockodile.show.plots import tile_figure


def controls(box):
    """The controls of a widget by their labels, and its picture."""
    row, _, screen = box.children
    return {control.description: control for control in row.children}, screen


def png(screen):
    """The picture that a screen shows."""
    return base64.b64decode(re.fullmatch(r'<img alt="[^"]+" src="data:image/png;base64,(.*)">', screen.value)[1])


def test_moving_a_control_draws_a_new_picture(data):
    found, screen = controls(data_widgets.browse_classes(data))
    first = png(screen)
    found["page"].value = 2
    second = png(screen)
    found["class"].value = 1
    assert first.startswith(b"\x89PNG") and len({first, second, png(screen)}) == 3
    assert 'alt="dotted, page 2 of 3"' in screen.value


def test_pages_follow_the_class(data):
    uneven = data.rows(np.r_[0:60, 60:70])
    found, _ = controls(data_widgets.browse_classes(uneven))
    assert found["page"].max == 3
    found["page"].value = 3
    found["class"].value = 1
    assert found["page"].max == found["page"].value == 1


def test_augmentation_shows_what_was_chosen(data):
    found, screen = controls(data_widgets.play_with_augmentation(data))
    first = png(screen)
    found["apply"].value = ("noise",)
    found["seed"].value = 5
    assert png(screen) != first
    found["apply"].value = ()
    assert png(screen).startswith(b"\x89PNG")


def test_no_figures_pile_up(data):
    before = len(plt.get_fignums())
    slider = widgets.whole_number("n", 1, 4)
    found, _ = controls(widgets.live_figure(lambda n: tile_figure(data.images[:n], columns=4), n=slider))
    for value in (2, 3, 4):
        found["n"].value = value
    assert len(plt.get_fignums()) == before


def test_what_goes_wrong_is_said_under_the_controls(data):
    def draw(n):
        if n == 2:
            raise UserError("two is not <allowed>")
        return tile_figure(data.images[:n], columns=4, title="some")

    box = widgets.live_figure(draw, n=(slider := widgets.whole_number("n", 1, 4)))
    _, line, screen = box.children
    before = screen.value
    slider.value = 2
    assert line.value == "two is not &lt;allowed&gt;" and screen.value == before
    slider.value = 3
    assert line.value == "" and screen.value != before


def test_few_choices_are_buttons_and_many_a_list():
    assert isinstance(widgets.one_of("class", ["a", "b"]), ipywidgets.ToggleButtons)
    assert isinstance(widgets.one_of("class", [str(n) for n in range(100)]), ipywidgets.Dropdown)


def uploaded(name, content):
    """A file as the browser hands it over."""
    return {"name": name, "type": "", "size": len(content), "content": content, "last_modified": datetime.now()}


def test_a_photo_of_ones_own_is_read_like_any_other(tmp_path):
    Image.new("RGB", (40, 60), "red").save(tmp_path / "mine.png")
    got = []

    def draw(photo):
        got.append(photo)
        return tile_figure(photo[None], columns=1, title="yours")

    row, line, screen = data_widgets.drop_photo(draw, 32).children
    (upload,) = row.children
    assert not got and line.value == ""
    upload.value = (uploaded("mine.png", (tmp_path / "mine.png").read_bytes()),)
    assert got[0].shape == (32, 32, 3) and tuple(got[0][0, 0]) == (255, 0, 0) and 'alt="yours"' in screen.value
    upload.value = (uploaded("note.txt", b"no picture"),)
    assert "note.txt" in line.value and "choose another" in line.value and len(got) == 1


def test_without_a_person_a_widget_is_one_line(capsys, monkeypatch):
    monkeypatch.setenv("CLOCKODILE_HEADLESS", "1")
    widgets.show_widget(widgets.whole_number("n", 1, 4))
    assert capsys.readouterr().out.count("\n") == 1
