"""`clockodile sample`: new pictures from a trained flow, each from its own seed."""

import argparse
import os
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image

from clockodile.ambiguous.judge import NAME as JUDGE
from clockodile.app.output import make_writable, only_writer, print_stderr
from clockodile.core.atomic_files import atomic, file_digest, read_json, sweep, write_json
from clockodile.core.errors import UserError
from clockodile.core.recipes import DEFAULT_RECIPE, get_recipe
from clockodile.core.store import read_checkpoint, read_record, shipped_weights
from clockodile.data.dataset import as_images
from clockodile.data.files import InvalidImage, read_image
from clockodile.data.scan import is_run
from clockodile.hybrids.generators.flow_of_run import NAME as FLOW
from clockodile.hybrids.generators.flow_of_run import SIDE, Flow, fit_flow, flow_from
from clockodile.hybrids.generators.table import GENERATORS
from clockodile.show.pictures import Row, picture_rows, shorten
from clockodile.show.plots import DPI, tile_figure

SHEET, GRID = "contact_sheet.png", "grid.png"
RECORD = "sample.json"  # beside the pictures: how they were made
METHODS = [name for name, generator in GENERATORS.items() if generator.fit is fit_flow]
GRID_MIXES = (0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0)
GRID_ROWS = 8
COLUMNS = 8  # of the contact sheet
ON_SHEET = 512  # of the first pictures on the contact sheet: with thousands it would fill the memory
PART = 8  # pictures made at once
EVERY = 2.0  # seconds after which finished pictures are counted aloud

Make = Callable[[range, Sequence[float]], torch.Tensor]  # of N seeds at M mixes: (M, N, 3, S, S) in [0, 1]


def sample_command(args: argparse.Namespace) -> int:
    """Do what the command line asks. Pictures are written as they are made, the sheets after all of them.

    Nothing is ever overwritten; what an interrupted call has finished is not made again. Returns 0. Raises UserError
    for a wrong argument, and when a file is there that the same call did not make. A run folder is only read.
    """
    if args.pretrained == (args.run is not None):
        raise UserError("give either a RUN folder or --pretrained")
    if not args.out:
        raise UserError("--out is empty; give a folder for the pictures")
    make, settings = maker(args.run, args.method)
    settings |= {"mix": args.mix, "seed": args.seed, "n": args.n}
    names, sheets = [f"{index:04d}.png" for index in range(args.n)], [SHEET, *([GRID] if args.grid else [])]
    out = Path(args.out)
    make_writable(out)
    with only_writer(out):
        sweep(out)
        claim(out, settings, [*names, *sheets])
        write_pictures(out, make, names, settings)
        if not os.path.lexists(out / SHEET):
            pictures = read_back(out, names[:ON_SHEET], settings["image_size"])
            write_new(out / SHEET, contact_sheet(pictures, settings))
        if args.grid and not os.path.lexists(out / GRID):
            print_stderr(f"drawing {GRID}")
            seeds = range(args.seed, args.seed + min(args.n, GRID_ROWS))
            write_new(out / GRID, grid_of(make, seeds, settings))
    first, second = settings["classes"]
    print_stderr(f"{args.n} pictures between {first} (mix 0) and {second} (mix 1): {out}")
    return 0


# --- what draws ------------------------------------------------------------------------------------------------


def maker(run: str | None, method: str) -> tuple[Make, dict]:
    """What makes pictures from seeds and a mix; and all of the record that this decides.

    Raises UserError for what is missing.
    """
    if method not in METHODS:
        raise UserError(f"--method '{method}' is unknown; known: {', '.join(METHODS)}")
    if run is not None and not is_run(Path(run)):
        raise UserError(f"RUN: {run} is no run folder; give one that `clockodile run` made, or --pretrained")
    folder = None if run is None else Path(run)
    flow, path = load_flow(folder)
    draw = GENERATORS[method].draw

    def make(seeds: range, mixes: Sequence[float]) -> torch.Tensor:
        return torch.stack([draw(flow, None, None, list(seeds), mix) for mix in mixes])

    classes = [flow.classes[label] for label in flow.pair]
    settings = {"method": method, "classes": classes, "run": run}
    return make, settings | {"image_size": flow.image_size, "net": file_digest(path)[:16]}


def load_flow(folder: Path | None) -> tuple[Flow, Path]:
    """The flow of a run for the pair that its judge compares, or the package's for None; and its file.

    Raises UserError for what is missing, damaged or another net.
    """
    if folder is None:
        path = shipped_weights() / f"{Path(FLOW).name}.safetensors"
        return flow_from(read_checkpoint(path), get_recipe(DEFAULT_RECIPE).classes), path
    again = f"`clockodile run --only 04 --out {shlex.quote(str(folder))}` makes it, with that run's options"
    path, judge = folder / f"{FLOW}.safetensors", folder / f"{JUDGE}-{SIDE}-pixels.safetensors"
    if not judge.is_file():  # it is there when the photographs were shrunk for the flow
        judge = folder / f"{JUDGE}.safetensors"
    reading = judge
    try:
        about = read_record(judge)["metrics"]
        names = [about["classes"][label] for label in about["pair"]]
        reading = path
        return flow_from(read_checkpoint(path), names), path
    except UserError as error:
        raise UserError(f"{error}; {again}") from None
    except (LookupError, TypeError, RuntimeError):
        raise UserError(f"{reading} is of another version of clockodile; {again}") from None


# --- what is written -------------------------------------------------------------------------------------------


def claim(folder: Path, settings: Mapping, names: Sequence[str]) -> None:
    """Note in a folder how its pictures are made.

    Raises UserError when one of the names is taken there, but for the same settings.
    """
    if read_json(folder / RECORD) == settings:
        return
    for name in (RECORD, *names):
        if os.path.lexists(folder / name):
            raise UserError(f"{folder / name} is there already; give another --out")
    write_json(folder / RECORD, settings)


def write_pictures(folder: Path, make: Make, names: Sequence[str], settings: Mapping) -> None:
    """Make and write the pictures of these names that are not there yet, a part at a time."""
    last = time.monotonic()
    print_stderr(f"drawing {len(names)} pictures")
    for at in range(0, len(names), PART):
        some, seed = names[at : at + PART], settings["seed"] + at
        if all(os.path.lexists(folder / name) for name in some):
            continue
        pictures = as_images(make(range(seed, seed + len(some)), [settings["mix"]])[0])
        for name, picture in zip(some, pictures, strict=True):
            write_new(folder / name, picture)
        done = at + len(some)
        if done == len(names) or time.monotonic() - last >= EVERY:
            print_stderr(f"{done} of {len(names)}")
            last = time.monotonic()


def write_new(path: Path, picture: np.ndarray | Figure) -> None:
    """A PNG file, whole, of a picture, uint8 (H, W, 3), or a figure, which is closed; what is there already stays."""
    if isinstance(picture, Figure):
        plt.close(picture)
    if os.path.lexists(path):
        return
    with atomic(path) as temporary:
        if isinstance(picture, Figure):
            picture.savefig(temporary, dpi=DPI, format="png")
        else:
            Image.fromarray(picture).save(temporary, format="PNG")


def read_back(folder: Path, names: Sequence[str], size: int) -> np.ndarray:
    """Pictures as they lie in a folder, uint8 (N, size, size, 3). Raises UserError for one that somebody damaged."""
    try:
        return np.stack([read_image(folder / name, size)[0] for name in names])
    except InvalidImage as error:
        raise UserError(f"{folder} holds a picture that cannot be read ({error}); give another --out") from None


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
