"""`clockodile rank`: every image of a folder, however many, in the order of how much it looks like both classes.

What is judged is kept in a working table (app.batch) in the run folder, or in the cache with --pretrained; the sorted
table and the page are written whole at the end.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clockodile.ambiguous.describe import describe_evidence, quadrant_name
from clockodile.ambiguous.evidence import Judge, percentile
from clockodile.ambiguous.judge import NAME, features_of, judge_from
from clockodile.ambiguous.scores import both
from clockodile.app.batch import Log, Table, judge_all, make_job, open_table
from clockodile.app.predict import (
    check_judged,
    check_run,
    check_target,
    find_best,
    find_images,
    is_run,
    log_refused,
    working_folder,
    write_file,
)
from clockodile.app.progress import print_stderr, write_stdout
from clockodile.app.rank_page import RankedImage, corner, page
from clockodile.classify.predictions import csv_line
from clockodile.classify.predictor import Predictor, load_predictor
from clockodile.core.errors import UserError
from clockodile.core.store import read_checkpoint, shipped_weights
from clockodile.data.scan import printable


@dataclass(frozen=True)
class Ranker:
    """Everything that judges an image: the frozen network with its probes, and the classifier."""

    judge: Judge
    predictor: Predictor
    network: str  # the frozen network's name
    pair: tuple[int, int]  # class numbers
    note: str  # what users must be told

    @property
    def image_size(self) -> int:
        """Pixels a side."""
        return self.predictor.image_size

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of what `rows` returns; log_odds, the smaller ones of the pair, tell equal scores apart."""
        numbers = (f"{kind}_{name}" for kind in ("p", "evidence") for name in self.predictor.classes)
        return ("score", "log_odds", "quadrant", "reason", *numbers)

    def rows(self, images: np.ndarray) -> list[list[str]]:
        """The columns of uint8 images (N, S, S, 3)."""
        odds = self.judge.scores(features_of(images, self.network))
        evidence = percentile(odds, self.judge.background)
        probability = self.predictor.probabilities(images)
        scores, finer, names = both(evidence, self.pair), both(odds, self.pair), self.predictor.classes
        return [
            [
                *(repr(float(score)), repr(float(fine))),
                *(quadrant_name(part, names, self.pair), describe_evidence(part, names, self.pair)),
                *(f"{value:.4f}" for value in (*p, *part)),
            ]
            for score, fine, part, p in zip(scores, finer, evidence, probability, strict=True)
        ]


def rank_command(
    given: Sequence[str],
    *,
    pretrained: bool,
    count: int,
    csv_file: str | None,
    html_file: str | None,
    scheduler: str = "",
) -> int:
    """Do what the command line asks. given: RUN (unless `pretrained`), then folders or images, as written.

    Returns 0, or 1 when images were refused. Raises UserError for a wrong argument or when no image could be judged,
    KeyboardInterrupt after Ctrl-C.
    """
    check_ranking(given, pretrained=pretrained, csv_file=csv_file, html_file=html_file)
    paths = find_weights(None if pretrained else Path(given[0]), log=print_stderr)
    ranker = load_ranker(*paths)
    files, refused = find_images(given if pretrained else given[1:])
    if ranker.note:
        print_stderr(f"NOTE: {ranker.note}")
    job = make_job(load_ranker, *paths)
    with open_table(
        working_folder(given, pretrained), job, given, files, ranker.columns, print_stderr
    ) as table:
        judge_all(job, ranker, table, scheduler=scheduler, log=print_stderr)
        refused = log_refused(table, refused)
        check_judged(table, refused)
        order = ranking(table)
        write(ranker, table, order, count, csv_file, html_file)
    print_stderr(f"{len(order)} ranked" + (f"; {len(refused)} refused" if refused else ""))
    return 1 if refused else 0


def check_ranking(
    given: Sequence[str], *, pretrained: bool, csv_file: str | None, html_file: str | None
) -> None:
    """Raise UserError for a mistake that can be seen before anything is loaded."""
    if not pretrained:
        check_run(given[0])
    if len(given) < (1 if pretrained else 2):
        raise UserError("name the folder to rank after the run folder")
    if pretrained and is_run(given[0]):
        raise UserError(f"{given[0]} is a run folder; give it or --pretrained, not both")
    if csv_file is not None and csv_file != "-":
        check_target(csv_file)
    if html_file is not None:
        check_target(html_file, option="--html", example="page.html")
        if csv_file is not None and os.path.realpath(csv_file) == os.path.realpath(html_file):
            raise UserError(f"--csv and --html both want {html_file}; give two names")


# --- what judges -----------------------------------------------------------------------------------------------


def find_weights(run_dir: Path | None, *, log: Log) -> tuple[Path, Path]:
    """The judge and the best small classifier of a run, or those that come with the package for None.

    Raises UserError when the run has no judge: notebook 03 makes it.
    """
    folder = shipped_weights() if run_dir is None else run_dir
    path = folder / f"{NAME}.safetensors"
    if not path.is_file():
        raise UserError(
            f"{path} is missing; `clockodile run --only 03 --out {folder}` makes it, with that run's options"
        )
    classifiers = folder if run_dir is None else folder / "classifier"
    return path, find_best(classifiers, log=log, kinds=("compact",))[0]


def load_ranker(path: Path, classifier: Path) -> Ranker:
    """The judge and the classifier in two files. Raises UserError for damaged ones and for two that do not fit."""
    again = "run notebooks 02 and 03 again"
    fitted, predictor = read_checkpoint(path), load_predictor(classifier)
    try:
        about, judge = fitted.metrics, judge_from(fitted)
        classes, size, pair = tuple(about["classes"]), about["image_size"], tuple(about["pair"])
        notes, network = (predictor.note, about["note"]), fitted.config["judge"]
    except (KeyError, TypeError) as error:
        raise UserError(f"{path} is of another version of clockodile ({error}); {again}") from error
    if classes != predictor.classes or size != predictor.image_size:
        raise UserError(f"{path} and {classifier} are of different classes or image sizes; {again}")
    if len(pair) != 2 or not set(pair) <= set(range(len(classes))) or not sound(judge, len(classes)):
        raise UserError(f"{path} is damaged: its numbers make no judge; delete it and {again}")
    return Ranker(judge, predictor, network, pair, "; ".join(note for note in notes if note))


def sound(judge: Judge, classes: int) -> bool:
    """Whether the numbers of a judge fit together: of the right shapes, the background sorted."""
    weight, bias, background = judge.weight, judge.bias, judge.background
    shaped = (
        weight.ndim == 3 and bias.shape == weight.shape[:2] and background.shape == (len(background), classes)
    )
    return shaped and bias.shape[1] == classes and bool((np.diff(background, axis=0) >= 0).all())


# --- what is written -------------------------------------------------------------------------------------------


def ranking(table: Table) -> np.ndarray:
    """Numbers of the judged files, the highest score first; equal ones by their log-odds, then as they were given."""
    keys = np.full((2, len(table.files)), -np.inf)
    judged = np.flatnonzero(table.place >= 0)
    for number, (_, why, values) in zip(judged, table.rows(), strict=True):
        if not why:
            keys[:, number] = float(values[0]), float(values[1])
    order = np.lexsort((-keys[1], -keys[0]))  # stable
    return order[: np.isfinite(keys[0]).sum()]


def write(
    ranker: Ranker,
    table: Table,
    order: np.ndarray,
    count: int,
    csv_file: str | None,
    html_file: str | None,
) -> None:
    """The table, the page, and the first lines on stdout when no table is asked for there."""
    if csv_file == "-":
        write_stdout(csv_lines(ranker, table, order))
    elif csv_file:
        write_file(csv_file, csv_lines(ranker, table, order))
    top = [RankedImage(path, float(values[0]), *values[2:4]) for path, _, values in table.rows(order[:count])]
    if html_file:
        both_count = sum(values[2] == "both" for _, _, values in table.rows(order))
        text = page(ranker, top, total=len(order), both=both_count, folder=Path(html_file).parent)
        write_file(html_file, [text], errors="xmlcharrefreplace")
    if not csv_file and not html_file:
        wide = max(len(printable(row.path)) for row in top)
        write_stdout(
            f"{rank:>4}  {row.score:.3f}  {corner(row.quadrant):<15}  {printable(row.path):<{wide}}  {row.reason}\n"
            for rank, row in enumerate(top, 1)
        )


def csv_lines(ranker: Ranker, table: Table, order: np.ndarray) -> Iterator[str]:
    """The table, line by line: path,rank,score,quadrant,reason, then p_ and evidence_ of every class."""
    score, _, *others = ranker.columns
    yield csv_line(["path", "rank", score, *others])
    for rank, (path, _, (score, _, *others)) in enumerate(table.rows(order), 1):
        yield csv_line([path, str(rank), f"{float(score):.4f}", *others])
