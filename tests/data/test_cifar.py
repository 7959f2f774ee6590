"""CIFAR-100 from a server of our own: what arrives, and how soon we give up when nothing does."""

import hashlib
import http.server
import io
import os
import pickle
import socket
import tarfile
import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
from torchvision.datasets import CIFAR100

from clockodile.data import cifar, rendered, sources
from clockodile.data.cifar import Limits, Refused, cifar100_collection, fetch_cifar100
from clockodile.data.collection import Collection, Source
from clockodile.recipes import get_recipe

RECIPE = get_recipe("clocks_crocodiles")
SHORT = Limits(patience=1.0)
NAMES = ["apple", "clock", "crocodile", "worm"]  # fine labels in alphabetical order, as in the real one
ROUND = {"train": 100, "test": 12}  # images; label of image i is i % 4


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    """The tests' servers are local, whatever the machine is set up for."""
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


# --- a small archive in the genuine format ------------------------------------------------------------------


def batch(split):
    """The pickled content of `train` or `test`: rows of 3,072 bytes, red, green, blue planes."""
    count = ROUND[split]
    data = np.random.default_rng(count).integers(0, 256, (count, 3072), dtype=np.uint8)
    labels = [i % len(NAMES) for i in range(count)]
    names = [f"{NAMES[label]}_s_{i:06d}.png" for i, label in enumerate(labels)]
    return {
        "filenames": names,
        "batch_label": f"{split}ing batch 1 of 1",
        "fine_labels": labels,
        "coarse_labels": [label % 2 for label in labels],
        "data": data,
    }


def pixels(split, index):
    """uint8 (32, 32, 3) of one image, worked out by hand."""
    return batch(split)["data"][index].reshape(3, 32, 32).transpose(1, 2, 0)


def make_archive(extra=()):
    """(bytes of the tar.gz, a CIFAR100 that carries its checksums)."""
    files = {
        "train": pickle.dumps(batch("train"), protocol=2),
        "test": pickle.dumps(batch("test"), protocol=2),
        "meta": pickle.dumps({"fine_label_names": NAMES, "coarse_label_names": ["a", "b"]}, protocol=2),
        **dict(extra),
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"cifar-100-python/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    md5 = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}

    class Small(CIFAR100):
        tgz_md5 = hashlib.md5(buffer.getvalue()).hexdigest()
        train_list = [["train", md5["train"]]]
        test_list = [["test", md5["test"]]]
        meta = {**CIFAR100.meta, "md5": md5["meta"]}

    return buffer.getvalue(), Small


ARCHIVE, SMALL = make_archive()


# --- servers ------------------------------------------------------------------------------------------------


@contextmanager
def served(answer):
    """The address of a local HTTP server whose every GET is answered by `answer(handler)`; counts them."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            server.requests += 1
            try:
                answer(self)
            except OSError:  # the client gave up, as it should
                pass

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests, server.daemon_threads, server.block_on_close = 0, True, False
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield SimpleNamespace(
            url=f"http://127.0.0.1:{server.server_port}/cifar-100-python.tar.gz", server=server
        )
    finally:
        server.shutdown()
        server.server_close()


def send(handler, body, *, length=None, code=200):
    handler.send_response(code)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    handler.wfile.write(body)


def stall(handler):
    send(handler, ARCHIVE[:2000], length=len(ARCHIVE))
    handler.wfile.flush()
    time.sleep(15)


def trickle(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(ARCHIVE)))
    handler.end_headers()
    for i in range(300):
        handler.wfile.write(ARCHIVE[i : i + 1])
        time.sleep(0.05)


def trickle_headers(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for _ in range(300):
        handler.wfile.write(b"X: y\r\n")
        time.sleep(0.05)


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(ARCHIVE[:1000])
    while True:
        handler.wfile.write(b"\0" * 100_000)


FAILURES = {
    "silent": (lambda handler: time.sleep(15), "127.0.0.1 does not answer (waited 1 s)"),
    "stalls": (stall, "127.0.0.1 stalled after 0.0 MB (waited 1 s)"),
    "trickles": (trickle, "127.0.0.1 stalled after 0.0 MB"),
    "trickles headers": (trickle_headers, "127.0.0.1 does not answer"),
    "truncated": (
        lambda h: send(h, ARCHIVE[:100_000], length=len(ARCHIVE)),
        "127.0.0.1 broke off after 0.1 of 0.4 MB",
    ),
    "404": (lambda handler: send(handler, b"no", code=404), "127.0.0.1 answered 404 Not Found"),
    "500": (lambda handler: send(handler, b"no", code=500), "127.0.0.1 answered 500 Internal Server Error"),
    "login page": (lambda handler: send(handler, b"<html>Welcome to our WiFi"), "sent something else"),
    "empty": (lambda handler: send(handler, b""), "wrong checksum"),
    "wrong bytes": (lambda handler: send(handler, ARCHIVE[:-9] + b"x" * 9), "wrong checksum"),
    "endless": (endless, "sends over 2 MB"),
    "no HTTP": (lambda handler: handler.wfile.write(b"\x16\x03nonsense\r\n\r\n"), "does not speak HTTP"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_every_failure_is_one_line_in_seconds_and_leaves_nothing(tmp_path, failure):
    answer, words = FAILURES[failure]
    with served(answer) as at:
        start = time.monotonic()
        with pytest.raises(Refused) as caught:
            limits = Limits(patience=1.0, size=2_000_000)
            fetch_cifar100(tmp_path, url=at.url, dataset=SMALL, limits=limits)
        assert time.monotonic() - start < 3
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_stall_at_the_real_limits_ends_within_ten_seconds(tmp_path):
    with served(stall) as at:
        start = time.monotonic()
        with pytest.raises(Refused, match=r"stalled after 0.0 MB \(waited 8 s\)"):
            fetch_cifar100(tmp_path, url=at.url, dataset=SMALL)
        assert 7 < time.monotonic() - start < 10
    assert list(tmp_path.iterdir()) == []


def test_nobody_listens(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = time.monotonic()
    with pytest.raises(Refused, match="no connection to 127.0.0.1 .connection refused"):
        fetch_cifar100(tmp_path, url=f"http://127.0.0.1:{port}/", dataset=SMALL)
    assert time.monotonic() - start < 3


def test_a_server_that_accepts_and_says_nothing(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        start = time.monotonic()
        with pytest.raises(Refused, match="127.0.0.1 does not answer"):
            url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
            fetch_cifar100(tmp_path, url=url, dataset=SMALL, limits=SHORT)
        assert time.monotonic() - start < 3


@pytest.mark.parametrize("hangs", [False, True])
def test_a_name_that_cannot_be_looked_up_even_if_the_look_up_hangs(tmp_path, monkeypatch, hangs):
    def look_up(*args, **kwargs):
        time.sleep(5 if hangs else 0)  # no timeout reaches into the system's resolver
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    start = time.monotonic()
    with pytest.raises(
        Refused, match="does not answer" if hangs else "name data.invalid cannot be looked up"
    ):
        fetch_cifar100(tmp_path, url="http://data.invalid/x", dataset=SMALL, limits=SHORT)
    assert time.monotonic() - start < 3


def test_a_slow_but_steady_server_is_waited_for(tmp_path):
    def steady(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(ARCHIVE)))
        handler.end_headers()
        for start in range(0, len(ARCHIVE), 5_000):
            handler.wfile.write(ARCHIVE[start : start + 5_000])
            time.sleep(0.05)  # 100 kB a second, three times the patience in all

    said = []
    with served(steady) as at:
        limits = Limits(patience=1.0, tell=0.5)
        fetch_cifar100(tmp_path, url=at.url, dataset=SMALL, limits=limits, log=said.append)
    assert said[0] == f"downloading CIFAR-100 (169 MB) to {tmp_path}"
    assert len(said) >= 3 and said[1].startswith("downloaded 0 of 0 MB")


def test_no_space(tmp_path, monkeypatch):
    usage = SimpleNamespace(free=1000)
    with served(lambda handler: send(handler, ARCHIVE)) as at:
        with (
            monkeypatch.context() as patch,
            pytest.raises(Refused, match="no space in the cache folder: 1 MB needed"),
        ):
            patch.setattr(cifar.shutil, "disk_usage", lambda folder: usage)
            fetch_cifar100(tmp_path, url=at.url, dataset=SMALL)

        def full(*args):
            raise OSError(28, "No space left on device")

        with (
            monkeypatch.context() as patch,
            pytest.raises(Refused, match="no space left in the cache folder"),
        ):
            patch.setattr(os, "fsync", full)
            fetch_cifar100(tmp_path, url=at.url, dataset=SMALL)
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Refused, match="the cache folder cannot be written"):
        fetch_cifar100(tmp_path / "file" / "cache", url="http://127.0.0.1:9/", dataset=SMALL, limits=SHORT)


def test_the_proxy_of_the_environment_is_used(tmp_path, monkeypatch):
    asked = []

    def answer(handler):
        asked.append(handler.path)
        send(handler, ARCHIVE)

    with served(answer) as at:
        monkeypatch.setenv("http_proxy", at.url.rsplit("/", 1)[0])
        monkeypatch.setenv("no_proxy", "")
        fetch_cifar100(tmp_path, url="http://data.invalid/x.tar.gz", dataset=SMALL, limits=SHORT)
    assert asked == ["http://data.invalid/x.tar.gz"]


# --- what arrives -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A cache folder filled once by a real download from a local server."""
    cache = tmp_path_factory.mktemp("cache")
    with served(lambda handler: send(handler, ARCHIVE)) as at:
        fetch_cifar100(cache, url=at.url, dataset=SMALL, limits=SHORT)
    return cache


def from_cache(cache, image_size=32):
    return cifar100_collection(
        RECIPE, cache=cache, image_size=image_size, url="http://127.0.0.1:9/", dataset=SMALL
    )


def test_only_the_unpacked_copy_stays(stored):
    assert [path.name for path in stored.iterdir()] == ["cifar-100-python"]


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
    monkeypatch.setattr(cifar, "_Stream", None)
    assert len(from_cache(stored).images) == 50 + 6 + 40


def test_a_damaged_copy_is_fetched_again(tmp_path):
    with served(lambda handler: send(handler, ARCHIVE)) as at:
        for _ in range(2):
            fetch_cifar100(tmp_path, url=at.url, dataset=SMALL, limits=SHORT)
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
        pytest.raises(Refused, match="does not hold what it"),
    ):
        fetch_cifar100(tmp_path, url=at.url, dataset=liar, limits=SHORT)
    assert not (tmp_path / "cifar-100-python").exists()


def test_old_leftovers_go_and_young_ones_stay(tmp_path):
    for name, age in ((".cifar-100-python.tar-old.gz", 7200), (".cifar-100-python.tar-young.gz", 10)):
        (tmp_path / name).write_bytes(b"half")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    with served(lambda handler: send(handler, ARCHIVE)) as at:
        fetch_cifar100(tmp_path, url=at.url, dataset=SMALL, limits=SHORT)
    assert {path.name for path in tmp_path.iterdir()} == {
        "cifar-100-python",
        ".cifar-100-python.tar-young.gz",
    }


def test_a_class_it_does_not_have(stored):
    recipe = SimpleNamespace(classes=("clock", "unicorn"))
    with pytest.raises(Refused, match="CIFAR-100 has no class 'unicorn'"):
        cifar100_collection(recipe, cache=stored, image_size=32, dataset=SMALL)


def test_collect_takes_the_stand_in_and_says_why(tmp_path, monkeypatch, caplog):
    def draw(classes, *, image_size, seed, why):
        black = np.zeros((2, image_size, image_size, 3), np.uint8)
        source = Source("rendered", "drawn", why, "ours", "rendered stand-in")
        return Collection(
            black, np.array([0, 1]), np.array(["a", "b"]), np.array(["train"] * 2), classes, source
        )

    def download(recipe, **options):
        return cifar100_collection(recipe, url=at.url, dataset=SMALL, limits=SHORT, **options)

    monkeypatch.setattr(rendered, "rendered_collection", draw)
    monkeypatch.setattr(sources, "cifar100_collection", download)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    run = SimpleNamespace(recipe=RECIPE, data_dir=None, source="auto", seed=0)
    with caplog.at_level("INFO", "clockodile"):
        with served(stall) as at:
            start = time.monotonic()
            collection = sources.collect(run)
            assert time.monotonic() - start < 10
        assert collection.source.kind == "rendered"
        assert "cifar100: 127.0.0.1 stalled" in collection.source.why and "127.0.0.1 stalled" in caplog.text
        with served(lambda handler: send(handler, ARCHIVE)) as at:
            assert sources.collect(run).source.kind == "cifar100"
    assert "downloading CIFAR-100 (169 MB) to" in caplog.text
