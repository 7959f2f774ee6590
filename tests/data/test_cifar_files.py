"""Photographs of anything: from the data folder, from the cache, or not at all."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
import torchvision
from local_server import send, served
from PIL import Image
from tiny_cifar import ARCHIVE as CIFAR
from tiny_cifar import SMALL
from tiny_cifar100 import write_archive

from clockodile.core.download import SourceUnavailable
from clockodile.core.errors import UserError
from clockodile.data import cifar
from clockodile.data.cifar import cifar100_by_class, read_parts


def photograph(format, size=(32, 32)):
    Image.new("RGB", size).save(file := io.BytesIO(), format)
    return file.getvalue()


def test_images_are_read_out_of_the_archive_with_their_classes(tmp_path):
    images, paths = read_parts(write_archive(tmp_path / "a.tar.gz", each=5), ("train",), without=("3",))
    names = np.array([path.split("/")[1] for path in paths])
    assert images.shape == (45, 32, 32, 3) and images.dtype == np.uint8
    assert names.tolist() == [name for name in "012456789" for _ in range(5)]
    assert np.abs(images.mean((1, 2, 3)) - 20 * names.astype(int)).max() < 3
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.gz"], "nothing is unpacked"


def test_the_archive_of_the_data_folder_is_used(tmp_path):
    write_archive(tmp_path / "cifar100.tar.gz", each=3)
    images, names = cifar100_by_class(SimpleNamespace(data_dir=tmp_path), without=("1", "2"))
    assert len(images) == len(names) == 24 and not {"1", "2"} & set(names)


def test_a_broken_or_empty_archive_is_named(tmp_path):
    archive = write_archive(tmp_path / "a.tar.gz", each=2)
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    with pytest.raises(UserError, match="a.tar.gz is damaged; get it again, or remove it"):
        read_parts(archive, ("train",))
    archive.write_bytes(b"something else")
    with pytest.raises(UserError, match="a.tar.gz is damaged; get it again, or remove it"):
        read_parts(archive, ("train",))
    with pytest.raises(UserError, match="holds no images in train/<class>"):
        read_parts(write_archive(archive, each=0), ("train",))


@pytest.mark.parametrize(
    ("content", "words"),
    {
        "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 32 32\n", "no whole PNG or JPEG"),
        "another format": (photograph("GIF"), "no whole PNG or JPEG"),
        "half": (photograph("PNG")[:60], "no whole PNG or JPEG"),
        "another size": (photograph("JPEG", (31, 32)), "not 32 pixels a side"),
    }.values(),
)
def test_nothing_but_small_png_and_jpeg_is_opened(tmp_path, content, words):
    archive = write_archive(tmp_path / "a.tar.gz", each=1, extra={"train/0/9999.jpg": content})
    with pytest.raises(UserError, match=f"a.tar.gz: cifar100/train/0/9999.jpg is {words}") as caught:
        read_parts(archive, ("train",))
    assert "\n" not in str(caught.value)


def test_a_pixel_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    extra = {"train/0/9999.jpg": photograph("PNG", (64, 64))}
    with pytest.raises(UserError, match="9999.jpg is no whole PNG or JPEG of 32 pixels"):
        read_parts(write_archive(tmp_path / "a.tar.gz", each=0, extra=extra), ("train",))


@pytest.mark.parametrize("folder", [True, False])
def test_else_they_come_from_the_network_once(tmp_path, monkeypatch, folder):
    """A data folder without the archives, or none at all."""
    monkeypatch.setattr(cifar, "cache_dir", lambda: tmp_path / "cache")
    run = SimpleNamespace(data_dir=tmp_path if folder else None)
    with served(lambda handler: send(handler, CIFAR)) as at:
        small = type("Small", (SMALL,), {"url": at.url})
        monkeypatch.setattr(torchvision.datasets, "CIFAR100", small)
        assert len(cifar100_by_class(run, without=("clock",))[0]) == 75
        images, names = cifar100_by_class(run, without=("clock", "crocodile"))
        assert images.shape == (50, 32, 32, 3) and set(names) == {"apple", "worm"}
        assert at.server.requests == 1


def test_out_of_reach_is_refused_in_a_phrase(tmp_path, monkeypatch):
    monkeypatch.setattr(cifar, "cache_dir", lambda: tmp_path / "cache")
    away = type("Small", (SMALL,), {"url": "http://127.0.0.1:9/cifar.tar.gz"})
    monkeypatch.setattr(torchvision.datasets, "CIFAR100", away)
    with pytest.raises(SourceUnavailable, match="no connection to 127.0.0.1"):
        cifar100_by_class(SimpleNamespace(data_dir=None), without=())
