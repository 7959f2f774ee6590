"""CIFAR-100 from a server of our own: what is kept in the cache, and what becomes of it."""

import os
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torchvision
from filelock import FileLock
from local_server import send, served
from tiny_cifar import ARCHIVE, SMALL, make_archive, pixels

from clockodile.core.download import SourceUnavailable
from clockodile.core.errors import UserError
from clockodile.core.recipes import get_recipe
from clockodile.data import cifar, sources
from clockodile.data.cifar import LOCK, cifar100_collection, fetch_cifar

RECIPE = get_recipe("clocks_crocodiles")
NAMES = {"cifar-100-python", "cifar-100-python.tar.gz", LOCK}


@pytest.fixture(autouse=True)
def server(monkeypatch):
    """A server that sends the small archive, in the place of torchvision's."""
    with served(lambda handler: send(handler, ARCHIVE)) as at:
        monkeypatch.setattr(torchvision.datasets, "CIFAR100", type("Small", (SMALL,), {"url": at.url}))
        yield at.server


def collection_of(cache, size=32, recipe=RECIPE):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cifar, "cache_dir", lambda: cache)
        return cifar100_collection(SimpleNamespace(recipe=recipe), size)


def test_the_collection(tmp_path):
    collection = collection_of(tmp_path)
    ids = {kind: collection.ids[collection.split == kind].tolist() for kind in ("train", "test", "background")}
    assert collection.classes == ("clock", "crocodile") and collection.source.kind == "cifar100"
    own = [("clock", 1), ("crocodile", 2)]
    assert ids["train"] == [f"{name}/{i}" for name, first in own for i in range(first, 100, 4)]
    assert ids["test"] == [f"test/{name}/{i}" for name, first in own for i in range(first, 12, 4)]
    others = [("apple", 0), ("worm", 3)]
    assert ids["background"] == [f"cifar100_other/{n}/{i}" for n, first in others for i in range(first, 80, 4)]
    assert collection.labels.tolist() == [0] * 25 + [1] * 25 + [0] * 3 + [1] * 3 + [-1] * 40
    for row in (0, 30, 52, 60, 89):
        *folder, index = collection.ids[row].split("/")
        part = "test" if "test" in folder else "train"
        assert np.array_equal(collection.images[row], pixels(part, int(index)))


def test_other_sizes_are_scaled_and_a_good_copy_needs_no_network(tmp_path, server):
    brightness = [collection_of(tmp_path, size).images.mean((1, 2, 3)) for size in (16, 32, 48)]
    assert collection_of(tmp_path, 48).images.shape[1:] == (48, 48, 3)
    assert np.ptp(brightness, axis=0).max() < 4
    assert server.requests == 1 and {path.name for path in tmp_path.iterdir()} == NAMES


def test_a_damaged_copy_is_never_taken_for_a_whole_one(tmp_path, server):
    fetch_cifar(tmp_path)
    batch, archive = tmp_path / "cifar-100-python" / "train", tmp_path / "cifar-100-python.tar.gz"
    whole = batch.read_bytes()
    batch.write_bytes(whole[:-1])  # MD5 is checked before anything is unpickled
    fetch_cifar(tmp_path)
    assert batch.read_bytes() == whole and server.requests == 1, "the archive is still there"
    batch.unlink()
    archive.write_bytes(ARCHIVE[:-1])
    fetch_cifar(tmp_path)
    assert batch.read_bytes() == whole and server.requests == 2


def test_an_archive_with_the_right_checksum_and_the_wrong_content(tmp_path, monkeypatch):
    other, liar = make_archive(extra={"train": b"not what the class expects"}.items())
    liar.train_list = SMALL.train_list
    (tmp_path / liar.filename).write_bytes(other)
    monkeypatch.setattr(torchvision.datasets, "CIFAR100", liar)
    with pytest.raises(SourceUnavailable, match="does not hold what it should"):
        fetch_cifar(tmp_path)


def test_what_a_killed_run_left_is_removed(tmp_path):
    (left := tmp_path / ".unfinished-1").write_text("half")
    os.utime(left, (time.time() - 7200,) * 2)
    fetch_cifar(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == NAMES


def test_a_cache_that_cannot_be_written_and_a_class_it_does_not_have(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SourceUnavailable, match="the cache folder cannot be written"):
        fetch_cifar(tmp_path / "file" / "cache")
    with pytest.raises(UserError, match="unknown class 'crocodil'; did you mean 'crocodile'"):
        collection_of(tmp_path, recipe=SimpleNamespace(classes=("clock", "crocodil")))


def test_a_second_process_waits_for_the_first(tmp_path, server):
    """Another lock object stands for another process: for the operating system there is no difference."""
    with FileLock(tmp_path / LOCK):
        second = threading.Thread(target=fetch_cifar, args=(tmp_path,))
        second.start()
        second.join(0.3)
        assert second.is_alive() and server.requests == 0
        (tmp_path / SMALL.filename).write_bytes(ARCHIVE)
    second.join(30)
    assert not second.is_alive() and server.requests == 0


def test_a_lock_that_is_never_released_or_does_not_work_is_done_without(tmp_path, monkeypatch, server):
    monkeypatch.setattr(cifar, "WAIT", 0.1)
    with FileLock(tmp_path / LOCK):
        fetch_cifar(tmp_path)

    def no_locks(*args, **kwargs):
        raise NotImplementedError

    monkeypatch.setattr(FileLock, "acquire", no_locks)
    fetch_cifar(tmp_path / "other")
    assert server.requests == 2


def test_without_a_network_the_stand_in_is_taken_and_that_is_said(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(torchvision.datasets.CIFAR100, "url", "http://127.0.0.1:9/")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    small = sources.stand_in_collection(image_size=8, per_class=1, others=1)
    monkeypatch.setattr(sources, "stand_in_collection", lambda classes, **options: small)
    run = SimpleNamespace(recipe=RECIPE, data_dir=None, source="auto", seed=0, background=None)
    with caplog.at_level("INFO", "clockodile"):
        source = sources.collect(run).source
    assert source.kind == "stand_in" and "cifar100: no connection to 127.0.0.1" in source.why
    assert f"downloading cifar-100-python.tar.gz to {tmp_path}" in caplog.text
    assert "source 'cifar100' cannot be had" in caplog.text
