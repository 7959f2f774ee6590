"""What a predictor said about image files, told as a table, CSV, JSON or one line, however many they are."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from clockodile.classify.predictor import Predictor
from clockodile.data.collection import FileNote
from clockodile.data.scan import printable

ABOUT = ("name", "accuracy", "trained_on", "note", "temperature")  # of a predictor, in the JSON object


@dataclass(frozen=True)
class Predictions:
    """What a predictor said about N images."""

    predictor: Predictor
    origin: str  # the predictor's file
    rows: Callable[[], Iterator[tuple[str, str, Sequence[float]]]]  # path, predicted class, probabilities (C,)
    refused: tuple[FileNote, ...] = ()  # images that could not be read


def summary_line(predictions: Predictions) -> str:
    """How many images of each class, in one line."""
    counts = Counter(predicted for _, predicted, _ in predictions.rows())
    classes = ", ".join(f"{counts[name]} {printable(name)}" for name in predictions.predictor.classes)
    refused = f"; {len(predictions.refused)} refused" if predictions.refused else ""
    return f"{counts.total()} judged: {classes}{refused}"


def as_table(predictions: Predictions) -> Iterator[str]:
    """Lines of aligned columns for people: path, predicted, confidence."""

    def lines() -> Iterator[tuple[str, str, str]]:
        yield "path", "predicted", "confidence"
        for path, name, p in predictions.rows():
            yield printable(path), printable(name), f"{max(p):.4f}"

    wide = [0, 0]
    for path, name, _ in lines():
        wide = [max(wide[0], len(path)), max(wide[1], len(name))]
    for path, name, confidence in lines():
        yield f"{path:<{wide[0]}}  {name:<{wide[1]}}  {confidence}\n"


def as_csv(predictions: Predictions) -> Iterator[str]:
    """Lines of path,predicted,confidence,p_<class>...; numbers with 4 decimals."""
    yield csv_line(["path", "predicted", "confidence", *(f"p_{name}" for name in predictions.predictor.classes)])
    for path, name, p in predictions.rows():
        yield csv_line([path, name, *(f"{value:.4f}" for value in (max(p), *p))])


def csv_line(fields: Sequence[str]) -> str:
    """One line of CSV."""
    return ",".join(map(quoted, fields)) + "\n"


def quoted(text: str) -> str:
    """A CSV field. Not the csv module's: before Python 3.13 it leaves a lone carriage return unquoted."""
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\r\n') else text


def as_json(predictions: Predictions) -> Iterator[str]:
    """Parts of one object: predictor, classes, images with probabilities rounded to 6 decimals, refused files."""
    predictor, classes = predictions.predictor, predictions.predictor.classes
    about = {"file": predictions.origin, **{part: getattr(predictor, part) for part in ABOUT}}
    yield f'{{"predictor": {json.dumps(about)},\n"classes": {json.dumps(classes)},\n"images": ['
    between = "\n"
    for path, name, p in predictions.rows():
        shares = {other: round(value, 6) for other, value in zip(classes, p, strict=True)}
        image = {"path": path, "predicted": name, "confidence": round(max(p), 6), "p": shares}
        yield between + json.dumps(image)
        between = ",\n"
    refused = [{"path": note.path, "reason": note.reason} for note in predictions.refused]
    yield f'],\n"refused": {json.dumps(refused)}}}\n'
