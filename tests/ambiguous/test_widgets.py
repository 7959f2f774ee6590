import base64
import io
import re
from dataclasses import replace
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import PIL.Image
import pytest

from clockodile.ambiguous import widgets as plane
from clockodile.ambiguous.widgets import as_link, browse_corners, browse_plane, pointing_page
from clockodile.show.plots import short_id


@pytest.fixture
def judged(data):
    """Evidence and log-odds of the shared data set and of ten other things, at random."""
    rng = np.random.default_rng(0)
    return SimpleNamespace(
        evidence=rng.random((len(data), 2)),
        scores=rng.normal(size=(len(data), 2)),
        scores_background=rng.normal(size=(10, 2)),
    )


def parts(page: str, name: str) -> list:
    return ElementTree.fromstring(page).findall(f".//{{http://www.w3.org/2000/svg}}{name}")


def dots_of(page: str) -> list:
    """What belongs to each dot."""
    return [group for group in parts(page, "g") if group.get("class") is None]


def test_every_corner_of_the_plane_can_be_drawn(data, judged):
    row, screen = browse_corners(data, judged, (0, 1)).children
    found = {control.description: control for control in row.children}
    pictures = {bytes(screen.value)}
    for corner in ("first", "second", "neither"):
        found["corner"].value = corner
        pictures.add(bytes(screen.value))
    found["corner"].value = "both"
    found["threshold"].value = 0.99  # nobody
    pictures.add(bytes(screen.value))
    assert len(pictures) == 5


def test_who_points_at_a_dot_finds_its_picture_and_evidence(data, judged):
    page = pointing_page(data, judged, (0, 1))
    dots = dots_of(page)
    assert len(dots) == len(data) and len(parts(page, "circle")) == len(data) + 10
    for row in (0, 77):
        (image,) = dots[row].findall(".//{*}image")
        shown = PIL.Image.open(io.BytesIO(base64.b64decode(image.get("href").partition(",")[2])))
        assert np.array_equal(np.asarray(shown), data.images[row])
        said = [line.text for line in dots[row].findall(".//{*}text")]
        assert said[0] == f"{data.classes[data.labels[row]]} {short_id(data.ids[row])}"
        assert said[1:] == [
            f"{name}: {value:.2f}" for name, value in zip(data.classes, judged.evidence[row], strict=True)
        ]


def test_dots_lie_where_the_evidence_is(data, judged):
    page = pointing_page(data, judged, (0, 1))
    dots = [group.find("{*}circle") for group in dots_of(page)]
    across, up = (np.array([float(dot.get(name)) for dot in dots]) for name in ("cx", "cy"))
    assert np.corrcoef(across, judged.scores[:, 0])[0, 1] > 0.999
    assert np.corrcoef(up, judged.scores[:, 1])[0, 1] < -0.999


def test_names_from_a_users_folders_cannot_break_the_page(data, judged):
    page = pointing_page(replace(data, classes=("<b>&", '"quoted"')), judged, (0, 1))
    assert any(line.text == "only <b>&" for line in parts(page, "text"))


def test_only_the_pair_is_shown(data, judged):
    page = pointing_page(replace(data, labels=np.r_[[2] * 10, data.labels[10:]]), judged, (0, 1))
    dots = dots_of(page)
    assert len(dots) == len(data) - 10


def test_both_parts_stand_together(data, judged):
    page, corners = browse_plane(data, judged, (0, 1)).children
    assert page.value.startswith("<svg") and len(corners.children) == 2


def test_large_pictures_are_shrunk_and_many_are_thinned(data, judged, monkeypatch):
    large = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    held = PIL.Image.open(io.BytesIO(base64.b64decode(as_link(large).partition(",")[2])))
    assert held.size == (64, 64)
    monkeypatch.setattr(plane, "MOST", 50)
    assert len(parts(pointing_page(data, judged, (0, 1)), "image")) == 40


def test_the_order_of_the_pair_turns_the_plane(data, judged):
    there, back = (parts(pointing_page(data, judged, pair), "circle") for pair in ((0, 1), (1, 0)))
    across = [np.array([float(dot.get("cx")) for dot in dots]) for dots in (there, back)]
    up = [np.array([float(dot.get("cy")) for dot in dots]) for dots in (there, back)]
    assert np.allclose(across[0] - 40, 520 - up[1], atol=0.11) and not np.allclose(across[0], across[1])


def test_a_picture_survives_as_a_link():
    picture = np.full((32, 32, 3), 200, np.uint8)
    assert re.fullmatch(r"data:image/webp;base64,[A-Za-z0-9+/=]+", as_link(picture))
