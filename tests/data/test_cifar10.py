"""Photographs of anything: from the data folder, from the cache, or not at all."""

from types import SimpleNamespace

import numpy as np
import pytest
import torchvision
from local_server import send, served
from tiny_cifar import ARCHIVE as CIFAR
from tiny_cifar import SMALL
from tiny_cifar10 import write_archive

from clockodile.core.download import SourceUnavailable
from clockodile.core.errors import UserError
from clockodile.data import cifar10
from clockodile.data.cifar10 import cifar10_photographs, read_archive


def test_images_are_read_out_of_the_archive_in_equal_shares(tmp_path):
    images, labels = read_archive(write_archive(tmp_path / "cifar10.tar.gz", each=5), 40)
    assert images.shape == (40, 32, 32, 3) and images.dtype == np.uint8
    assert all(set(labels[start : start + 10]) == set(range(10)) for start in range(0, 40, 10))
    assert np.abs(images.mean((1, 2, 3)) - 20 * labels).max() < 3
    assert [path.name for path in tmp_path.iterdir()] == ["cifar10.tar.gz"]


def test_a_short_or_broken_archive_is_named(tmp_path):
    archive = write_archive(tmp_path / "cifar10.tar.gz", each=2)
    with pytest.raises(UserError, match="holds 20 of the 30"):
        read_archive(archive, 30)
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    with pytest.raises(UserError, match="damaged"):
        read_archive(archive, 20)


def test_pictures_of_another_size_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10, "SIZE", 16)
    with pytest.raises(UserError, match="jpg is not 16 pixels a side"):
        read_archive(write_archive(tmp_path / "cifar10.tar.gz", each=2), 20)


def test_the_archive_of_the_data_folder_is_used_and_scaled(tmp_path):
    write_archive(tmp_path / "cifar10.tar.gz", each=3)
    found = cifar10_photographs(SimpleNamespace(data_dir=tmp_path), size=16, count=30)
    assert found.shape == (30, 16, 16, 3) and found.dtype == np.uint8
    assert len(set(found.mean((1, 2, 3)).round(-1).tolist())) == 10, "ten classes of a grey each"


@pytest.mark.parametrize("folder", [True, False])
def test_else_they_come_from_the_network_once(tmp_path, monkeypatch, folder):
    """A data folder without the archive, or none at all; the class brings its own checksums."""
    monkeypatch.setattr(cifar10, "cache_dir", lambda: tmp_path / "cache")
    run = SimpleNamespace(data_dir=tmp_path if folder else None)
    with served(lambda handler: send(handler, CIFAR)) as at:
        monkeypatch.setattr(torchvision.datasets, "CIFAR10", type("Small", (SMALL,), {"url": at.url}))
        for _ in range(2):
            assert cifar10_photographs(run, size=32, count=40).shape == (40, 32, 32, 3)
        assert at.server.requests == 1


def test_out_of_reach_is_refused_in_a_phrase(tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10, "cache_dir", lambda: tmp_path / "cache")
    away = type("Small", (SMALL,), {"url": "http://127.0.0.1:9/cifar.tar.gz"})
    monkeypatch.setattr(torchvision.datasets, "CIFAR10", away)
    with pytest.raises(SourceUnavailable, match="no connection to 127.0.0.1"):
        cifar10_photographs(SimpleNamespace(data_dir=None), size=32)
