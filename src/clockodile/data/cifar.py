"""CIFAR-100 as a source: fetched once, checked, kept in the cache, given up within seconds when out of reach.

The network is read in a thread of its own, because looking up a name or reading a header can hang where no
timeout reaches. Only the calling thread touches the disk, so giving up never leaves half a file behind.
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import logging
import os
import queue
import shutil
import socket
import ssl
import tarfile
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from clockodile.artifacts import atomic
from clockodile.data.collection import BACKGROUND, TEST, TRAIN, Collection, Source
from clockodile.data.files import os_reason, to_square
from clockodile.recipes import Recipe

LOG = logging.getLogger("clockodile").info
MEGABYTE = 1_000_000
LICENCE = "CIFAR-100 (Krizhevsky, 2009): for research, with citation; the photographs belong to their makers"
BACKGROUND_PER_CLASS = 20  # images of each class that is not in the recipe


class Refused(Exception):
    """This source cannot be had here and now; the text is the reason, one phrase for log and data card."""


@dataclass(frozen=True)
class Limits:
    """When to stop waiting for a server."""

    patience: float = 8.0  # seconds without useful progress, from the first look-up to the last byte
    rate: float = 30_000.0  # bytes a second that count as useful; slower is a stall
    size: int = 400 * MEGABYTE  # bytes; more is not our archive
    tell: float = 5.0  # seconds between two lines of progress


LIMITS = Limits()


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
                raise Refused(f"{host} {state} (waited {limits.patience:g} s)") from None
            if item is None:
                break
            if isinstance(item, Exception):
                raise Refused(_network_reason(item, host)) from item
            if isinstance(item, int):
                length = item
            else:
                received += len(item)
                now = time.monotonic()
                deadline = min(now + limits.patience, deadline + len(item) / limits.rate)
            if max(received, length) > limits.size:
                raise Refused(f"{host} sends over {limits.size / MEGABYTE:.0f} MB, so not the archive")
            yield item
    finally:
        thread.given_up.set()
    if received < length:
        raise Refused(f"{host} broke off after {received / MEGABYTE:.1f} of {length / MEGABYTE:.1f} MB")


# --- the disk -----------------------------------------------------------------------------------------------


def _disk_reason(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "no space left in the cache folder"
    return f"the cache folder cannot be written ({os_reason(error)})"


def _check_space(folder: Path, length: int) -> None:
    """Raise Refused when archive and unpacked copy will not both fit; better now than at 99 %."""
    needed = int(2.2 * max(length, 0))
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise Refused(
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
            raise Refused(f"{urlsplit(url).hostname} sent something else than the archive (a login page?)")
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
                raise Refused(f"{urlsplit(url).hostname} sent a damaged or other file (wrong checksum)")
    except OSError as error:
        raise Refused(_disk_reason(error)) from error


def _unpack(archive: Path, cache: Path, dataset: type) -> None:
    """Unpack beside, check, rename: the folder is complete or absent. Raises Refused."""
    target = cache / dataset.base_folder
    try:
        with tempfile.TemporaryDirectory(dir=cache, prefix=".unpack-") as scratch:
            with tarfile.open(archive) as tar:
                tar.extractall(scratch, filter="data")
            dataset(scratch, train=False)  # RuntimeError unless every file has its MD5
            if target.exists():  # an older copy that failed its check
                shutil.rmtree(target)
            os.rename(Path(scratch) / dataset.base_folder, target)
    except OSError as error:
        if _stored(cache, dataset) is None:  # otherwise another run was faster, with the same files
            raise Refused(_disk_reason(error)) from error
    except (tarfile.TarError, EOFError, RuntimeError) as error:
        raise Refused("the archive does not hold what it should") from error


def _stored(cache: Path, dataset: type):
    """(train, test) from the cache, each file's MD5 checked by torchvision before it is read; else None."""
    try:
        return dataset(cache, train=True), dataset(cache, train=False)
    except (RuntimeError, OSError):
        return None


def _clear_leftovers(cache: Path, dataset: type) -> None:
    """Remove what a killed run left; a running one touches its file every few seconds."""
    stem = Path(dataset.filename).stem
    for old in (*cache.glob(f".{stem}-*"), *cache.glob(".unpack-*")):
        try:
            if time.time() - old.stat().st_mtime > 3600:
                shutil.rmtree(old) if old.is_dir() else old.unlink()
        except OSError:  # someone else's, or just gone
            continue


def _has_md5(path: Path, md5: str) -> bool:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "md5").hexdigest() == md5
    except OSError:
        return False


def fetch_cifar100(cache: Path, *, url: str = "", dataset: type | None = None, limits=LIMITS, log=LOG):
    """torchvision's (train, test) data sets, from the cache if a good copy is there, else from `url`.

    cache: folder that holds or gets `cifar-100-python`; an archive put there by hand is used as well.
    dataset: torchvision.datasets.CIFAR100 or a subclass with other checksums. Raises Refused, one phrase.
    """
    if dataset is None:
        from torchvision.datasets import CIFAR100 as dataset  # a second to import; folders never need it
    stored = _stored(cache, dataset)
    if stored is not None:
        return stored
    archive = cache / dataset.filename
    by_hand = _has_md5(archive, dataset.tgz_md5)
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(_disk_reason(error)) from error
    _clear_leftovers(cache, dataset)
    if not by_hand:
        log(f"downloading CIFAR-100 (169 MB) to {cache}")
        download(url or dataset.url, archive, dataset.tgz_md5, limits=limits, log=log)
    _unpack(archive, cache, dataset)
    if not by_hand:
        archive.unlink(missing_ok=True)  # the unpacked copy is enough
    stored = _stored(cache, dataset)
    if stored is None:
        raise Refused("the unpacked copy in the cache folder cannot be read")
    return stored


# --- the collection -----------------------------------------------------------------------------------------


def _resized(images: np.ndarray, size: int) -> np.ndarray:
    """uint8 (N, H, W, 3) as (N, size, size, 3); unchanged when it has that size."""
    if images.shape[1:3] == (size, size):
        return images
    return np.stack([to_square(Image.fromarray(image), size) for image in images])


def _rows_of(data, name: str, count: int | None = None) -> np.ndarray:
    """Indices of the first `count` images of a class, in the data set's own order."""
    return np.flatnonzero(np.asarray(data.targets) == data.class_to_idx[name])[:count]


def cifar100_collection(
    recipe: Recipe,
    *,
    cache: Path,
    image_size: int,
    url: str = "",
    dataset: type | None = None,
    limits: Limits = LIMITS,
    log: Callable[[str], None] = LOG,
) -> Collection:
    """The recipe's classes out of CIFAR-100: its training images, its test images, and others as background.

    ids: `clock/<train index>`, `test/clock/<test index>`, `cifar100_other/<class>/<train index>`.
    The background is the first 20 training images of every other class. Raises Refused when it cannot be had.
    """
    train, test = fetch_cifar100(cache, url=url, dataset=dataset, limits=limits, log=log)
    missing = [name for name in recipe.classes if name not in train.class_to_idx]
    if missing or not recipe.classes:
        raise Refused(f"CIFAR-100 has no class '{missing[0]}'" if missing else "the recipe names no classes")
    others = [name for name in train.classes if name not in recipe.classes]
    blocks = [(train, _rows_of(train, c), label, c, TRAIN) for label, c in enumerate(recipe.classes)]
    blocks += [(test, _rows_of(test, c), label, f"test/{c}", TEST) for label, c in enumerate(recipe.classes)]
    few = BACKGROUND_PER_CLASS
    blocks += [(train, _rows_of(train, c, few), -1, f"cifar100_other/{c}", BACKGROUND) for c in others]
    return Collection(
        images=_resized(np.concatenate([data.data[rows] for data, rows, *_ in blocks]), image_size),
        labels=np.concatenate([np.full(len(rows), label, np.int64) for _, rows, label, *_ in blocks]),
        ids=np.array([f"{folder}/{row}" for _, rows, _, folder, _ in blocks for row in rows]),
        split=np.array([split for _, rows, *_, split in blocks for _ in rows]),
        classes=tuple(recipe.classes),
        source=Source("cifar100", url or train.url, "CIFAR-100 could be had", LICENCE),
    )
