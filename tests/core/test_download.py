"""Downloads from a server of our own: what arrives, and how soon we give up when nothing does."""

import hashlib
import os
import socket
import time
from types import SimpleNamespace

import numpy as np
import pytest
from local_server import send, served, stall

from clockodile.core import download as module
from clockodile.core.download import Limits, SourceUnavailable, download

SHORT = Limits(patience=1.0)
ARCHIVE = b"\x1f\x8b" + np.random.default_rng(0).bytes(
    400_000
)  # what starts like a gzip is looked at no further
MD5 = hashlib.md5(ARCHIVE).hexdigest()


def fetch(folder, url, *, limits=SHORT, log=print):
    download(url, folder / "archive.tar.gz", MD5, limits=limits, log=log)


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
        with pytest.raises(SourceUnavailable) as caught:
            limits = Limits(patience=1.0, size=2_000_000)
            fetch(tmp_path, at.url, limits=limits)
        assert time.monotonic() - start < 3
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_stall_at_the_real_limits_ends_within_ten_seconds(tmp_path):
    with served(stall) as at:
        start = time.monotonic()
        with pytest.raises(SourceUnavailable, match=r"stalled after 0.0 MB \(waited 8 s\)"):
            fetch(tmp_path, at.url, limits=Limits())
        assert 7 < time.monotonic() - start < 10
    assert list(tmp_path.iterdir()) == []


def test_nobody_listens(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = time.monotonic()
    with pytest.raises(SourceUnavailable, match="no connection to 127.0.0.1 .connection refused"):
        fetch(tmp_path, f"http://127.0.0.1:{port}/")
    assert time.monotonic() - start < 3


def test_a_server_that_accepts_and_says_nothing(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        start = time.monotonic()
        with pytest.raises(SourceUnavailable, match="127.0.0.1 does not answer"):
            url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
            fetch(tmp_path, url)
        assert time.monotonic() - start < 3


@pytest.mark.parametrize("hangs", [False, True])
def test_a_name_that_cannot_be_looked_up_even_if_the_look_up_hangs(tmp_path, monkeypatch, hangs):
    def look_up(*args, **kwargs):
        time.sleep(5 if hangs else 0)  # no timeout reaches into the system's resolver
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    start = time.monotonic()
    with pytest.raises(
        SourceUnavailable, match="does not answer" if hangs else "name data.invalid cannot be looked up"
    ):
        fetch(tmp_path, "http://data.invalid/x")
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
        fetch(tmp_path, at.url, limits=limits, log=said.append)
    assert len(said) >= 2 and said[0].startswith("downloaded 0 of 0 MB")
    assert (tmp_path / "archive.tar.gz").read_bytes() == ARCHIVE


def test_no_space(tmp_path, monkeypatch):
    usage = SimpleNamespace(free=1000)
    with served(lambda handler: send(handler, ARCHIVE)) as at:
        with (
            monkeypatch.context() as patch,
            pytest.raises(SourceUnavailable, match="no space in the cache folder: 1 MB needed"),
        ):
            patch.setattr(module.shutil, "disk_usage", lambda folder: usage)
            fetch(tmp_path, at.url)

        def full(*args):
            raise OSError(28, "No space left on device")

        with (
            monkeypatch.context() as patch,
            pytest.raises(SourceUnavailable, match="no space left in the cache folder"),
        ):
            patch.setattr(os, "fsync", full)
            fetch(tmp_path, at.url)
    assert list(tmp_path.iterdir()) == []


def test_the_proxy_of_the_environment_is_used(tmp_path, monkeypatch):
    asked = []

    def answer(handler):
        asked.append(handler.path)
        send(handler, ARCHIVE)

    with served(answer) as at:
        monkeypatch.setenv("http_proxy", at.url.rsplit("/", 1)[0])
        monkeypatch.setenv("no_proxy", "")
        fetch(tmp_path, "http://data.invalid/x.tar.gz")
    assert asked == ["http://data.invalid/x.tar.gz"]
