"""Downloads from a server of our own: what arrives, and how soon we give up when nothing does."""

import hashlib
import os
import socket
import time

import pytest
import requests
from local_server import send, served, stall

from clockodile.core import download as module
from clockodile.core.download import SourceUnavailable, download

CONTENT = os.urandom(600_000)  # several pieces
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.4)
    return tmp_path / "cache" / "archive"


def steady(handler):
    handler.send_response(200)
    handler.end_headers()
    for start in range(0, len(CONTENT), 150_000):
        handler.wfile.write(CONTENT[start : start + 150_000])
        time.sleep(0.15)  # longer in all than the patience


def trickle(handler):
    send(handler, b"", length=len(CONTENT))
    for i in range(300):
        handler.wfile.write(CONTENT[i : i + 1])
        time.sleep(0.05)


FAILURES = {
    "silent": (lambda handler: time.sleep(15), "127.0.0.1 does not answer (waited 0.4 s)"),
    "stalls": (stall, "127.0.0.1 does not answer"),
    "trickles": (trickle, "127.0.0.1 does not answer"),
    "truncated": (lambda handler: send(handler, CONTENT[:9], length=900), "no connection to 127.0.0.1"),
    "404": (lambda handler: send(handler, b"no", code=404), "127.0.0.1 answered 404 Not Found"),
    "login page": (lambda handler: send(handler, b"<html>Welcome to our WiFi"), "wrong checksum"),
    "no HTTP": (lambda handler: handler.wfile.write(b"\x16\x03nonsense\r\n\r\n"), "no connection to"),
}


@pytest.mark.parametrize("error", [requests.ReadTimeout(), requests.ConnectionError("ReadTimeoutError(...)")])
def test_whoever_notices_the_silence_first_says_the_same(error):
    assert "does not answer" in module.failure(error, "127.0.0.1")


@pytest.mark.parametrize("failure", FAILURES)
def test_every_failure_is_one_line_at_once_and_leaves_nothing(file, failure):
    answer, words = FAILURES[failure]
    with served(answer) as at:
        start = time.monotonic()
        with pytest.raises(SourceUnavailable) as caught:
            download(at.url, file, "md5", MD5)
        assert time.monotonic() - start < 3
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert list(file.parent.iterdir()) == []


@pytest.mark.parametrize("hangs", [False, True])
def test_a_name_that_cannot_be_looked_up_even_if_the_look_up_hangs(file, monkeypatch, hangs):
    def look_up(*args, **kwargs):
        time.sleep(3 if hangs else 0)  # no timeout reaches into the system's resolver
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    start, words = time.monotonic(), "does not answer" if hangs else "name data.invalid cannot be looked up"
    with pytest.raises(SourceUnavailable, match=words):
        download("http://data.invalid/x", file, "md5", MD5)
    assert time.monotonic() - start < 2


def test_a_slow_but_steady_server_is_waited_for(file):
    with served(steady) as at:
        download(at.url, file, "md5", MD5[:8])
    assert file.read_bytes() == CONTENT


def test_a_folder_that_cannot_be_written_or_a_full_disk(file, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    with served(lambda handler: send(handler, CONTENT)) as at:
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(SourceUnavailable, match="cannot be written .no space left on device"):
            download(at.url, file, "md5", MD5)
        assert list(file.parent.iterdir()) == []
        file.write_text("in the way")
        with pytest.raises(SourceUnavailable, match="the cache folder cannot be written"):
            download(at.url, file / "archive", "md5", MD5)
