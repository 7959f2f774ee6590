"""Tiny ImageNet as a source: 200 classes of 64 x 64 photographs, a box around each thing, read out of the archive."""

from __future__ import annotations

import hashlib
import io
import logging
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from clockodile.core.atomic_files import kept_arrays
from clockodile.core.download import download, has_digest
from clockodile.core.errors import UserError, os_reason
from clockodile.core.recipes import pick
from clockodile.core.source_code import source_key
from clockodile.core.workspace import Run, cache_dir
from clockodile.data.cifar import resized
from clockodile.data.collection import BACKGROUND, TEST, TRAIN, Collection, FileNote, Source

log = logging.getLogger("clockodile")

FOLDER = "tiny-imagenet-200"
ARCHIVE = f"{FOLDER}.zip"
NAMES = (f"{FOLDER}-part.tar.gz", ARCHIVE, FOLDER)  # of what a data folder may hold
URL = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
MD5 = "90528d7ca1a48142e341f4ef8d21d0de"
LICENCE = "Tiny ImageNet (Stanford, CS231n), a part of ImageNet: for research; the photographs belong to their makers"
SIDE = 64  # pixels
MOST = 100  # training images read of each class: all 500 of the whole archive would take five times as long
BACKGROUND_PER_CLASS = 10  # images of each class that was not asked for
TABLES = ("wnids.txt", "words.txt", "val/val_annotations.txt")
DAMAGED = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError)


@dataclass(frozen=True)
class TinyImageNet:
    """N photographs of C classes, sorted by class within each split."""

    images: np.ndarray  # uint8 (N, 64, 64, 3)
    labels: np.ndarray  # int64 (N,) index into classes
    boxes: (
        np.ndarray
    )  # int64 (N, 4) left, top, right, bottom pixel of the thing, ends inside; -1 if not known
    files: np.ndarray  # str (N,) name of the file without its suffix
    split: np.ndarray  # str (N,) train or test (the data set's "val")
    classes: tuple[str, ...]  # C names, none twice, in alphabetical order
    wnids: tuple[str, ...]  # WordNet's names of the same, such as n02123045
    where: str  # name of the archive or folder
    notes: tuple[FileNote, ...] = ()

    def rows(self, chosen: np.ndarray) -> TinyImageNet:
        """The same with only the chosen rows; chosen: bool (N,) or int (M,)."""
        parts = {
            name: getattr(self, name)[chosen] for name in ("images", "labels", "boxes", "files", "split")
        }
        return TinyImageNet(**parts, classes=self.classes, wnids=self.wnids, where=self.where)


# --- finding and reading it ---------------------------------------------------------------------------------


def find_tiny_imagenet(data_dir: Path | None) -> Path:
    """The archive or folder to read: in the data folder, else in the cache folder, where it is downloaded to.

    Raises UserError when a data folder was given and holds none, SourceUnavailable when it cannot be downloaded.
    """
    if data_dir is not None:
        places = [data_dir / name for name in NAMES] + [data_dir]
        for place in places:
            if place.is_file() or (place / TABLES[0]).is_file():
                return place
        raise UserError(f"{data_dir} holds no Tiny ImageNet; put {' or '.join(NAMES[1:])} into it ({URL})")
    archive = cache_dir() / ARCHIVE
    if not has_digest(archive, "md5", MD5):
        download(URL, archive, "md5", MD5)
    return archive


def _files(place: Path) -> Iterator[tuple[str, bytes]]:
    """Path inside the data set and content of every file in an archive or a folder."""
    if place.is_dir():
        for path in sorted(path for path in place.rglob("*") if path.is_file()):
            yield path.relative_to(place).as_posix(), path.read_bytes()
    elif zipfile.is_zipfile(place):
        with zipfile.ZipFile(place) as archive:
            for name in archive.namelist():
                yield _inside(name), archive.read(name)
    else:
        with tarfile.open(place) as archive:
            for member in archive:
                if member.isfile():
                    yield _inside(member.name), archive.extractfile(member).read()


def _inside(name: str) -> str:
    """The path below the data set's own folder."""
    return name.removeprefix("./").removeprefix(f"{FOLDER}/")


def _number(file: str) -> int:
    """The number at the end of a file's name, by which its class is sorted."""
    digits = PurePosixPath(file).stem.rpartition("_")[2]
    return int(digits) if digits.isdigit() else 0


def class_names(wnids: list[str], words: str) -> dict[str, str]:
    """A readable name for each class: the first of its words; with the WordNet name where two have the same."""
    table = dict(line.split("\t", 1) for line in words.splitlines() if "\t" in line)
    first = {wnid: table.get(wnid, wnid).split(",")[0].strip() for wnid in wnids}
    count = Counter(first.values())
    return {wnid: name if count[name] == 1 else f"{name} {wnid}" for wnid, name in first.items()}


def decode(content: bytes) -> tuple[np.ndarray | None, str]:
    """A JPEG file as uint8 (64, 64, 3) and "" or "grey", else None and the reason why it cannot be used."""
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as image:
            if image.size != (SIDE, SIDE):
                return None, "{}x{} pixels, not 64x64".format(*image.size)
            return np.array(image.convert("RGB")), "grey" if image.mode == "L" else ""
    except Exception:  # Pillow's readers raise whatever the damage led to
        return None, "truncated or damaged"


def _text(files: dict[str, bytes], name: str) -> str:
    return files.get(name, b"").decode("utf-8", "replace")


def _boxes(lines: str) -> dict[str, list[int]]:
    """File name -> its box, out of lines that begin with a file name and end in four numbers."""
    cells = (line.split("\t") for line in lines.splitlines())
    return {row[0]: [int(value) for value in row[-4:]] for row in cells if len(row) >= 5}


def read_tiny_imagenet(place: Path) -> TinyImageNet:
    """All classes of the data set, at most MOST training images of each.

    Raises UserError for an archive that is damaged or holds another data set.
    """
    log.info("reading %s", place.name)
    wanted = {}
    try:
        for name, content in _files(place):
            if name in TABLES or name.startswith(("train/", "val/images/")):
                wanted[name] = content
    except OSError as error:
        raise UserError(
            f"{place} cannot be read ({os_reason(error)}); mend that, or fetch it again"
        ) from error
    except DAMAGED as error:
        raise UserError(f"{place} is damaged; fetch it again from {URL}") from error
    names = class_names(_text(wanted, TABLES[0]).split(), _text(wanted, TABLES[1]))
    names = dict(sorted(names.items(), key=lambda item: item[1].lower()))
    answers = [line.split("\t")[:2] for line in _text(wanted, TABLES[2]).splitlines() if "\t" in line]
    rows = [(f"val/images/{file}", wnid, TEST) for file, wnid in answers if wnid in names]
    for wnid in names:
        own = sorted((name for name in wanted if name.startswith(f"train/{wnid}/images/")), key=_number)
        rows += [(name, wnid, TRAIN) for name in own[:MOST]]
    if len(names) < 2 or not all(any(part == split for *_, part in rows) for split in (TRAIN, TEST)):
        raise UserError(f"{place} is no Tiny ImageNet: it needs {', '.join(TABLES)}, train/ and val/images/")
    order = list(names)
    rows.sort(key=lambda row: (row[2] != TRAIN, order.index(row[1]), _number(row[0])))
    boxes = _boxes(_text(wanted, TABLES[2]))
    for wnid in names:
        boxes |= _boxes(_text(wanted, f"train/{wnid}/{wnid}_boxes.txt"))
    return _decoded(wanted, rows, boxes, names, place.name)


def _decoded(wanted: dict, rows: list, boxes: dict, names: dict[str, str], where: str) -> TinyImageNet:
    images, kept, notes, grey = [], [], [], 0
    for row in rows:
        pixels, reason = decode(wanted[row[0]]) if row[0] in wanted else (None, "")
        if pixels is not None:
            images.append(pixels)
            kept.append(row)
            grey += reason == "grey"
        elif reason:
            notes.append(FileNote(row[0], reason))
    if grey:
        notes.append(FileNote(where, f"{grey} greyscale images of the whole data set became RGB", used=True))
    absent = sum(row[0] not in wanted for row in rows)
    if absent:
        notes.append(FileNote(TABLES[2], f"{absent} images of its list are not there"))
    order, files = list(names), [PurePosixPath(name) for name, *_ in kept]
    return TinyImageNet(
        images=np.stack(images),
        labels=np.array([order.index(wnid) for _, wnid, _ in kept], np.int64),
        boxes=np.array([boxes.get(file.name, [-1] * 4) for file in files], np.int64),
        files=np.array([file.stem for file in files]),
        split=np.array([split for *_, split in kept]),
        classes=tuple(names.values()),
        wnids=tuple(names),
        where=where,
        notes=tuple(notes),
    )


# --- kept in the cache folder -------------------------------------------------------------------------------


def _state(place: Path) -> str:
    """Changes when the archive, a file in the folder, or what reads them is replaced."""
    paths = sorted(place.rglob("*")) if place.is_dir() else [place]
    stats = [(path.as_posix(), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    return hashlib.sha256(repr((stats, source_key(read_tiny_imagenet))).encode()).hexdigest()[:16]


def load_tiny_imagenet(data_dir: Path | None) -> TinyImageNet:
    """The data set, decoded once and then kept in the cache folder (270 MB).

    Raises as `find_tiny_imagenet` and `read_tiny_imagenet` do.
    """
    place = find_tiny_imagenet(data_dir)
    rows, words = ("images", "labels", "boxes", "files", "split"), ("classes", "wnids")

    def make() -> dict[str, np.ndarray]:
        found = read_tiny_imagenet(place)
        notes = [[note.path, note.reason, str(note.used)] for note in found.notes]
        arrays = {name: np.asarray(getattr(found, name)) for name in rows + words}
        return arrays | {"notes": np.array(notes, str).reshape(-1, 3)}

    stored = cache_dir() / FOLDER / f"{_state(place)}.npz"
    arrays = kept_arrays(stored, (*rows, *words, "notes"), make)
    return TinyImageNet(
        **{name: arrays[name] for name in rows},
        **{name: tuple(arrays[name].tolist()) for name in words},
        where=place.name,
        notes=tuple(FileNote(path, why, used == "True") for path, why, used in arrays["notes"].tolist()),
    )


def tiny_imagenet_collection(run: Run, image_size: int) -> Collection:
    """The recipe's classes out of Tiny ImageNet, all of them if it names none; some of the others as background.

    ids: `tabby/12` for the file <its WordNet name>_12.JPEG, `test/tabby/12` for val_12.JPEG ("test" is the data set's
    val), `tiny_imagenet_other/<class>/12`.
    Raises UserError for a class that it does not have, naming the nearest; SourceUnavailable without the data set.
    """
    whole = load_tiny_imagenet(run.data_dir)
    label_of = {name: label for label, name in enumerate(whole.classes)}
    classes = run.recipe.classes or whole.classes
    own = np.full(len(whole.classes), -1)
    own[[pick("class", name, label_of) for name in classes]] = np.arange(len(classes))
    labels, train = own[whole.labels], whole.split == TRAIN
    place = np.arange(len(labels)) - np.searchsorted(whole.labels[train], whole.labels)  # within its class
    others = np.flatnonzero((labels < 0) & train & (place < BACKGROUND_PER_CLASS))
    rows = [
        np.flatnonzero((labels == label) & (whole.split == split))
        for split in (TRAIN, TEST)
        for label in range(len(classes))
    ]
    rows = np.concatenate([*rows, others])
    chosen = whole.rows(rows)
    folder = {TRAIN: "", TEST: "test/", BACKGROUND: "tiny_imagenet_other/"}
    split = np.where(labels[rows] < 0, BACKGROUND, chosen.split)
    ids = [
        f"{folder[part]}{whole.classes[label]}/{_number(file)}"
        for part, label, file in zip(split, chosen.labels, chosen.files, strict=True)
    ]
    return Collection(
        images=resized(chosen.images, image_size),
        labels=labels[rows],
        ids=np.array(ids),
        split=split,
        classes=tuple(classes),
        source=Source("tiny_imagenet", whole.where, "", LICENCE),
        notes=whole.notes,
    )
