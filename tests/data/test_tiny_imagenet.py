"""Tiny ImageNet out of small archives in its layout: what is read, what is refused, what is kept."""

import hashlib

import numpy as np
import pytest
from local_server import send, served
from tiny_tiny_imagenet import CLASSES, TEST_IMAGES, files, picture, write_data_set

from clockodile.core.download import SourceUnavailable
from clockodile.core.errors import UserError
from clockodile.core.workspace import open_run
from clockodile.data import tiny_imagenet
from clockodile.data.sources import collect
from clockodile.data.tiny_imagenet import class_names, load_tiny_imagenet


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("kind", ("tar", "zip", "folder"))
def test_the_data_set_from_each_kind_of_place(tmp_path, kind):
    found = load_tiny_imagenet(write_data_set(tmp_path / "data", kind))
    assert found.classes == ("bullfrog", "school bus", "tabby", "tailed frog")
    assert [CLASSES[wnid] for wnid in found.wnids] == list(found.classes)
    assert np.bincount(found.labels[found.split == "train"]).tolist() == [24] * 4
    assert np.bincount(found.labels[found.split == "test"]).tolist() == [TEST_IMAGES] * 4
    row = int(np.flatnonzero(found.files == "n01641577_10")[0])
    image, box = picture(1, 10)
    assert found.boxes[row].tolist() == list(box) and found.classes[found.labels[row]] == "bullfrog"
    assert np.abs(found.images[row].astype(int) - image).mean() < 12, "JPEG changes little"
    assert found.images[row].mean((0, 1)).argmax() == 1, "red, green, blue in this order"


def test_it_is_decoded_once(tmp_path, monkeypatch):
    place = write_data_set(tmp_path / "data", "tar")
    first = load_tiny_imagenet(place)
    monkeypatch.setattr(tiny_imagenet, "files_in", lambda *words: pytest.fail("read again"))
    again = load_tiny_imagenet(place)
    assert np.array_equal(first.images, again.images)
    assert (again.classes, again.wnids, again.where) == (first.classes, first.wnids, first.where)
    for kept in (tmp_path / "cache").rglob("*.npz"):
        kept.write_bytes(kept.read_bytes()[:5000])
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert np.array_equal(load_tiny_imagenet(place).images, first.images), "a damaged copy is made anew"


def test_of_a_part_of_the_data_set_the_test_images_that_are_there_are_taken(tmp_path):
    content = {path: data for path, data in files().items() if path != "val/images/val_0.JPEG"}
    found = load_tiny_imagenet(write_data_set(tmp_path / "data", "tar", content))
    assert (found.split == "test").sum() == 4 * TEST_IMAGES - 1


def test_a_run_gets_the_classes_it_asks_for_and_the_others_as_background(tmp_path):
    place = str(write_data_set(tmp_path / "data", "zip"))
    run = open_run(recipe="tiny_imagenet", classes="tabby, bullfrog", data_dir=place)
    found = collect(run)
    assert found.classes == ("tabby", "bullfrog") and found.images.shape[1:] == (32, 32, 3)
    counts = {part: int((found.split == part).sum()) for part in ("train", "test", "background")}
    assert counts == {"train": 48, "test": 2 * TEST_IMAGES, "background": 2 * tiny_imagenet.BACKGROUND_PER_CLASS}
    for name, label, split in zip(found.ids, found.labels, found.split, strict=True):
        first, second = name.split("/")[:2]
        wanted = {"train": first, "test": second}.get(split)
        assert found.classes[label] == wanted if wanted else second in ("tailed frog", "school bus")
    assert len(set(found.ids)) == len(found.ids)


def test_a_class_it_does_not_have(tmp_path):
    place = str(write_data_set(tmp_path / "data", "tar"))
    run = open_run(recipe="tiny_imagenet", classes="taby,bullfrog", data_dir=place)
    with pytest.raises(UserError, match="unknown class 'taby'; did you mean 'tabby'"):
        collect(run)


@pytest.mark.parametrize("harm", ("cut", "image", "other", "none"))
def test_what_is_wrong_is_said_in_one_line(tmp_path, harm):
    content = {"readme.txt": b"hello"} if harm == "other" else files()
    if harm == "image":
        content["train/n02123045/images/n02123045_1.JPEG"] = content["val/images/val_0.JPEG"][:300]
    place = write_data_set(tmp_path / "data", "tar", content)
    archive = place / "tiny-imagenet-200-part.tar.gz"
    if harm == "cut":
        archive.write_bytes(archive.read_bytes()[:20_000])
    if harm == "none":
        archive.unlink()
    words = {
        "cut": "is damaged; get it again",
        "image": "images/n02123045_1.JPEG is no whole PNG or JPEG of 64 pixels a side; get it again",
        "other": "is no Tiny ImageNet",
        "none": "holds no Tiny ImageNet",
    }
    with pytest.raises(UserError, match=words[harm]) as caught:
        load_tiny_imagenet(place)
    assert "\n" not in str(caught.value)


def test_two_classes_of_one_name_are_told_apart():
    words = "n1\tcrane, a bird\nn2\tcrane\nn3\tox, cattle"
    assert class_names(["n1", "n2", "n3", "n4"], words) == {"n1": "crane n1", "n2": "crane n2", "n3": "ox", "n4": "n4"}


def test_without_a_data_folder_it_is_downloaded_and_checked(tmp_path, monkeypatch):
    content = (write_data_set(tmp_path / "data", "zip", files(3)) / "tiny-imagenet-200.zip").read_bytes()
    with served(lambda handler: send(handler, content)) as at:
        monkeypatch.setattr(tiny_imagenet, "URL", at.url)
        with pytest.raises(SourceUnavailable, match="wrong checksum"):
            load_tiny_imagenet(None)
        monkeypatch.setattr(tiny_imagenet, "MD5", hashlib.md5(content).hexdigest())
        assert len(load_tiny_imagenet(None).classes) == 4
