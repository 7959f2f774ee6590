"""CIFAR as a source: torchvision's data set, fetched once and checked, or the pictures in an archive or a folder."""

import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
from filelock import FileLock
from PIL import Image

from clockodile.core.atomic_files import sweep
from clockodile.core.download import SourceUnavailable, download, failure, has_digest
from clockodile.core.errors import UserError, os_reason
from clockodile.core.recipes import pick
from clockodile.core.workspace import Run, cache_dir
from clockodile.data.collection import BACKGROUND, TEST, TRAIN, Collection, Source
from clockodile.data.files import to_square
from clockodile.data.scan import SUFFIXES, hidden

LICENCE = "CIFAR-100 (Krizhevsky, 2009): for research, with citation; the photographs belong to their makers"
SIDE = 32  # pixels
BACKGROUND_PER_CLASS = 20  # images of each class that is not in the recipe
WAIT = 600.0  # seconds for another process that downloads the same
LOCK = ".cifar.lock"  # in the cache folder; stays there, since removing a lock file is a race
MEND = "get it again, or remove it"


def _stored(cache: Path, dataset: type):
    """(train, test) from the cache, each file's MD5 checked by torchvision before it is read; else None."""
    try:
        return dataset(cache, train=True), dataset(cache, train=False)
    except (RuntimeError, OSError):
        return None


def fetch_cifar(cache: Path, name: str = "CIFAR100"):
    """torchvision's (train, test) data sets, from the cache folder if a good copy is there, else from the network.

    name: of torchvision's class, CIFAR100 or CIFAR10. An archive put into the folder by hand is used as well; a second
    process waits. Raises SourceUnavailable, one phrase.
    """
    import torchvision  # a second to import; folders never need it

    dataset = getattr(torchvision.datasets, name)
    if stored := _stored(cache, dataset):
        return stored
    lock, archive = FileLock(cache / LOCK), cache / dataset.filename
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with suppress(OSError, NotImplementedError):  # without locks, or if their holder hangs: fetched twice
            lock.acquire(timeout=WAIT)
        if not (stored := _stored(cache, dataset)):  # else another process was faster
            sweep(cache)
            if not has_digest(archive, "md5", dataset.tgz_md5):
                download(dataset.url, archive, "md5", dataset.tgz_md5)
            with tarfile.open(archive) as tar:
                tar.extractall(cache, filter="data")
            stored = _stored(cache, dataset)
    except OSError as error:
        raise SourceUnavailable(failure(error)) from error
    except tarfile.TarError:
        stored = None
    finally:
        lock.release()
    if not stored:
        raise SourceUnavailable("the archive does not hold what it should")
    return stored


def files_in(place: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """Path and content of the wanted files in a folder, a zip or a tar archive, whose name the paths may begin with.

    Nothing is unpacked to disk. Raises UserError for an archive or a file that cannot be read.
    """
    try:
        if place.is_dir():
            for path in sorted(place.rglob("*")):
                name = path.relative_to(place).as_posix()
                if wanted(name) and path.is_file():
                    yield name, path.read_bytes()
        elif zipfile.is_zipfile(place):
            with zipfile.ZipFile(place) as archive:
                for name in filter(wanted, archive.namelist()):
                    yield name, archive.read(name)
        else:
            with tarfile.open(place) as archive:
                for member in archive:
                    if wanted(member.name) and member.isfile():
                        yield member.name, archive.extractfile(member).read()
    except OSError as error:
        raise UserError(f"{place} cannot be read ({os_reason(error)}); {MEND}") from error
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise UserError(f"{place} is damaged; {MEND}") from error


def read_parts(place: Path, parts: tuple[str, ...], *, without: tuple[str, ...] = ()) -> tuple[np.ndarray, np.ndarray]:
    """The images `.../<part>/<class>/<file>` in an archive or a folder, of all classes but some, sorted by path.

    Returns uint8 (N, 32, 32, 3) and str (N,) `<part>/<class>/<file>`. Raises UserError for a damaged archive, one
    without such images, and for anything but small PNG and JPEG among them.
    """

    def wanted(name: str) -> bool:
        path = Path(name)
        fits = len(path.parts) >= 3 and path.parts[-3] in parts and path.parts[-2] not in without
        return fits and path.suffix.lower() in SUFFIXES and not hidden(path.name)

    found = [
        ("/".join(Path(name).parts[-3:]), pixels_of(content, f"{place}: {name}", SIDE))
        for name, content in files_in(place, wanted)
    ]
    if not found:
        raise UserError(f"{place} holds no images in {parts[0]}/<class>; {MEND}")
    found.sort(key=lambda one: one[0])
    return np.stack([image for _, image in found]), np.array([name for name, _ in found])


def pixels_of(content: bytes, name: str, side: int) -> np.ndarray:
    """A PNG's or JPEG's pixels, uint8 (side, side, 3). Of other formats, some would start another program.

    name: for the UserError that any other content raises.
    """
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as picture:
            if picture.size == (side, side):  # told by the header, before anything large is unpacked
                return np.asarray(picture.convert("RGB"))
    except Exception as error:  # Pillow's readers raise whatever the damage led to
        raise UserError(f"{name} is no whole PNG or JPEG of {side} pixels a side; {MEND}") from error
    raise UserError(f"{name} is not {side} pixels a side; {MEND}")


def resized(images: np.ndarray, size: int) -> np.ndarray:
    """uint8 (N, H, W, 3) as (N, size, size, 3); unchanged when it has that size."""
    if images.shape[1:3] == (size, size):
        return images
    return np.stack([np.array(to_square(Image.fromarray(image), size)) for image in images])


def cifar100_by_class(run: Run, *, without: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """CIFAR-100's training images uint8 (N, 32, 32, 3) and their class names, str (N,), of all classes but some.

    From cifar100.tar.gz in the data folder, else torchvision's copy. Raises SourceUnavailable when neither can be had,
    UserError for a damaged archive.
    """
    archive = run.data_dir / "cifar100.tar.gz" if run.data_dir else None
    if archive is not None and archive.is_file():
        images, paths = read_parts(archive, (TRAIN,), without=without)
        return images, np.array([path.split("/")[1] for path in paths])
    train, _ = fetch_cifar(cache_dir())
    names = np.array(train.classes)[np.asarray(train.targets)]
    wanted = ~np.isin(names, without)
    return train.data[wanted], names[wanted]


def cifar100_collection(run: Run, image_size: int) -> Collection:
    """The recipe's classes out of CIFAR-100: its training images, its test images, and others as background.

    ids: `clock/<train index>`, `test/clock/<test index>`, `cifar100_other/<class>/<train index>`. The background is the
    first 20 training images of every other class. Raises SourceUnavailable when it cannot be had, UserError for a
    class that it does not have.
    """
    train, test = fetch_cifar(cache_dir())
    classes = run.recipe.classes
    for name in classes:
        pick("class", name, train.class_to_idx)
    blocks = [(train, name, label, name, TRAIN) for label, name in enumerate(classes)]
    blocks += [(test, name, label, f"test/{name}", TEST) for label, name in enumerate(classes)]
    others = [name for name in train.classes if name not in classes]
    blocks += [(train, name, -1, f"cifar100_other/{name}", BACKGROUND) for name in others]
    images, labels, ids, splits = [], [], [], []
    for data, name, label, folder, split in blocks:
        rows = np.flatnonzero(np.asarray(data.targets) == data.class_to_idx[name])
        rows = rows[:BACKGROUND_PER_CLASS] if split == BACKGROUND else rows
        images.append(data.data[rows])
        labels += [label] * len(rows)
        ids += [f"{folder}/{row}" for row in rows]
        splits += [split] * len(rows)
    return Collection(
        images=resized(np.concatenate(images), image_size),
        labels=np.array(labels, np.int64),
        ids=np.array(ids),
        split=np.array(splits),
        classes=classes,
        source=Source("cifar100", train.url, "", LICENCE),
    )
