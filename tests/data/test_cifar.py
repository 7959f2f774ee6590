"""CIFAR-100 from a server of our own: what is kept in the cache, and what becomes of it."""

import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from filelock import FileLock
from local_server import send, served, stall
from tiny_cifar import ARCHIVE, SMALL, make_archive, pixels

from clockodile.core.atomic_files import atomic
from clockodile.core.download import Limits, SourceUnavailable
from clockodile.core.recipes import get_recipe
from clockodile.data import cifar, sources
from clockodile.data.cifar import LOCK, cifar100_collection, fetch_cifar
from clockodile.data.collection import Collection, Source

RECIPE = get_recipe("clocks_crocodiles")
SHORT = Limits(patience=1.0)

# --- what arrives -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A cache folder filled once by a real download from a local server."""
    cache = tmp_path_factory.mktemp("cache")
    with served(lambda handler: send(handler, ARCHIVE)) as at:
        fetch_cifar(cache, url=at.url, dataset=SMALL, limits=SHORT)
    return cache


def from_cache(cache, image_size=32):
    return cifar100_collection(
        RECIPE, cache=cache, image_size=image_size, url="http://127.0.0.1:9/", dataset=SMALL
    )


def test_only_the_unpacked_copy_and_the_lock_stay(stored):
    assert {path.name for path in stored.iterdir()} == {"cifar-100-python", LOCK}


def test_the_collection(stored):
    collection = from_cache(stored)
    train, test = collection.split == "train", collection.split == "test"
    assert collection.classes == ("clock", "crocodile") and collection.source.kind == "cifar100"
    assert collection.ids[train].tolist() == [f"clock/{i}" for i in range(1, 100, 4)] + [
        f"crocodile/{i}" for i in range(2, 100, 4)
    ]
    assert collection.labels[train].tolist() == [0] * 25 + [1] * 25
    assert collection.ids[test].tolist() == [f"test/clock/{i}" for i in (1, 5, 9)] + [
        f"test/crocodile/{i}" for i in (2, 6, 10)
    ]
    background = collection.ids[collection.split == "background"].tolist()
    assert background == [f"cifar100_other/apple/{i}" for i in range(0, 80, 4)] + [
        f"cifar100_other/worm/{i}" for i in range(3, 80, 4)
    ]
    assert (collection.labels[collection.split == "background"] == -1).all()
    assert collection.images.dtype == np.uint8 and len(set(collection.ids.tolist())) == len(collection.images)
    for row in (0, 30, 52, 60, 99 - 10):
        *folder, _, index = ("x/" + collection.ids[row]).split("/")
        assert np.array_equal(
            collection.images[row], pixels("test" if "test" in folder else "train", int(index))
        )


def test_other_sizes_are_scaled(stored):
    small, large = from_cache(stored, 16).images, from_cache(stored, 48).images
    assert small.shape[1:] == (16, 16, 3) and large.shape[1:] == (48, 48, 3)
    full = from_cache(stored).images.astype(float)
    assert np.abs(small.mean(axis=(1, 2, 3)) - full.mean(axis=(1, 2, 3))).max() < 4


def test_a_good_copy_needs_no_network(stored, monkeypatch):
    monkeypatch.setattr(cifar, "download", None)
    assert len(from_cache(stored).images) == 50 + 6 + 40


def test_a_damaged_copy_is_fetched_again(tmp_path):
    with served(lambda handler: send(handler, ARCHIVE)) as at:
        for _ in range(2):
            fetch_cifar(tmp_path, url=at.url, dataset=SMALL, limits=SHORT)
            batch_file = tmp_path / "cifar-100-python" / "train"
            content = bytearray(batch_file.read_bytes())
            content[5000] ^= 1
            batch_file.write_bytes(content)  # MD5 is checked before anything is unpickled
        assert at.server.requests == 2


def test_an_archive_put_there_by_hand_is_used_and_kept(tmp_path):
    (tmp_path / "cifar-100-python.tar.gz").write_bytes(ARCHIVE)
    assert len(from_cache(tmp_path).images) == 96
    assert (tmp_path / "cifar-100-python.tar.gz").exists() and (tmp_path / "cifar-100-python").is_dir()


def test_an_archive_with_the_right_checksum_and_the_wrong_content(tmp_path):
    other, liar = make_archive(extra={"train": b"not what the class expects"}.items())
    liar.train_list = SMALL.train_list
    with (
        served(lambda handler: send(handler, other)) as at,
        pytest.raises(SourceUnavailable, match="does not hold what it"),
    ):
        fetch_cifar(tmp_path, url=at.url, dataset=liar, limits=SHORT)
    assert not (tmp_path / "cifar-100-python").exists()


def test_old_leftovers_go_and_young_ones_stay(tmp_path):
    for name, age in (("old", 7200), ("young", 10)):
        with suppress(FileNotFoundError), atomic(tmp_path / "archive.tar.gz") as temporary:
            temporary.rename(
                kept := tmp_path / f"{temporary.name}-{name}"
            )  # as a killed process would leave it
        os.utime(kept, (time.time() - age,) * 2)
    with served(lambda handler: send(handler, ARCHIVE)) as at:
        fetch_cifar(tmp_path, url=at.url, dataset=SMALL, limits=SHORT)
    assert {path.name.rpartition("-")[2] for path in tmp_path.iterdir()} == {
        "python",
        "young",
        LOCK.rpartition("-")[2],
    }


def test_a_cache_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SourceUnavailable, match="the cache folder cannot be written"):
        fetch_cifar(tmp_path / "file" / "cache", url="http://127.0.0.1:9/", dataset=SMALL, limits=SHORT)


def test_what_cannot_be_had_leaves_nothing_but_the_lock(tmp_path):
    said = []
    with served(stall) as at, pytest.raises(SourceUnavailable, match="127.0.0.1 stalled"):
        fetch_cifar(tmp_path, url=at.url, dataset=SMALL, limits=SHORT, log=said.append)
    assert said == [f"downloading cifar-100-python.tar.gz (170 MB) to {tmp_path}"]
    assert [path.name for path in tmp_path.iterdir()] == [LOCK]


# --- two at a time ------------------------------------------------------------------------------------------

WAITING = "another process is downloading CIFAR; waiting"


def test_two_processes_with_an_empty_cache_download_once(tmp_path):
    other_waits = threading.Event()

    def answer(handler):
        other_waits.wait(60)
        send(handler, ARCHIVE)

    with served(answer) as at:
        code = (
            "import os; from pathlib import Path; from tiny_cifar import SMALL; "
            "from clockodile.data.cifar import fetch_cifar; from clockodile.core.download import Limits; "
            f"fetch_cifar(Path({str(tmp_path)!r}), url={at.url!r}, dataset=SMALL, "
            "limits=Limits(patience=90), log=lambda line: os.write(1, line.encode() + b'\\n'))"  # whole lines
        )
        read, write = os.pipe()
        command, here = [sys.executable, "-c", code], Path(__file__).parents[1] / "support"
        both = [subprocess.Popen(command, cwd=here, stdout=write) for _ in range(2)]
        os.close(write)
        said = []
        with open(read) as lines:  # ends when both have
            for line in lines:
                said.append(line.strip())
                if line.strip() == WAITING:
                    other_waits.set()
        assert [process.wait() for process in both] == [0, 0]
        assert at.server.requests == 1
    assert sorted(said) == sorted([f"downloading cifar-100-python.tar.gz (170 MB) to {tmp_path}", WAITING])
    assert {path.name for path in tmp_path.iterdir()} == {"cifar-100-python", LOCK}


def test_the_one_that_waited_downloads_if_the_other_could_not(tmp_path):
    said = []

    def log(line):
        said.append(line)
        if line == WAITING:
            threading.Timer(0.3, lock.release).start()

    lock = FileLock(tmp_path / LOCK, thread_local=False)
    lock.acquire()
    with served(lambda handler: send(handler, ARCHIVE)) as at:
        fetch_cifar(tmp_path, url=at.url, dataset=SMALL, limits=SHORT, log=log)
        assert at.server.requests == 1
    assert said == [WAITING, f"downloading cifar-100-python.tar.gz (170 MB) to {tmp_path}"]


def test_a_lock_that_is_never_released_or_does_not_work_is_done_without(tmp_path, monkeypatch):
    with served(lambda handler: send(handler, ARCHIVE)) as at:
        with FileLock(tmp_path / LOCK):
            limits = Limits(patience=1.0, wait=0.2)
            fetch_cifar(tmp_path, url=at.url, dataset=SMALL, limits=limits)

        def no_locks(*args, **kwargs):
            raise NotImplementedError

        monkeypatch.setattr(FileLock, "acquire", no_locks)
        fetch_cifar(tmp_path / "other", url=at.url, dataset=SMALL, limits=SHORT)
        assert at.server.requests == 2


# --- the collection among the sources -----------------------------------------------------------------------


def test_a_class_it_does_not_have(stored):
    recipe = SimpleNamespace(classes=("clock", "unicorn"))
    with pytest.raises(SourceUnavailable, match="CIFAR-100 has no class 'unicorn'"):
        cifar100_collection(recipe, cache=stored, image_size=32, dataset=SMALL)


def test_collect_takes_the_stand_in_and_says_why(tmp_path, monkeypatch, caplog):
    def draw(classes, *, image_size, seed):
        black = np.zeros((2, image_size, image_size, 3), np.uint8)
        source = Source("stand_in", "drawn", "", "ours", "drawn stand-in")
        return Collection(
            black, np.array([0, 1]), np.array(["a", "b"]), np.array(["train"] * 2), classes, source
        )

    def download(recipe, **options):
        return cifar100_collection(recipe, url=at.url, dataset=SMALL, limits=SHORT, **options)

    monkeypatch.setattr(sources, "stand_in_collection", draw)
    monkeypatch.setattr(sources, "cifar100_collection", download)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    run = SimpleNamespace(recipe=RECIPE, data_dir=None, source="auto", seed=0)
    with caplog.at_level("INFO", "clockodile"):
        with served(stall) as at:
            start = time.monotonic()
            collection = sources.collect(run)
            assert time.monotonic() - start < 10
        assert collection.source.kind == "stand_in"
        assert "cifar100: 127.0.0.1 stalled" in collection.source.why and "127.0.0.1 stalled" in caplog.text
        with served(lambda handler: send(handler, ARCHIVE)) as at:
            assert sources.collect(run).source.kind == "cifar100"
    assert "downloading cifar-100-python.tar.gz (170 MB) to" in caplog.text
