"""What a predictor said about image files: judged in batches, then told as a table, CSV, JSON or one line."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clockodile.classify.predictor import Predictor
from clockodile.data.collection import FileNote
from clockodile.data.files import read_images
from clockodile.data.scan import printable

BATCH = 128  # files decoded before they are judged
ABOUT = ("name", "accuracy", "trained_on", "note", "temperature")  # of a predictor, in the JSON object


@dataclass(frozen=True)
class Predictions:
    """What a predictor said about N images."""

    predictor: Predictor
    origin: str  # the predictor's file
    paths: tuple[str, ...]  # (N,) as the user wrote them; inside a folder, below the folder as written
    probability: np.ndarray  # float64 (N, C), calibrated
    refused: tuple[FileNote, ...]  # images that could not be read

    def rows(self) -> Iterator[tuple[str, str, np.ndarray]]:
        """For each image: path, predicted class, all probabilities."""
        for path, row in zip(self.paths, self.probability, strict=True):
            yield path, self.predictor.classes[row.argmax()], row


# --- judging -----------------------------------------------------------------------------------------------


def judge(
    predictor: Predictor,
    files: Sequence[str],
    *,
    origin: str = "",
    refused: Sequence[FileNote] = (),
    tell: Callable[[str], None] = lambda line: None,
) -> Predictions:
    """Read image files as those of a data folder are read, and judge them; memory does not grow with their number.

    refused: notes to which the unreadable files are added; tell: is told every ten seconds how far it is.
    """
    paths, parts, unread = [], [np.empty((0, len(predictor.classes)))], []
    told = time.monotonic()
    for start in range(0, len(files), BATCH):
        some = files[start : start + BATCH]
        read = read_images([Path(path) for path in some], predictor.image_size)
        unread += [
            FileNote(path, why) for path, (pixels, why) in zip(some, read, strict=True) if pixels is None
        ]
        paths += [path for path, (pixels, _) in zip(some, read, strict=True) if pixels is not None]
        usable = [pixels for pixels, _ in read if pixels is not None]
        if usable:
            parts.append(predictor.probabilities(np.stack(usable)))
        if time.monotonic() - told > 10:
            told = time.monotonic()
            tell(f"{start + len(some)} of {len(files)} files")
    return Predictions(predictor, origin, tuple(paths), np.concatenate(parts), (*refused, *unread))


# --- telling -----------------------------------------------------------------------------------------------


def summary(verdicts: Predictions) -> str:
    """How many images of each class, in one line."""
    counts = Counter(predicted for _, predicted, _ in verdicts.rows())
    classes = ", ".join(f"{counts[name]} {printable(name)}" for name in verdicts.predictor.classes)
    refused = f"; {len(verdicts.refused)} refused" if verdicts.refused else ""
    return f"{len(verdicts.paths)} judged: {classes}{refused}"


def as_table(verdicts: Predictions) -> str:
    """Aligned columns for people: path, predicted, confidence."""
    rows = [("path", "predicted", "confidence")]
    rows += [(printable(path), printable(name), f"{p.max():.4f}") for path, name, p in verdicts.rows()]
    wide = [max(len(row[column]) for row in rows) for column in range(2)]
    return "".join(f"{row[0]:<{wide[0]}}  {row[1]:<{wide[1]}}  {row[2]}\n" for row in rows)


def as_csv(verdicts: Predictions) -> str:
    """Lines of path,predicted,confidence,p_<class>...; numbers with 4 decimals."""
    lines = [["path", "predicted", "confidence", *(f"p_{name}" for name in verdicts.predictor.classes)]]
    lines += [[path, name, *(f"{value:.4f}" for value in (p.max(), *p))] for path, name, p in verdicts.rows()]
    return "".join(",".join(map(quoted, line)) + "\n" for line in lines)


def quoted(text: str) -> str:
    """A CSV field. Not the csv module's: before Python 3.13 it leaves a lone carriage return unquoted."""
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\r\n') else text


def as_json(verdicts: Predictions) -> str:
    """One object: predictor, classes, images with probabilities rounded to 6 decimals, refused files."""
    predictor, classes = verdicts.predictor, verdicts.predictor.classes
    images = [
        {
            "path": path,
            "predicted": name,
            "confidence": round(float(row.max()), 6),
            "p": {other: round(float(p), 6) for other, p in zip(classes, row, strict=True)},
        }
        for path, name, row in verdicts.rows()
    ]
    content = {
        "predictor": {"file": verdicts.origin, **{part: getattr(predictor, part) for part in ABOUT}},
        "classes": classes,
        "images": images,
        "refused": [{"path": note.path, "reason": note.reason} for note in verdicts.refused],
    }
    return json.dumps(content, indent=1) + "\n"
