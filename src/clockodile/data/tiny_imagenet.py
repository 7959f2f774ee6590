"""Tiny ImageNet as a source: 200 classes of 64 x 64 photographs, a box around each thing, read out of the archive."""

import logging
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np

from clockodile.core.atomic_files import kept_arrays
from clockodile.core.download import download, has_digest
from clockodile.core.errors import UserError
from clockodile.core.recipes import pick
from clockodile.core.source_code import source_key
from clockodile.core.workspace import Run, cache_dir
from clockodile.data.cifar import files_in, pixels_of, resized
from clockodile.data.collection import BACKGROUND, TEST, TRAIN, Collection, Source
from clockodile.data.scan import files_state

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
ROWS = ("images", "labels", "boxes", "files", "split")  # the arrays of N rows


@dataclass(frozen=True)
class TinyImageNet:
    """N photographs of C classes, sorted by class within each split."""

    images: np.ndarray  # uint8 (N, 64, 64, 3)
    labels: np.ndarray  # int64 (N,) index into classes
    boxes: np.ndarray  # int64 (N, 4) left, top, right, bottom pixel of the thing, ends inside; -1: not known
    files: np.ndarray  # str (N,) name of the file without its suffix
    split: np.ndarray  # str (N,) train or test (the data set's "val")
    classes: tuple[str, ...]  # C names, none twice, in alphabetical order
    wnids: tuple[str, ...]  # WordNet's names of the same, such as n02123045
    where: str  # name of the archive or folder

    def rows(self, chosen: np.ndarray) -> "TinyImageNet":
        """The same with only the chosen rows; chosen: bool (N,) or int (M,)."""
        return replace(self, **{name: getattr(self, name)[chosen] for name in ROWS})


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


def _boxes(lines: str) -> dict[str, list[int]]:
    """File name -> its box, out of lines that begin with a file name and end in four numbers."""
    cells = (line.split("\t") for line in lines.splitlines())
    return {row[0]: [int(value) for value in row[-4:]] for row in cells if len(row) >= 5}


def read_tiny_imagenet(place: Path) -> dict[str, np.ndarray]:
    """The parts of a TinyImageNet with all classes, and at most MOST training images of each.

    Raises UserError for an archive that is damaged, holds a damaged image or another data set.
    """
    log.info("reading %s", place.name)

    def wanted(path: str) -> bool:
        return _inside(path) in TABLES or _inside(path).startswith(("train/", "val/images/"))

    found = {_inside(path): content for path, content in files_in(place, wanted)}
    text = {path: found.get(path, b"").decode("utf-8", "replace") for path in TABLES}
    names = class_names(text[TABLES[0]].split(), text[TABLES[1]])
    names = dict(sorted(names.items(), key=lambda item: item[1].lower()))
    order = list(names)
    answers = [line.split("\t")[:2] for line in text[TABLES[2]].splitlines() if "\t" in line]
    rows = [(f"val/images/{file}", wnid, TEST) for file, wnid in answers if wnid in names]
    rows = [row for row in rows if row[0] in found]  # a part of the data set has the list of all
    boxes = _boxes(text[TABLES[2]])
    for wnid in names:
        own = sorted((path for path in found if path.startswith(f"train/{wnid}/images/")), key=_number)
        rows += [(path, wnid, TRAIN) for path in own[:MOST]]
        boxes |= _boxes(found.get(f"train/{wnid}/{wnid}_boxes.txt", b"").decode("utf-8", "replace"))
    if len(names) < 2 or not all(any(part == split for *_, part in rows) for split in (TRAIN, TEST)):
        raise UserError(f"{place} is no Tiny ImageNet: it needs {', '.join(TABLES)}, train/ and val/images/")
    rows.sort(key=lambda row: (row[2] != TRAIN, order.index(row[1]), _number(row[0])))
    files = [PurePosixPath(path) for path, *_ in rows]
    return {
        "images": np.stack([pixels_of(found[path], f"{place}: {path}", SIDE) for path, *_ in rows]),
        "labels": np.array([order.index(wnid) for _, wnid, _ in rows], np.int64),
        "boxes": np.array([boxes.get(file.name, [-1] * 4) for file in files], np.int64),
        "files": np.array([file.stem for file in files]),
        "split": np.array([split for *_, split in rows]),
        "classes": np.array(list(names.values())),
        "wnids": np.array(order),
    }


def load_tiny_imagenet(data_dir: Path | None) -> TinyImageNet:
    """The data set, decoded once and then kept in the cache folder (270 MB).

    Raises as `find_tiny_imagenet` and `read_tiny_imagenet` do.
    """
    place = find_tiny_imagenet(data_dir)
    state = files_state(sorted(place.rglob("*")) if place.is_dir() else [place])
    kept = cache_dir() / FOLDER / f"{state}-{source_key(read_tiny_imagenet)}.npz"
    arrays = kept_arrays(kept, (*ROWS, "classes", "wnids"), lambda: read_tiny_imagenet(place))
    return TinyImageNet(
        **{name: arrays[name] for name in ROWS},
        **{name: tuple(arrays[name].tolist()) for name in ("classes", "wnids")},
        where=place.name,
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
    mine = np.flatnonzero(labels >= 0)
    mine = mine[np.lexsort((labels[mine], ~train[mine]))]  # training images first, by class
    rows = np.concatenate([mine, others])
    folder = {TRAIN: "", TEST: "test/", BACKGROUND: "tiny_imagenet_other/"}
    split = np.where(labels[rows] < 0, BACKGROUND, whole.split[rows])
    ids = [
        f"{folder[part]}{whole.classes[label]}/{_number(file)}"
        for part, label, file in zip(split, whole.labels[rows], whole.files[rows], strict=True)
    ]
    return Collection(
        images=resized(whole.images[rows], image_size),
        labels=labels[rows],
        ids=np.array(ids),
        split=split,
        classes=tuple(classes),
        source=Source("tiny_imagenet", whole.where, "", LICENCE),
    )
