"""Faces found, chosen and cut out; what is refused and how it is said."""

import importlib.util
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import skimage.data
from PIL import Image
from tiny_folders import ANY, put

from clockodile.data import faces
from clockodile.data.files import InvalidImage
from clockodile.data.sources import collect

FACES = replace(ANY, name="faces", sources=("faces",), background=("background",), min_per_class=2)


def collection_of(folder):
    """What the recipe finds in a folder, at 16 pixels a side."""
    run = SimpleNamespace(recipe=FACES, data_dir=folder, source="auto", seed=0, background=None)
    return collect(run, image_size=16)


@pytest.fixture(scope="module")
def astronaut():
    """A public-domain portrait; the face lies right of the middle, high up."""
    return Image.fromarray(skimage.data.astronaut())


def test_the_cascade_finds_a_face_and_none_in_a_pattern(astronaut):
    ((top, left, side),) = faces.faces_in(astronaut, faces.cascade_boxes)
    assert top < 110 < top + side and left < 225 < left + side and 60 < side < 160
    assert faces.faces_in(Image.fromarray(skimage.data.brick()), faces.cascade_boxes) == []


def test_a_large_photograph_is_looked_at_small_and_its_boxes_are_its_own(astronaut):
    once, thrice = (
        faces.faces_in(image, faces.cascade_boxes)[0] for image in (astronaut, astronaut.resize((1536, 1536)))
    )
    assert np.abs(np.array(thrice) / 3 - once).max() < 15


def test_one_face_found_twice_is_one_face(astronaut):
    twice = [(100, 100, 50), (105, 95, 60), (300, 300, 40)]
    assert faces.faces_in(astronaut, lambda photograph: twice) == [(105, 95, 60), (300, 300, 40)]


def test_only_a_clearly_largest_face_is_taken():
    assert faces.chosen_face([(0, 0, 60), (90, 90, 40)]) == (0, 0, 60)
    with pytest.raises(InvalidImage, match="several faces, none clearly the largest: 2 were found"):
        faces.chosen_face([(0, 0, 59), (90, 90, 40)])
    with pytest.raises(InvalidImage, match="no face found"):
        faces.chosen_face([])


@pytest.mark.parametrize("box", [(0, 0, 40), (150, 60, 40), (100, 40, 50), (20, 10, 90)])
def test_the_margin_stays_in_the_photograph(box):
    top, left, side = faces.with_margin(box, 100, 200)
    assert 0 <= top <= 200 - side and 0 <= left <= 100 - side
    assert side == min(round(1.5 * box[2]), 100)
    assert top <= max(0, box[0]) and left <= box[1]


def test_what_is_cut_out_is_the_face():
    photograph = np.zeros((200, 300, 3), np.uint8)
    photograph[50:110, 200:260] = (255, 0, 0)
    boxes = [(50, 200, 60), (150, 20, 20)]
    cut = faces.cut_face(Image.fromarray(photograph), 60, find=lambda _: boxes)
    pixels = np.asarray(cut)
    assert cut.size == (60, 60)
    assert (pixels[20:40, 20:40] == (255, 0, 0)).all() and not pixels[:5].any()


def test_mtcnn_is_used_where_it_is_installed(monkeypatch):
    class Net:
        def detect(self, image):
            boxes = np.array([[10.0, 20, 50, 80], [0, 0, 30, 30], [5, 5, 7, 7]])
            return boxes, np.array([0.99, 0.5, 0.99])

    assert faces.detector()[1] in (faces.cascade_boxes, faces.mtcnn_boxes)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(faces, "_mtcnn", Net)
    assert faces.detector()[1] is faces.mtcnn_boxes
    assert faces.mtcnn_boxes(np.zeros((100, 90, 3), np.uint8)) == [(20, 0, 60)]  # a square; unsure, tiny: out
    monkeypatch.setattr(Net, "detect", lambda self, image: (None, [None]))
    assert faces.mtcnn_boxes(np.zeros((100, 90, 3), np.uint8)) == []


def test_photographs_without_one_face_are_listed_not_used(tmp_path, astronaut):
    for name in ("ann", "bob"):
        for number in range(2):
            put(tmp_path / "faces" / name / f"{number}.png", astronaut.rotate(number))
    put(tmp_path / "faces" / "ann" / "wall.png", Image.fromarray(skimage.data.brick()))
    put(tmp_path / "other" / "x.png")  # another data set beside it
    put(tmp_path / "another" / "x.png")
    put(tmp_path / "faces" / "background" / "wall.png", Image.fromarray(skimage.data.gravel()))
    put(tmp_path / "faces" / "background" / "eve.png", astronaut.rotate(3))
    with pytest.raises(Exception, match="class 'ann' has 0 usable"):  # the same faces stand in both
        collection_of(tmp_path)
    for number in range(2):
        put(
            tmp_path / "faces" / "bob" / f"{number}.png",
            astronaut.transpose(Image.Transpose.FLIP_LEFT_RIGHT).rotate(number),
        )
    found = collection_of(tmp_path)
    assert found.classes == ("ann", "bob") and np.bincount(found.labels[found.labels >= 0]).tolist() == [2, 2]
    assert (found.split == "background").sum() == 1, "other people are cut out as well"
    refused = {note.path: note.reason for note in found.notes if not note.used}
    assert refused.keys() == {"faces/ann/wall.png", "faces/background/wall.png"}
    assert all(reason.startswith("no face found") for reason in refused.values())


def test_a_photograph_is_shown_upright_with_its_boxes(tmp_path, astronaut):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    astronaut.rotate(90, expand=True).save(tmp_path / "a.jpg", exif=exif)
    photograph, boxes = faces.look(tmp_path / "a.jpg")
    assert photograph.size == astronaut.size and len(boxes) == 1
