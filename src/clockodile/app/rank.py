"""`clockodile rank`: every image of a folder, however many, in the order of how much it looks like both classes."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from clockodile.app.predict import (
    NO_IMAGE_NAME,
    Tell,
    check_run,
    check_target,
    find_images,
    is_run,
    say,
    tell_on_stderr,
    tell_passed_over,
)
from clockodile.app.rank_pages import csv_lines, page
from clockodile.app.rank_store import count_judged, judge_all, open_store, ranked, unreadable
from clockodile.app.ranker import Ranker, load_ranker
from clockodile.core.atomic_files import atomic
from clockodile.core.errors import UserError
from clockodile.core.workspace import cache_dir
from clockodile.data.collection import FileNote
from clockodile.data.scan import printable


def rank_command(
    given: Sequence[str], *, pretrained: bool, count: int, csv_file: str | None, html_file: str | None
) -> int:
    """Do what the command line asks. given: RUN (unless `pretrained`), then folders or images, as written.

    Returns 0, or 1 when images were refused, or 130 after Ctrl-C. Raises UserError for a wrong argument or when no
    image could be judged.
    """
    tell = tell_on_stderr
    check_words(given, pretrained=pretrained, csv_file=csv_file, html_file=html_file)
    ranker = load_ranker(None if pretrained else Path(given[0]), tell=tell)
    files, notes = find_images(given if pretrained else given[1:])
    tell_passed_over([note for note in notes if note.reason.startswith(NO_IMAGE_NAME)], tell)
    refused = [note for note in notes if not note.reason.startswith(NO_IMAGE_NAME)]
    if ranker.note:
        tell(f"NOTE: {ranker.note}")
    place = (cache_dir() if pretrained else Path(given[0])) / "ranking"
    place.mkdir(parents=True, exist_ok=True)
    asked = json.dumps([os.path.realpath(path) for path in (given if pretrained else given[1:])])
    name = hashlib.sha256((ranker.key + asked).encode()).hexdigest()[:12]
    path = place / f"{name}.sqlite"
    try:
        return rank_into(path, ranker, files, refused, count, csv_file, html_file, tell)
    except sqlite3.Error as error:
        raise UserError(
            f"{path}: {error}; wait for another ranking of this folder, free some space, or delete the file"
        ) from error


def rank_into(
    path: Path,
    ranker: Ranker,
    files: Sequence[str],
    refused: list[FileNote],
    count: int,
    csv_file: str | None,
    html_file: str | None,
    tell: Tell,
) -> int:
    """Judge what the database at `path` does not know yet, and write what was asked for. Returns the exit code."""
    with closing(open_store(path)) as store:
        try:
            judge_all(ranker, files, store, tell)
        except KeyboardInterrupt:
            tell(
                f"clockodile: stopped after {count_judged(store)} images; the same command goes on from there"
            )
            return 130
        refused += unreadable(store)
        for note in refused:
            tell(f"refused: {printable(note.path)}: {note.reason}")
        judged = count_judged(store)
        if not judged:
            raise UserError(f"no image could be judged; {len(refused)} refused")
        write(ranker, store, count, csv_file, html_file, tell)
    tell(f"{judged} ranked" + (f"; {len(refused)} refused" if refused else ""))
    return 1 if refused else 0


def check_words(
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


def write(
    ranker: Ranker,
    store: sqlite3.Connection,
    count: int,
    csv_file: str | None,
    html_file: str | None,
    tell: Tell,
) -> None:
    """The table, the page, and the first lines on stdout when no table is asked for there."""
    if csv_file == "-":
        for line in csv_lines(ranker, store):
            say(line)
    elif csv_file:
        with atomic(Path(csv_file)) as temporary, open(temporary, "wb") as file:
            for line in csv_lines(ranker, store):
                file.write(line.encode("utf-8", "backslashreplace"))
        tell(f"written: {csv_file}")
    top = [row[:4] for row in ranked(store, count)]
    if html_file:
        with atomic(Path(html_file)) as temporary:
            temporary.write_text(page(ranker, top), "utf-8", "xmlcharrefreplace")
        tell(f"written: {html_file}")
    if not csv_file and not html_file:
        wide = max(len(printable(path)) for path, *_ in top)
        for rank, (path, score, quadrant, reason) in enumerate(top, 1):
            say(f"{rank:>4}  {score:.3f}  {quadrant:<10}  {printable(path):<{wide}}  {reason}\n")
