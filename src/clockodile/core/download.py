"""Downloading one file: given up within seconds when out of reach, complete and checked or not there at all.

The network is read in a thread of its own, because looking up a name or reading a header can hang where no
timeout reaches. Only the calling thread touches the disk, so giving up never leaves half a file behind.
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import queue
import shutil
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from clockodile.core.atomic_files import atomic
from clockodile.core.errors import os_reason

MEGABYTE = 1_000_000


class SourceUnavailable(Exception):
    """This source cannot be had here and now; the text is the reason, one phrase for log and data card."""


@dataclass(frozen=True)
class Limits:
    """When to stop waiting for a server."""

    patience: float = 8.0  # seconds without useful progress, from the first look-up to the last byte
    rate: float = 30_000.0  # bytes a second that count as useful; slower is a stall
    size: int = 400 * MEGABYTE  # bytes; more is not our archive
    tell: float = 5.0  # seconds between two lines of progress
    wait: float = 600.0  # seconds for another process that downloads the same


# --- the network, in a thread of its own --------------------------------------------------------------------


class _Stream(threading.Thread):
    """Puts into `items` the announced length (-1 unknown), the body in pieces, then None or an exception."""

    def __init__(self, url: str, timeout: float):
        super().__init__(daemon=True, name="clockodile-download")
        self.url, self.timeout = url, timeout
        self.items: queue.SimpleQueue = queue.SimpleQueue()
        self.given_up = threading.Event()

    def run(self) -> None:
        request = urllib.request.Request(self.url, headers={"User-Agent": "clockodile"})
        opener = urllib.request.build_opener()  # heeds http_proxy and https_proxy as they are now
        try:
            with opener.open(request, timeout=self.timeout) as response:
                self.items.put(int(response.headers.get("Content-Length") or -1))
                while not self.given_up.is_set():
                    piece = response.read1(1 << 16)  # what is there; read() would wait for the whole piece
                    if not piece:
                        break
                    self.items.put(piece)
            self.items.put(None)
        except Exception as error:  # told to the caller, who words it
            self.items.put(error)


def _network_reason(error: Exception, host: str) -> str:
    """A network error as one phrase."""
    if isinstance(error, urllib.error.HTTPError):
        return f"{host} answered {error.code} {error.reason}"
    cause = getattr(error, "reason", error)
    if isinstance(cause, socket.gaierror):
        return f"the name {host} cannot be looked up"
    if isinstance(cause, ssl.SSLError):
        return f"no secure connection to {host}"
    if isinstance(cause, TimeoutError):
        return f"{host} does not answer"
    if isinstance(cause, http.client.HTTPException):
        return f"{host} broke off or does not speak HTTP"
    return f"no connection to {host} ({os_reason(cause) if isinstance(cause, OSError) else cause})"


def stream(url: str, *, limits: Limits) -> Iterator[int | bytes]:
    """Yield the announced length of what is at `url` in bytes (-1 unknown), then its pieces. Raises Refused.

    Patience is a credit of seconds: it runs down with the clock, and each byte earns back 1/rate of a second,
    up to `limits.patience`. One rule ends a look-up that hangs, a silent server, a stall and a trickle alike.
    """
    host = urlsplit(url).hostname or url
    thread = _Stream(url, timeout=limits.patience + 2)  # longer: our credit decides, not the socket
    thread.start()
    deadline, received, length = time.monotonic() + limits.patience, 0, -1
    try:
        while True:
            try:
                item = thread.items.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                state = f"stalled after {received / MEGABYTE:.1f} MB" if received else "does not answer"
                raise SourceUnavailable(f"{host} {state} (waited {limits.patience:g} s)") from None
            if item is None:
                break
            if isinstance(item, Exception):
                raise SourceUnavailable(_network_reason(item, host)) from item
            if isinstance(item, int):
                length = item
            else:
                received += len(item)
                now = time.monotonic()
                deadline = min(now + limits.patience, deadline + len(item) / limits.rate)
            if max(received, length) > limits.size:
                raise SourceUnavailable(
                    f"{host} sends over {limits.size / MEGABYTE:.0f} MB, so not the archive"
                )
            yield item
    finally:
        thread.given_up.set()
    if received < length:
        raise SourceUnavailable(
            f"{host} broke off after {received / MEGABYTE:.1f} of {length / MEGABYTE:.1f} MB"
        )


# --- the disk -----------------------------------------------------------------------------------------------


def disk_reason(error: OSError) -> str:
    """What is wrong with the cache folder, as one phrase."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "no space left in the cache folder"
    return f"the cache folder cannot be written ({os_reason(error)})"


def _check_space(folder: Path, length: int) -> None:
    """Raise Refused when archive and unpacked copy will not both fit; better now than at 99 %."""
    needed = int(2.2 * max(length, 0))
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise SourceUnavailable(
            f"no space in the cache folder: {needed / MEGABYTE:.0f} MB needed, {free / MEGABYTE:.0f} free"
        )


def _receive(url: str, file: BinaryIO, *, limits: Limits, log: Callable[[str], None]) -> str:
    """Write what is at `url` into an open file; return its MD5. Raises Refused, also for what is no gzip."""
    digest, received, length, told = hashlib.md5(usedforsecurity=False), 0, -1, time.monotonic()
    for item in stream(url, limits=limits):
        if isinstance(item, int):
            length = item
            _check_space(Path(file.name).parent, length)
            continue
        if received == 0 and not b"\x1f\x8b".startswith(item[:2]):
            raise SourceUnavailable(
                f"{urlsplit(url).hostname} sent something else than the archive (a login page?)"
            )
        file.write(item)
        digest.update(item)
        received += len(item)
        if time.monotonic() - told > limits.tell:
            told = time.monotonic()
            log(f"downloaded {received / MEGABYTE:.0f} of {max(length, received) / MEGABYTE:.0f} MB")
    return digest.hexdigest()


def download(url: str, path: Path, md5: str, *, limits: Limits, log: Callable[[str], None]) -> None:
    """Put the file from `url` at `path`, complete and with the right MD5; or raise Refused, leave nothing."""
    try:
        with atomic(path) as temporary:
            with open(temporary, "wb") as file:
                found = _receive(url, file, limits=limits, log=log)
            if found != md5:
                raise SourceUnavailable(
                    f"{urlsplit(url).hostname} sent a damaged or other file (wrong checksum)"
                )
    except OSError as error:
        raise SourceUnavailable(disk_reason(error)) from error
