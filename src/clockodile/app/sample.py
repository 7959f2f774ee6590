"""`clockodile sample`: new pictures from a trained generator, each from its own seed."""

from __future__ import annotations

import io
import math
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image

from clockodile.app.out_folder import make_writable, only_writer
from clockodile.app.picture_folder import PictureFolder
from clockodile.app.predict import is_run
from clockodile.app.progress import print_stderr
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
from clockodile.hybrids.generators.table import GENERATORS, HybridGenerator
from clockodile.hybrids.generators.trained import restore_net
from clockodile.show.pictures import Row, picture_rows, shorten
from clockodile.show.plots import DPI, tile_figure

MOST = 100_000  # pictures a call
SHEET, GRID = "contact_sheet.png", "grid.png"
GRID_MIXES = (0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0)
GRID_ROWS = 8
COLUMNS = 8  # of the contact sheet
ON_SHEET = 512  # of the first pictures on the contact sheet: with thousands it would fill the memory
PART = 8  # pictures made at once
EVERY = 2.0  # seconds after which finished pictures are written and counted aloud

Make = Callable[[range, Sequence[float]], torch.Tensor]  # of N seeds at M mixes: (M, N, 3, S, S) in [0, 1]


def sample_command(
    run: str | None, *, count: int, mix: float, method: str, seed: int, out: str, grid: bool
) -> int:
    """Do what the command line asks. run: a run folder, None for the weights that come with the package.

    Pictures are written as they are made, the sheets after all of them. Returns 0, or 130 after Ctrl-C. Raises
    UserError for a wrong argument, and when a file would be replaced that is not an unchanged one of an earlier call.
    A run folder is only read.
    """
    if count > MOST:
        raise UserError(f"--n is {count}; give at most {MOST}")
    if not (math.isfinite(mix) and 0 <= mix <= 1):
        raise UserError(f"--mix is {mix}; give a number from 0 (all first class) to 1 (all second class)")
    if not 0 <= seed < 2**31:
        raise UserError(f"--seed is {seed}; give a whole number from 0 to {2**31 - 1}")
    if not out:
        raise UserError("--out is empty; give a folder for the pictures")
    make, classes = maker(run, method)
    names, sheets = [f"{index:04d}.png" for index in range(count)], [SHEET, *([GRID] if grid else [])]
    make_writable(Path(out))
    with only_writer(Path(out)):
        atomic_files.sweep(Path(out))
        settings = {"method": method, "mix": mix, "seed": seed, "classes": classes}
        folder = PictureFolder(Path(out), settings)
        folder.check([*names, *sheets])
        try:
            first = write_pictures(folder, make, names, mix=mix, seed=seed)
            folder.write({SHEET: png(contact_sheet(first, settings))})
            if grid:
                print_stderr(f"drawing {GRID}")
                seeds = range(seed, seed + min(count, GRID_ROWS))
                folder.write({GRID: png(grid_of(make, seeds, settings))})
        except KeyboardInterrupt:
            kept = min(folder.stop(), count)  # a sheet may be there too
            print_stderr(f"clockodile: stopped; {kept} of {count} pictures are finished and kept in {out}")
            return 130
        folder.finish([*names, *sheets])
    print_stderr(f"{count} pictures between {classes[0]} (mix 0) and {classes[1]} (mix 1): {out}")
    return 0


def write_pictures(
    folder: PictureFolder, make: Make, names: Sequence[str], *, mix: float, seed: int
) -> np.ndarray:
    """Make and write a picture for each of the names; returns the first ON_SHEET, uint8 (N, S, S, 3)."""
    first, waiting, last = [], {}, time.monotonic()
    print_stderr(f"drawing {len(names)} pictures")
    for at in range(0, len(names), PART):
        some = names[at : at + PART]
        pictures = as_images(make(range(seed + at, seed + at + len(some)), [mix])[0])
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
    if generator.fit is fit_flow:
        opened = Run(Path(), get_recipe(DEFAULT_RECIPE), get_profile("quick"), 0, "", None)
        if run is None:
            flow = flow_from(package_flow(), opened.recipe.classes)
        else:
            opened, data = reopened(Path(run))
            classes = [data.classes[label] for label in opened.recipe.pair]
            flow = load_net(Path(run), FLOW, data, lambda fitted: flow_from(fitted, classes))
        names = [flow.classes[label] for label in flow.pair]
        return drawing(generator, flow, opened, None), names
    if run is None:
        needs = "the net of a run" if generator.fit else "photographs of both classes"
        raise UserError(f"--method {method} needs {needs}: give a run folder in place of --pretrained")
    opened, data = reopened(Path(run))
    names = [data.classes[label] for label in opened.recipe.pair]
    net = None
    if generator.fit:
        restore = lambda fitted: restore_net(method, fitted, data)  # noqa: E731
        net = load_net(Path(run), f"generators/{method}", data, restore)
    return drawing(generator, net, opened, data), names


def drawing(generator: HybridGenerator, nets, run: Run, data: Dataset | None) -> Make:
    """Pictures (M, N, 3, S, S) of N seeds at M mixes."""
    return lambda seeds, mixes: torch.stack(
        [generator.draw(nets, run, data, list(seeds), mix) for mix in mixes]
    )


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
    recipe = get_recipe(asked["recipe"])
    pair, data = noted_pair(folder, card["classes"]), assemble(*stored, card)
    recipe = replace(recipe, pair=pair or recipe.pair)
    noted = (atomic_files.read_json(folder / "run.json") or {}).get("settings", {})
    run = Run(
        folder, recipe, get_profile(noted.get("profile") or "quick"), asked["seed"], asked["source"], None
    )
    return (run if pair else choose_pair(run, data.part("train"))), as_generators_see(data)


def noted_pair(folder: Path, classes: Sequence[str]) -> tuple[int, ...]:
    """Labels of the classes that notebook 04 was last asked for in a run folder; () when it took its default."""
    fourth = (atomic_files.read_json(folder / "run.json") or {}).get("notebooks", {}).get("04", {})
    names = [name.strip() for name in fourth.get("parameters", {}).get("pair", "").split(",")]
    return tuple(map(list(classes).index, names)) if set(names) <= set(classes) else ()


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
    tiles, title = (
        np.concatenate([pictures, paper]),
        title.format(*map(shorten, settings["classes"]), **settings),
    )
    return tile_figure(tiles, columns=COLUMNS, captions=seeds, title=title)


def grid_of(make: Make, seeds: range, settings: Mapping) -> Figure:
    """Rows are seeds, columns go from the first class to the second."""
    pictures = make(seeds, GRID_MIXES).transpose(0, 1)
    rows = [Row(f"seed {seed}", as_images(row)) for seed, row in zip(seeds, pictures, strict=True)]
    first, second = map(shorten, settings["classes"])
    heads = [f"{first} (0)", *(f"{mix:g}" for mix in GRID_MIXES[1:-1]), f"{second} (1)"]
    title = f"above each column its mix ({settings['method']})"
    return picture_rows(rows, columns=len(GRID_MIXES), title=title, heads=heads)
