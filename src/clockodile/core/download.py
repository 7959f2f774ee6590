"""Downloading one file: given up within seconds when out of reach, complete and checked or not there at all."""

import hashlib
import logging
import threading
from pathlib import Path
from queue import Empty, Queue
from urllib.parse import urlsplit

import requests

from clockodile.core.atomic_files import atomic
from clockodile.core.errors import os_reason

log = logging.getLogger(__name__)
PATIENCE = 8.0  # seconds without a piece, from the first look-up of the name to the last byte


class SourceUnavailable(Exception):
    """This source cannot be had here and now; the text is the reason, one phrase for log and data card."""


def failure(error: OSError, host: str | None = None) -> str:
    """What went wrong with network or disk, as one phrase."""
    if isinstance(error, requests.HTTPError):
        return f"{host} answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout) or "ReadTimeout" in repr(error):
        return f"{host} does not answer (waited {PATIENCE:g} s)"
    if isinstance(error, requests.RequestException):  # the cause is wrapped up in it
        nameless = "Resolution" in repr(error)  # its text is gone once a file name was added
        return f"the name {host} cannot be looked up" if nameless else f"no connection to {host}"
    return f"the cache folder cannot be written ({os_reason(error)})"


def has_digest(path: Path, algorithm: str, digits: str) -> bool:
    """Whether a file can be read and its checksum ("md5", "sha256") begins with these hexadecimal digits."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, algorithm).hexdigest().startswith(digits)
    except OSError:
        return False


def _read(url: str, pieces: Queue) -> None:
    """Put what is at `url` into a queue, then b"" or an error: a look-up can hang where no timeout reaches."""
    try:
        with requests.get(url, stream=True, timeout=PATIENCE) as answer:
            answer.raise_for_status()
            for piece in answer.iter_content(1 << 18):  # one in PATIENCE is the slowest server worth waiting for
                pieces.put(piece)
        pieces.put(b"")
    except OSError as error:
        pieces.put(error)


def download(url: str, path: Path, algorithm: str, digits: str) -> None:
    """Put the file from `url` at `path`, see has_digest; or raise SourceUnavailable and leave nothing."""
    log.info("downloading %s to %s", path.name, path.parent)
    host, pieces = urlsplit(url).hostname, Queue(maxsize=8)  # where a thread that nobody reads any more stops
    threading.Thread(target=_read, args=(url, pieces), daemon=True).start()
    try:
        with atomic(path) as temporary:
            with open(temporary, "wb") as file:
                while piece := pieces.get(timeout=PATIENCE):
                    if isinstance(piece, OSError):
                        raise piece
                    file.write(piece)
            if not has_digest(temporary, algorithm, digits):
                raise SourceUnavailable(f"{host} sent a damaged or other file (wrong checksum)")
    except Empty:
        raise SourceUnavailable(failure(requests.Timeout(), host)) from None
    except OSError as error:
        raise SourceUnavailable(failure(error, host)) from error
