"""`clockodile rank`: every image of a folder, however many, in the order of how much it looks like both classes.

What is judged is kept in a working table (app.batch) in the run folder, or in the cache with --pretrained; the sorted
table and the page are written whole at the end.
"""

import argparse
import html
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import numpy as np
from PIL import Image

from clockodile.ambiguous.describe import describe_evidence, quadrant_name
from clockodile.ambiguous.evidence import LENIENT, Judge, percentile
from clockodile.ambiguous.judge import NAME, judge_from, maps_of
from clockodile.ambiguous.scores import both
from clockodile.app.batch import Table, make_job
from clockodile.app.output import print_stderr, write_stdout
from clockodile.app.predict import check_judged, check_paths, check_target, find_images, judged, write_file
from clockodile.classify.predictions import csv_line
from clockodile.core.atomic_files import read_json
from clockodile.core.errors import UserError
from clockodile.core.results import data_uri
from clockodile.core.store import read_checkpoint, shipped_weights
from clockodile.data.files import InvalidImage, read_image
from clockodile.data.scan import printable

SIDE = 96  # pixels of a picture in the page


@dataclass(frozen=True)
class Ranker:
    """Everything that judges an image: the frozen network with its probes."""

    judge: Judge
    network: str  # the frozen network's name
    classes: tuple[str, ...]
    pair: tuple[int, int]  # class numbers
    image_size: int  # pixels a side
    note: str  # what users must be told

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of what `rows` returns; log_odds, the smaller ones of the pair, tell equal scores apart."""
        return ("score", "log_odds", "quadrant", "reason", *(f"evidence_{name}" for name in self.classes))

    def rows(self, images: np.ndarray) -> list[list[str]]:
        """The columns of uint8 images (N, S, S, 3)."""
        odds = self.judge.scores(maps_of(images, self.network))
        evidence = percentile(odds, self.judge.background)
        scores, finer, names = both(evidence, self.pair), both(odds, self.pair), self.classes
        return [
            [
                *(repr(float(score)), repr(float(fine))),
                *(quadrant_name(part, names, self.pair), describe_evidence(part, names, self.pair)),
                *(f"{value:.4f}" for value in part),
            ]
            for score, fine, part in zip(scores, finer, evidence, strict=True)
        ]


def rank_command(args: argparse.Namespace) -> int:
    """Do what the command line asks. Returns 0, or 1 when images were refused.

    Raises UserError for a wrong argument or when no image could be judged, KeyboardInterrupt after Ctrl-C.
    """
    check_paths(args)
    if args.csv not in (None, "-"):
        check_target(args.csv)
    if args.html is not None:
        check_target(args.html, option="--html", example="page.html")
        if args.csv is not None and os.path.realpath(args.csv) == os.path.realpath(args.html):
            raise UserError(f"--csv and --html both want {args.html}; give two names")
    path = find_judge(None if args.pretrained else Path(args.paths[0]))
    ranker = load_ranker(path)
    files, refused = find_images(args)
    if ranker.note:
        print_stderr(f"NOTE: {ranker.note}")
    with judged(args, make_job(load_ranker, path), ranker, files, refused) as (table, refused):
        check_judged(table, refused)
        order = ranking(table)
        write(ranker, table, order, args)
    print_stderr(f"{len(order)} ranked" + (f"; {len(refused)} refused" if refused else ""))
    return 1 if refused else 0


# --- what judges -----------------------------------------------------------------------------------------------


def find_judge(run_dir: Path | None) -> Path:
    """The file of the judge of a run, or of the one that comes with the package for None.

    Raises UserError when the run has no judge: notebook 03 makes it.
    """
    folder = shipped_weights() if run_dir is None else run_dir
    path = folder / f"{NAME}.safetensors"
    if not path.is_file():
        raise UserError(
            f"{path} is missing; `clockodile run --only 03 --out {folder}` makes it, with that run's options"
        )
    return path


def load_ranker(path: Path) -> Ranker:
    """The judge in a file. Raises UserError for a damaged one."""
    again = "run notebook 03 again"
    fitted = read_checkpoint(path)
    try:
        about, judge, network = fitted.metrics, judge_from(fitted), fitted.config["judge"]
        classes, pair, size = tuple(about["classes"]), tuple(about["pair"]), int(about["image_size"])
        notes = [about["note"]]
    except (KeyError, TypeError) as error:
        raise UserError(f"{path} is of another version of clockodile ({error}); {again}") from error
    paired = len(pair) == 2 and set(pair) <= set(range(len(classes)))
    if not (paired and size > 0 and sound(judge, len(classes))):
        raise UserError(f"{path} is damaged: its numbers make no judge; delete it and {again}")
    card = read_json(path.parent / "data_card.json") or {}  # the package has none
    if stamp := card.get("source", {}).get("stamp"):
        notes.append(f"the judge learned from {stamp} images, not photographs")
    return Ranker(judge, network, classes, pair, size, "; ".join(note for note in notes if note))


def sound(judge: Judge, classes: int) -> bool:
    """Whether the numbers of a judge fit together: of the right shapes, the background sorted."""
    weight, bias, background = judge.weight, judge.bias, judge.background
    shaped = weight.ndim == 3 and bias.shape == weight.shape[:2] and background.shape == (len(background), classes)
    return shaped and bias.shape[1] == classes and bool((np.diff(background, axis=0) >= 0).all())


# --- what is written -------------------------------------------------------------------------------------------


def ranking(table: Table) -> list[int]:
    """Numbers of the judged files, the highest score first; equal ones by their log-odds, then as they were given."""
    keys = np.full((2, len(table.files)), -np.inf)  # two numbers a file, however many there are
    for place, (_, why, values) in enumerate(table.rows()):
        if not why:
            keys[:, place] = float(values[0]), float(values[1])
    order = np.lexsort((-keys[1], -keys[0]))  # stable; the last key counts first
    return order[np.isfinite(keys[0, order])].tolist()


def write(ranker: Ranker, table: Table, order: Sequence[int], args: argparse.Namespace) -> None:
    """The table, the page, and the first lines on stdout when no table is asked for there."""
    if args.csv == "-":
        write_stdout(csv_lines(ranker, table, order))
    elif args.csv:
        write_file(args.csv, csv_lines(ranker, table, order))
    shown = table.rows(order[: args.top])
    top = [RankedImage(path, float(values[0]), *values[2:4]) for path, _, values in shown]
    if args.html:
        both_count = sum(values[2] == "both" for _, _, values in table.rows(order))
        text = page(ranker, top, total=len(order), both=both_count, folder=Path(args.html).parent)
        write_file(args.html, [text], errors="xmlcharrefreplace")
    if not args.csv and not args.html:
        wide = max(len(printable(row.path)) for row in top)
        write_stdout(
            f"{rank:>4}  {row.score:.3f}  {corner(row.quadrant):<15}  {printable(row.path):<{wide}}  {row.reason}\n"
            for rank, row in enumerate(top, 1)
        )


def csv_lines(ranker: Ranker, table: Table, order: Sequence[int]) -> Iterator[str]:
    """The table, line by line: path,rank,score,quadrant,reason, then the evidence for every class."""
    score, _, *others = ranker.columns
    yield csv_line(["path", "rank", score, *others])
    for rank, (path, _, (score, _, *others)) in enumerate(table.rows(order), 1):
        yield csv_line([path, str(rank), f"{float(score):.4f}", *others])


# --- the page --------------------------------------------------------------------------------------------------


class RankedImage(NamedTuple):
    """One image of the ranking."""

    path: str
    score: float  # 0 to 1, higher = more of both
    quadrant: str  # "both", "neither" or a class's name
    reason: str


def corner(quadrant: str) -> str:
    """The corner in words that cannot be mistaken: "clock" alone might mean what the picture shows."""
    return quadrant if quadrant in ("both", "neither") or quadrant.startswith("only ") else f"only {quadrant}"


def page(ranker: Ranker, top: Sequence[RankedImage], *, total: int, both: int, folder: Path) -> str:
    """One HTML file with the first images inside, linked to their files.

    total: images ranked; both: those with evidence for both classes; folder: where the page will lie.
    """
    first, second = (html.escape(printable(ranker.classes[label])) for label in ranker.pair)
    cards = "\n".join(card(row, rank, ranker.image_size, folder) for rank, row in enumerate(top, 1))
    note = f"<p><b>Note:</b> {html.escape(ranker.note)}</p>" if ranker.note else ""
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{first} and {second}</title><style>
:root {{ color-scheme: light dark }} body {{ font: 15px/1.4 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto;
padding: 0 1rem }} main {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: 1rem }}
figure {{ margin: 0 }} img {{ width: {SIDE}px; height: {SIDE}px; image-rendering: pixelated; border-radius: 4px }}
figcaption {{ overflow-wrap: anywhere; font-size: 13px }}</style>
<h1>Most like {first} and {second} at once</h1>
<p>The first {len(top)} of {total} images; {both} of {total} are "both": evidence of {LENIENT:.2f} or more for each of
the two classes. Score: the smaller of the two evidences. Evidence for a class: the share of pictures of other things
that look less like it to the judge, probes on the frozen network {html.escape(ranker.network)}.</p>{note}
<main>{cards}</main></html>
"""


def card(row: RankedImage, rank: int, size: int, folder: Path) -> str:
    """One picture with its number, score, corner, file and reason."""
    name, said = html.escape(printable(row.path)), html.escape(f"{row.score:.3f} {corner(row.quadrant)}")
    target = quote(os.fsencode(os.path.relpath(row.path, folder)))
    return (
        f'<figure><a href="./{target}"><img src="{thumbnail(row.path, size)}" alt="{name}, number {rank}: {said}"></a>'
        f'<figcaption><b>{rank}. {said}</b><br><a href="./{target}">{name}</a><br>{html.escape(row.reason)}'
        "</figcaption></figure>"
    )


def thumbnail(path: str, size: int) -> str:
    """An image as the nets saw it, as a data URL; a blank one when the file has gone since it was judged."""
    try:
        pixels = read_image(path, size)[0]
    except InvalidImage:
        pixels = np.full((size, size, 3), 200, np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return data_uri(buffer.getvalue(), "image/png")
