"""Many image files, each judged exactly once: in this process, or by the workers of a Dask cluster.

Results are appended, PART files at a time, to a working table: a CSV of path, size, time of change, reason of a refusal
and what was found. It lies in the run folder (or the cache) and its name holds a digest of the weights and of the paths
asked for, so other weights never go on with it. The same command skips what it holds; a half-written last line is
dropped, a file that changed or was refused is judged again, and the last line about a file counts. What grows with the
number of files is their list of names and one number each.
"""

import asyncio
import csv
import hashlib
import importlib.util
import logging
import os
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np

import clockodile
from clockodile.app.memory import keep_freed_memory
from clockodile.app.output import print_stderr
from clockodile.classify.predictions import quoted
from clockodile.core.atomic_files import file_digest
from clockodile.core.errors import UserError, os_reason
from clockodile.core.store import shipped_weights
from clockodile.data.files import read_images

try:
    import fcntl
except ImportError:  # Windows: two runs at once are then not noticed
    fcntl = None

PART = 64  # files decoded and judged together; what is done is kept after each part
IN_FLIGHT = 3  # parts a worker thread may have waiting: enough that none is ever idle
EVERY = 10  # seconds between two lines about the progress
PATIENCE = 10  # seconds until a scheduler that does not answer is given up
AGAIN = "the same command goes on from what is done"


class Model(Protocol):
    """What judges images."""

    image_size: int  # S
    columns: tuple[str, ...]  # names of what it finds

    def rows(self, images: np.ndarray) -> list[list[str]]:
        """The columns of each of uint8 images (N, S, S, 3)."""


# --- one part of the work, on whichever machine ---------------------------------------------------------------


@dataclass(frozen=True)
class Job:
    """What is to judge the images, in a few words: they travel with every part, the weights do not."""

    load: Callable[[Path], Model]  # a function of an installed module, called with the path of the weights
    weights: str  # absolute path, or name of a file that comes with the package
    key: str  # digest of its bytes


def make_job(load: Callable[[Path], Model], path: Path) -> Job:
    """The job that loads these weights."""
    name = path.name if path.parent == shipped_weights() else os.path.abspath(path)
    return Job(load, name, file_digest(path))


_loading = threading.Lock()


@lru_cache(maxsize=2)
def _loaded(job: Job) -> Model:
    keep_freed_memory()
    path = Path(job.weights) if os.path.isabs(job.weights) else shipped_weights() / job.weights
    try:
        same = file_digest(path) == job.key
    except OSError as error:
        raise UserError(f"{error.filename}: {os_reason(error)}; every worker needs the run folder") from error
    if not same:
        raise UserError(f"{path}: other weights than where the work began; start again")
    return job.load(path)


def judge_on_worker(job: Job, paths: Sequence[str]) -> list[list[str]]:
    """`judge_part` by a model that is loaded once in a process. Raises UserError when its weights are not there."""
    with _loading:
        model = _loaded(job)
    return judge_part(model, paths)


def judge_part(model: Model, paths: Sequence[str]) -> list[list[str]]:
    """Size, time of change and reason of a refusal ("" for none) of each file, then the model's columns."""
    stamps = [stamp(path) for path in paths]  # before reading: a file that changes meanwhile is judged again
    read = read_images([Path(path) for path in paths], model.image_size)
    usable = [pixels for pixels, _ in read if pixels is not None]
    found = iter(model.rows(np.stack(usable)) if usable else [])
    blank = [""] * len(model.columns)
    return [
        [*known, why, *blank] if pixels is None else [*known, "", *next(found)]
        for known, (pixels, why) in zip(stamps, read, strict=True)
    ]


def stamp(path: str) -> list[str]:
    """Size and time of the last change of a file, by which it is known again; -1 and -1 when it is gone."""
    try:
        info = os.stat(path)
    except OSError:
        return ["-1", "-1"]
    return [str(info.st_size), str(info.st_mtime_ns)]


# --- the working table -----------------------------------------------------------------------------------------


class Table:
    """The working table of some files."""

    def __init__(self, path: Path, files: Sequence[str], columns: Sequence[str]):
        """Open or begin it. Raises OSError, or UserError when another process is at work on it."""
        self.path, self.files = path, files
        names = ["path", "size", "changed", "refused", *columns]
        self.header, self.width = encoded(names), len(names)
        self.place = np.full(len(files), -1, np.int64)  # where each file's line begins; -1: not judged yet
        self.handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            if fcntl is not None:
                fcntl.flock(self.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._recover()
        except BlockingIOError:
            os.close(self.handle)
            raise UserError(f"{path}: another process is at work on these images; wait for it") from None
        except BaseException:
            os.close(self.handle)
            raise

    def _recover(self) -> None:
        """Find what is still true of each file; cut off what a killed process has left unfinished."""
        numbers, end = {path: number for number, path in enumerate(self.files)}, 0
        with open(self.path, "rb") as file:
            if file.readline() == self.header:
                end = len(self.header)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    fields = decoded(line)
                    if len(fields) == self.width and fields[0] in numbers:
                        known = not fields[3] and stamp(fields[0]) == fields[1:3]
                        self.place[numbers[fields[0]]] = end if known else -1
                    end += len(line)
        os.ftruncate(self.handle, end)
        if not end:
            self._write(self.header)

    def append(self, numbers: Sequence[int], rows: Sequence[Sequence[str]]) -> None:
        """Add what `judge_part` returned for these files. Raises UserError when the disk is full."""
        lines = [encoded([self.files[n], *row]) for n, row in zip(numbers, rows, strict=True)]
        offset = os.fstat(self.handle).st_size
        self._write(b"".join(lines))
        self.place[numbers] = offset + np.cumsum([0, *map(len, lines[:-1])])

    def _write(self, content: bytes) -> None:
        try:
            while content:
                content = content[os.write(self.handle, content) :]
        except OSError as error:
            raise UserError(f"{self.path}: {os_reason(error)}; {AGAIN}") from error

    def rows(self, order: Iterable[int] | None = None) -> Iterator[tuple[str, str, list[str]]]:
        """Path, reason of a refusal and columns of every judged file. order: of their numbers; default: as given."""
        with open(self.path, "rb") as file:
            for number in range(len(self.files)) if order is None else order:
                if self.place[number] >= 0:
                    file.seek(self.place[number])
                    fields = decoded(file.readline())
                    yield self.files[number], fields[3], fields[4:]


def encoded(fields: Sequence[str]) -> bytes:
    """A line of CSV in ASCII. A file's name need not be text, and may hold the end of a line: both are escaped."""
    return (",".join(quoted(field.encode("unicode_escape").decode()) for field in fields) + "\n").encode()


def decoded(line: bytes) -> list[str]:
    """The fields of a line; none for one that is damaged."""
    try:
        (fields,) = csv.reader([line.decode("ascii")], strict=True)
        return [field.encode().decode("unicode_escape") for field in fields]
    except (ValueError, csv.Error):
        return []


@contextmanager
def open_table(
    folder: Path, job: Job, given: Sequence[str], files: Sequence[str], columns: Sequence[str]
) -> Iterator[Table]:
    """The working table of a job in `folder`; a temporary one for a single part, or where one may not write.

    given: the folders and images that the user named, among which `files` were found.
    """
    asked = "\0".join((clockodile.__version__, job.load.__qualname__, job.key, os.getcwd(), *given))
    path = folder / f"{hashlib.sha256(os.fsencode(asked)).hexdigest()[:12]}.csv"
    with tempfile.NamedTemporaryFile(suffix=".csv") as temporary:
        table = None
        if len(files) > PART:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                table = Table(path, files, columns)
            except OSError as error:
                print_stderr(
                    f"NOTE: {folder}: {os_reason(error)}; when this is stopped it begins again "
                    "(set XDG_CACHE_HOME, or use a run folder, where one may write)"
                )
        table = table or Table(Path(temporary.name), files, columns)
        try:
            yield table
        finally:
            os.close(table.handle)


# --- all of the work -------------------------------------------------------------------------------------------


def judge_all(job: Job, model: Model, table: Table, *, scheduler: str = "") -> None:
    """Judge every file that the table does not know as it is now.

    model: what the job loads, for this process. scheduler: address of a Dask scheduler, whose workers see the same
    files under the same paths and have this package; "" for this process. Tells every ten seconds how far it is.
    Raises UserError for a cluster that does not work.
    """
    left = np.flatnonzero(table.place < 0)
    known, total, start = len(table.files) - len(left), len(table.files), time.monotonic()
    if known:
        print_stderr(f"{known} of {total} images were judged before")
    if not len(left):
        return
    parts = [left[at : at + PART] for at in range(0, len(left), PART)]
    paths = ([os.path.join(os.getcwd(), table.files[n]) for n in part] for part in parts)
    found = on_cluster(scheduler, job, paths) if scheduler else (judge_part(model, some) for some in paths)
    told, done = start, known
    with closing(found):  # or a cluster would work on after Ctrl-C
        for part, rows in zip(parts, found, strict=True):
            table.append(part, rows)
            done += len(part)
            if time.monotonic() - told > EVERY:
                told = time.monotonic()
                print_stderr(progress(done, known, total, told - start))


def progress(done: int, known: int, total: int, seconds: float) -> str:
    """One line: how far, and how long the rest will take at the pace of the images that had to be judged."""
    judged = done - known
    left = f", about {seconds / judged * (total - done) / 60:.0f} min left" if judged else ""
    return f"{done} of {total} images{left}"


def on_cluster(address: str, job: Job, parts: Iterable[list[str]]) -> Iterator[list[list[str]]]:
    """What `judge_on_worker` returns for each part, in their order. When a worker dies another one judges its part."""
    with connected(address) as client:
        waiting: deque = deque()
        for paths in parts:
            waiting.append((paths, client.submit(judge_on_worker, job, paths, pure=False)))
            if len(waiting) >= IN_FLIGHT * max(1, sum(client.nthreads().values())):
                yield collected(client, *waiting.popleft())
        while waiting:
            yield collected(client, *waiting.popleft())


@contextmanager
def connected(address: str) -> Iterator:
    """A client of a Dask cluster. Raises UserError when Dask is missing, or nobody answers."""
    if importlib.util.find_spec("distributed") is None:
        raise UserError(f"--scheduler needs Dask; install it: {sys.executable} -m pip install distributed")
    from distributed import Client

    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what went wrong is said in one line below
    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UserError(
            f"--scheduler {address}: no Dask scheduler answers there; start one with `dask scheduler`, "
            "workers with `dask worker`, and give its address, such as tcp://127.0.0.1:8786"
        ) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError as error:
            raise UserError(
                f"--scheduler {address} has no workers; start some: dask worker {address} --nthreads 1"
            ) from error
        yield client


def collected(client, paths: Sequence[str], future) -> list[list[str]]:
    """The result of one part. Raises UserError when it, or the whole cluster, failed."""
    from distributed import wait

    try:
        while not future.done():
            with suppress(TimeoutError), client.as_current():
                wait([future], timeout=EVERY)
                break
            if not client.nthreads():
                print_stderr("no worker is left; waiting for one (Ctrl-C stops, and what is done is kept)")
        rows = future.result()
    except UserError:
        raise
    except (Exception, asyncio.CancelledError) as error:  # whatever a library on another machine raises
        why = f"{type(error).__name__}: {' '.join(str(error).split())[:150]}"
        raise UserError(
            f"the cluster failed at {paths[0]} and the {len(paths) - 1} files after it ({why}); scheduler and workers "
            f"need this version of clockodile and memory for it; {AGAIN}"
        ) from error
    check_seen(paths, rows)
    return rows


def check_seen(paths: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Raise UserError when a file that is here was not there for a worker: nothing would be judged at all."""
    for path, row in zip(paths, rows, strict=True):
        if row[0] == "-1" and os.path.exists(path):
            raise UserError(f"a worker does not see {path}; put the images where all machines see them")
