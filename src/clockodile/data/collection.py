"""What a source of images returns, whichever source it is: raw images with labels, and everything it refused."""

from dataclasses import dataclass, replace

import numpy as np

TRAIN, TEST, BACKGROUND, HYBRID = "train", "test", "background", "hybrid"  # the values of `split`


@dataclass(frozen=True)
class Source:
    """Where images came from; its stamp is written on every figure made from images that are not photographs."""

    kind: str  # a key of data.sources.SOURCES, such as "folder"
    where: str  # folder, URL or generator, for the data card
    why: str  # one sentence: why this source was taken and the ones before it were not
    licence: str  # what a reader may do with the images
    stamp: str = ""  # "drawn stand-in" for drawn images, else empty
    files: str = ""  # digest of names, sizes and times of a folder's image files, else empty


@dataclass(frozen=True)
class FileNote:
    """A file that was not used, or not as it is, and why."""

    path: str  # relative to the data folder
    reason: str  # one phrase, such as "empty file (0 bytes)" or "first of 4 frames used"
    used: bool = False  # False: left out


@dataclass(frozen=True)
class Collection:
    """Images in label order, not yet grouped or split into folds. N images of S x S pixels."""

    images: np.ndarray  # uint8 (N, S, S, 3)
    labels: np.ndarray  # int64 (N,) index into classes; -1 for background and hybrid
    ids: np.ndarray  # str (N,) unique; a reader finds the file by it
    split: np.ndarray  # str (N,) train, test, background or hybrid
    classes: tuple[str, ...]  # C >= 2 names in label order
    source: Source
    notes: tuple[FileNote, ...] = ()  # what was left out, and what a reader must know of the rest
    warnings: tuple[str, ...] = ()  # lines that a user must see, whatever else is read

    def rows(self, chosen: np.ndarray, *notes: FileNote) -> "Collection":
        """The same with only the chosen rows, bool (N,) or int (M,), and further notes."""
        parts = {name: getattr(self, name)[chosen] for name in ("images", "labels", "ids", "split")}
        return replace(self, **parts, notes=(*self.notes, *notes))
