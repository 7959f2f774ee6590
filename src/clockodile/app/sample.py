"""`clockodile sample`: new pictures from a trained generator, each from its own seed."""

from __future__ import annotations

import argparse
import hashlib
import io
import math
import re
import shlex
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image

from clockodile.app.output import make_writable, only_writer, print_stderr
from clockodile.app.predict import is_run
from clockodile.classify.own_net import choose_pair
from clockodile.core import atomic_files, store
from clockodile.core.errors import UserError
from clockodile.core.recipes import DEFAULT_RECIPE, get_profile, get_recipe
from clockodile.core.workspace import Run
from clockodile.data.dataset import Dataset, as_images, assemble
from clockodile.hybrids.generators.flow_of_run import NAME as FLOW
from clockodile.hybrids.generators.flow_of_run import (
    as_generators_see,
    fit_flow,
    flow_from,
    known_photographs,
    package_flow,
)
from clockodile.hybrids.generators.table import GENERATORS
from clockodile.hybrids.generators.trained import restore_net
from clockodile.show.pictures import Row, picture_rows, shorten
from clockodile.show.plots import DPI, tile_figure

MOST = 100_000  # pictures a call
SHEET, GRID = "contact_sheet.png", "grid.png"
RECORD = "sample.json"  # beside the pictures: how they were made, and a checksum of each
# whatever a record says, no other file is touched
OURS = re.compile(r"\d{4,}\.png|contact_sheet\.png|grid\.png")
GRID_MIXES = (0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0)
GRID_ROWS = 8
COLUMNS = 8  # of the contact sheet
ON_SHEET = 512  # of the first pictures on the contact sheet: with thousands it would fill the memory
PART = 8  # pictures made at once
EVERY = 2.0  # seconds after which finished pictures are written and counted aloud

Make = Callable[[range, Sequence[float]], torch.Tensor]  # of N seeds at M mixes: (M, N, 3, S, S) in [0, 1]


def sample_command(args: argparse.Namespace) -> int:
    """Do what the command line asks. Pictures are written as they are made, the sheets after all of them.

    Returns 0, or 130 after Ctrl-C. Raises UserError for a wrong argument, and when a file would be replaced that is not
    an unchanged one of an earlier call. A run folder is only read.
    """
    if args.pretrained == (args.run is not None):
        raise UserError("give either a RUN folder or --pretrained")
    if args.n > MOST:
        raise UserError(f"--n is {args.n}; give at most {MOST}")
    if not (math.isfinite(args.mix) and 0 <= args.mix <= 1):
        raise UserError(
            f"--mix is {args.mix}; give a number from 0 (all first class) to 1 (all second class)"
        )
    if not 0 <= args.seed < 2**31:
        raise UserError(f"--seed is {args.seed}; give a whole number from 0 to {2**31 - 1}")
    if not args.out:
        raise UserError("--out is empty; give a folder for the pictures")
    make, classes = maker(args.run, args.method)
    names, sheets = [f"{index:04d}.png" for index in range(args.n)], [SHEET, *([GRID] if args.grid else [])]
    settings = {"method": args.method, "mix": args.mix, "seed": args.seed, "classes": classes}
    out = Path(args.out)
    make_writable(out)
    with only_writer(out):
        atomic_files.sweep(out)
        folder = PictureFolder(out, settings)
        folder.check([*names, *sheets])
        try:
            first = write_pictures(folder, make, names, settings)
            folder.write({SHEET: png(contact_sheet(first, settings))})
            if args.grid:
                print_stderr(f"drawing {GRID}")
                seeds = range(args.seed, args.seed + min(args.n, GRID_ROWS))
                folder.write({GRID: png(grid_of(make, seeds, settings))})
        except KeyboardInterrupt:
            kept = min(folder.stop(), args.n)  # a sheet may be there too
            print_stderr(f"clockodile: stopped; {kept} of {args.n} pictures are finished and kept in {out}")
            return 130
        folder.finish([*names, *sheets])
    print_stderr(f"{args.n} pictures between {classes[0]} (mix 0) and {classes[1]} (mix 1): {out}")
    return 0


class PictureFolder:
    """Writes files into a folder, and replaces or removes there only what an earlier call made and nobody changed."""

    def __init__(self, folder: Path, settings: Mapping):
        """settings: goes into the record. Raises UserError when the folder holds a record of something else."""
        self.folder, self.settings = folder, settings
        record = atomic_files.read_json(folder / RECORD) or {}
        parts = [record.get(part) for part in ("files", "unfinished")]  # name -> checksum
        if (folder / RECORD).exists() and not all(isinstance(part, dict) for part in parts):
            raise UserError(f"{folder / RECORD} is damaged or not of this command; give another --out")
        checksums = [(name, made) for part in parts if part for name, made in part.items()]
        self.known = {
            (name, made) for name, made in checksums if OURS.fullmatch(name) and isinstance(made, str)
        }
        self.files, self.made = self.unchanged(), {}

    def checksum(self, name: str) -> str:
        """16 hexadecimal digits of a file's content; "" for what is no readable file."""
        try:
            return atomic_files.file_digest(self.folder / name)[:16]
        except OSError:
            return ""

    def unchanged(self) -> dict[str, str]:
        """Those of the known files that are there as they were made, with their checksums."""
        return {name: made for name, made in self.known if self.checksum(name) == made}

    def check(self, names: Iterable[str]) -> None:
        """Raise UserError for the first of `names` that exists and is somebody else's, or was changed since."""
        for name in names:
            path = self.folder / name
            if (path.exists() or path.is_symlink()) and (name, self.checksum(name)) not in self.known:
                raise UserError(f"{path} was not made by this command, or changed since; give another --out")

    def write(self, contents: Mapping[str, bytes]) -> None:
        """Write files, each complete or not at all. Raises UserError as `check` does.

        They are recorded beforehand, as unfinished: a process that is killed must not leave files it does not know.
        """
        made = {name: hashlib.sha256(content).hexdigest()[:16] for name, content in contents.items()}
        self.known |= made.items()
        self.made |= made
        self.write_record(unfinished=made)
        for name, content in contents.items():
            self.check([name])  # somebody may have put a file there meanwhile
            with atomic_files.atomic(self.folder / name) as temporary:
                temporary.write_bytes(content)
            self.files[name] = made[name]

    def finish(self, names: Iterable[str]) -> None:
        """Remove what earlier calls made beyond `names`, except for what was changed since."""
        for name in self.files.keys() - set(names):
            if self.checksum(name) == self.files.pop(name):
                (self.folder / name).unlink()
        self.write_record(finished=True)

    def stop(self) -> int:
        """Record what is there after an interruption; returns how many files of this call are."""
        self.files = self.unchanged()
        if self.made:
            self.write_record()
        return len(self.files.items() & self.made.items())

    def write_record(self, *, unfinished: Mapping[str, str] | None = None, finished: bool = False) -> None:
        """Write the record; finished: False while some of the files may be an earlier call's."""
        state = {"files": self.files, "unfinished": unfinished or {}, "finished": finished}
        atomic_files.write_json(self.folder / RECORD, {**self.settings, **state})


def write_pictures(folder: PictureFolder, make: Make, names: Sequence[str], settings: Mapping) -> np.ndarray:
    """Make and write a picture for each of the names; returns the first ON_SHEET, uint8 (N, S, S, 3)."""
    first, waiting, last = [], {}, time.monotonic()
    print_stderr(f"drawing {len(names)} pictures")
    for at in range(0, len(names), PART):
        some, seed = names[at : at + PART], settings["seed"] + at
        pictures = as_images(make(range(seed, seed + len(some)), [settings["mix"]])[0])
        waiting |= {name: png(picture) for name, picture in zip(some, pictures, strict=True)}
        first += list(pictures[: ON_SHEET - len(first)])
        done = at + len(some)
        if done == len(names) or time.monotonic() - last >= EVERY:
            folder.write(waiting)
            print_stderr(f"{done} of {len(names)}")
            waiting, last = {}, time.monotonic()
    return np.stack(first)


def png(picture: np.ndarray | Figure) -> bytes:
    """A picture, uint8 (H, W, 3), or a figure as the content of a PNG file; a figure is closed."""
    buffer = io.BytesIO()
    if isinstance(picture, Figure):
        picture.savefig(buffer, dpi=DPI, format="png")
        plt.close(picture)
    else:
        Image.fromarray(picture).save(buffer, format="PNG")
    return buffer.getvalue()


def maker(run: str | None, method: str) -> tuple[Make, list[str]]:
    """What makes pictures from seeds and a mix, and the names of the pair's classes."""
    if method not in GENERATORS:
        raise UserError(f"--method '{method}' is unknown; known: {', '.join(GENERATORS)}")
    if run is not None and not is_run(run):
        raise UserError(f"RUN: {run} is no run folder; give one that `clockodile run` made, or --pretrained")
    generator = GENERATORS[method]
    if run is None:
        if generator.fit is not fit_flow:
            needs = "the net of a run" if generator.fit else "photographs of both classes"
            raise UserError(f"--method {method} needs {needs}: give a run folder in place of --pretrained")
        opened, data = Run(Path(), get_recipe(DEFAULT_RECIPE), get_profile("quick"), 0, "", None), None
        classes = list(opened.recipe.classes)
        net = flow_from(package_flow(), classes)
    else:
        opened, data = reopened(Path(run))
        classes, net = [data.classes[label] for label in opened.recipe.pair], None
        if generator.fit is fit_flow:
            net = load_net(Path(run), FLOW, data, lambda fitted: flow_from(fitted, classes))
        elif generator.fit:
            restore = lambda fitted: restore_net(method, fitted, data)  # noqa: E731
            net = load_net(Path(run), f"generators/{method}", data, restore)

    def make(seeds: range, mixes: Sequence[float]) -> torch.Tensor:
        return torch.stack([generator.draw(net, opened, data, list(seeds), mix) for mix in mixes])

    return make, classes


def reopened(folder: Path) -> tuple[Run, Dataset]:
    """The run whose data set lies in a folder, and that data set as generators see it.

    Both as the data card has them: run.json may be missing, for a notebook does not write it, or tell of a later run
    that came to nothing. The photographs themselves may be gone. Raises UserError for what is missing or damaged.
    """
    card = atomic_files.read_json(folder / "data_card.json") or {}
    asked = card.get("request")
    if not asked:
        raise UserError(f"{folder / 'data_card.json'} is missing or damaged; {mend(folder)}")
    stored = []
    for name in ("dataset.npz", "splits.csv"):
        stored.append(store.load_cached(folder, name, card["config"]))
        if stored[-1] is None:
            raise UserError(f"{folder / name} is missing, damaged or of other data; {mend(folder)}")
    recipe, data, classes = get_recipe(asked["recipe"]), assemble(*stored, card), list(card["classes"])
    noted = atomic_files.read_json(folder / "run.json") or {}
    profile = get_profile(noted.get("settings", {}).get("profile") or "quick")
    run = Run(folder, recipe, profile, asked["seed"], asked["source"], None)
    fourth = noted.get("notebooks", {}).get("04", {}).get("parameters", {})
    names = [name.strip() for name in fourth.get("pair", "").split(",")]
    if set(names) <= set(classes):  # notebook 04 was asked for these two
        run = replace(run, recipe=replace(recipe, pair=tuple(map(classes.index, names))))
    else:
        run = choose_pair(run, data.part("train"))
    return run, as_generators_see(data)


def mend(folder: Path) -> str:
    """What to do when a run folder lacks something, in words: notebook 04 again, with the options it had there."""
    noted = atomic_files.read_json(folder / "run.json") or {}
    fourth = noted.get("notebooks", {}).get("04", {})
    asked = (atomic_files.read_json(folder / "data_card.json") or {}).get("request", {})
    settings = (fourth.get("settings") or noted.get("settings", {})) | asked
    words = ["clockodile", "run", "--only", "04", "--out", str(folder)]
    for name in ("recipe", "classes", "profile", "seed", "source", "data_dir"):
        if settings.get(name):  # 0 and "" are the defaults
            words += [f"--{name.replace('_', '-')}", str(settings[name])]
    for name, value in fourth.get("parameters", {}).items():
        if name != "retrain":  # what is there need not be trained again
            words += ["-p", f"{name}={value}"]
    return f"run notebook 04 (`{shlex.join(words)}`)"


def load_net(folder: Path, name: str, data: Dataset, restore: Callable[[store.Checkpoint], Any]) -> Any:
    """A net of a run, as it is. Raises UserError for what is missing, damaged or learned from other photographs."""
    path = folder / f"{name}.safetensors"
    try:
        fitted = store.read_checkpoint(path)
    except UserError:
        raise UserError(f"{path} is missing or damaged; {mend(folder)}") from None
    known = known_photographs(data)
    if fitted.config.get("known") == store.fingerprint(known.images, known.labels):
        with suppress(KeyError, RuntimeError):  # the file of another net
            return restore(fitted)
    raise UserError(f"{path} is of another version or other data; {mend(folder)}")


def contact_sheet(pictures: np.ndarray, settings: Mapping) -> Figure:
    """Pictures uint8 (N, S, S, 3) in rows, each above its seed."""
    title = "{0} and {1}, mix {mix:g}; below each its seed ({method})"
    seeds = [str(settings["seed"] + index) for index in range(len(pictures))]
    paper = np.full((-len(pictures) % COLUMNS, *pictures.shape[1:]), 255, np.uint8)  # tiles of one size
    title = title.format(*map(shorten, settings["classes"]), **settings)
    tiles = np.concatenate([pictures, paper])
    return tile_figure(tiles, columns=COLUMNS, captions=seeds, title=title)


def grid_of(make: Make, seeds: range, settings: Mapping) -> Figure:
    """Rows are seeds, columns go from the first class to the second."""
    pictures = make(seeds, GRID_MIXES).transpose(0, 1)
    rows = [Row(f"seed {seed}", as_images(row)) for seed, row in zip(seeds, pictures, strict=True)]
    first, second = map(shorten, settings["classes"])
    heads = [f"{first} (0)", *(f"{mix:g}" for mix in GRID_MIXES[1:-1]), f"{second} (1)"]
    title = f"above each column its mix ({settings['method']})"
    return picture_rows(rows, columns=len(GRID_MIXES), title=title, heads=heads)
