"""CIFAR-10 out of an archive, a folder or torchvision's copy: two classes that remember ten kinds."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torchvision
from local_server import send, served
from tiny_cifar10 import picture, python_archive, write_archive, write_folder
from tiny_folders import check_contract, put

from clockodile.core.download import SourceUnavailable
from clockodile.core.errors import UserError
from clockodile.core.recipes import get_recipe
from clockodile.data import cifar10
from clockodile.data.cifar10 import cifar10_collection, kind_of

RECIPE = get_recipe("animals_vehicles")


def collection_of(folder, cache, size=32):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cifar10, "cache_dir", lambda: cache)
        return cifar10_collection(SimpleNamespace(recipe=RECIPE, data_dir=folder), size)


def check(collection, each, tests):
    """Both classes with all their kinds, and each picture under its own name."""
    count = 10 * each
    assert collection.classes == ("animal", "vehicle") and collection.source.kind == "cifar10"
    assert [(collection.split == part).sum() for part in ("train", "test")] == [count, 10 * tests]
    animals = collection.labels[:count] == 0
    assert set(kind_of(collection.ids[:count])[animals]) == {"bird", "cat", "deer", "dog", "frog", "horse"}
    assert set(kind_of(collection.ids[:count])[~animals]) == {"airplane", "automobile", "ship", "truck"}
    for row in (0, count - 1, count, -1):
        *_, kind, number = collection.ids[row].split("/")
        wanted = picture(kind, int(number) + 1000 * collection.ids[row].startswith("test/"))
        assert np.abs(collection.images[row].mean((0, 1)) - wanted.mean((0, 1))).max() < 4


def test_the_archive_is_read_once(tmp_path, monkeypatch):
    first = collection_of(write_archive(tmp_path / "data", each=3, tests=2), tmp_path / "cache")
    check(first, 3, 2)
    check_contract(collection_of(tmp_path / "data", tmp_path / "cache", 16))
    assert first.ids[0] == "animal/bird/0000" and first.ids[-1] == "test/vehicle/truck/0001"
    monkeypatch.setattr(cifar10, "read_parts", None)
    again = collection_of(tmp_path / "data", tmp_path / "cache")
    assert np.array_equal(first.images, again.images) and first.ids.tolist() == again.ids.tolist()


def test_another_archive_or_a_damaged_copy_is_read_anew(tmp_path):
    collection_of(write_archive(tmp_path / "a", each=2), tmp_path / "cache")
    assert (collection_of(write_archive(tmp_path / "b", each=3), tmp_path / "cache").split == "train").sum() == 30
    for kept in (tmp_path / "cache").iterdir():
        kept.write_bytes(b"no array")
    assert (collection_of(tmp_path / "b", tmp_path / "cache").split == "train").sum() == 30


def test_an_unpacked_folder_will_do_and_what_is_damaged_in_it_is_named(tmp_path):
    folder = write_folder(tmp_path, each=2, tests=1)
    (folder / "cifar10/train/cat/._0000.jpg").write_bytes(b"left by the operating system")
    check(collection_of(folder, tmp_path / "cache"), 2, 1)
    (folder / "cifar10/train/cat/broken.jpg").write_bytes(b"nothing")
    with pytest.raises(UserError, match="cifar10: train/cat/broken.jpg is no whole PNG or JPEG"):
        collection_of(folder, tmp_path / "cache")


def test_a_kind_without_pictures_and_an_empty_folder_are_named(tmp_path):
    with pytest.raises(UserError, match="cifar10 holds no images in train/<class>"):
        collection_of(write_folder(tmp_path / "none", each=0, tests=0), tmp_path / "cache")
    with pytest.raises(UserError, match="cifar10 has no images in train/airplane"):
        collection_of(write_folder(tmp_path / "few", each=0, tests=1), tmp_path / "cache")


def test_pictures_are_enlarged_only_as_far_as_memory_allows(tmp_path):
    folder = write_folder(tmp_path, each=1, tests=0)
    assert collection_of(folder, tmp_path / "cache", 48).images.shape[1:] == (48, 48, 3)
    with pytest.raises(UserError, match="'image_size' is 224; give one from 8 to 64"):
        collection_of(folder, tmp_path / "cache", 224)


def test_only_what_is_neither_becomes_background(tmp_path):
    folder = write_folder(tmp_path, each=1, tests=0)
    for name in ("bed", "tulip", "tiger", "bus"):
        for number in range(22):
            put(folder / "cifar100_other" / name / f"{number}.png")
    collection = collection_of(folder, tmp_path / "cache")
    ids = collection.ids[collection.split == "background"]
    assert len(ids) == 40 and {name.split("/")[1] for name in ids} == {"bed", "tulip"}
    assert "2 of 4 folders may show animals or vehicles" in collection.notes[-1].reason


def test_else_torchvision_has_it(tmp_path, monkeypatch):
    """A data folder without it, or none at all."""
    content, small = python_archive(each=2, tests=1)
    with served(lambda handler: send(handler, content)) as at:
        monkeypatch.setattr(torchvision.datasets, "CIFAR10", type("Served", (small,), {"url": at.url}))
        for folder in (tmp_path, None):
            collection = collection_of(folder, tmp_path / "cache")
            assert collection.source.where == at.url and at.server.requests == 1
            ids = [name for name in collection.ids if "bird" in name]
            assert ids == ["animal/bird/2", "animal/bird/12", "test/animal/bird/2"], "rows of torchvision's"
            renumbered = [f"{name.rpartition('/')[0]}/{int(name.rpartition('/')[2]) // 10}" for name in collection.ids]
            check(replace(collection, ids=np.array(renumbered)), 2, 1)


def test_out_of_reach_is_one_phrase(tmp_path, monkeypatch):
    away = type("Away", (torchvision.datasets.CIFAR10,), {"url": "http://127.0.0.1:9/cifar.tar.gz"})
    monkeypatch.setattr(torchvision.datasets, "CIFAR10", away)
    with pytest.raises(SourceUnavailable, match="no connection to 127.0.0.1"):
        collection_of(None, tmp_path)
