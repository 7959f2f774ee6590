"""`clockodile sample`: new pictures from a trained flow, each from its own seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from clockodile import artifacts, atomic_files
from clockodile.ambiguous import judging
from clockodile.classify.predict_command import is_run, tell_on_stderr
from clockodile.data.dataset import as_images, load_dataset
from clockodile.errors import UserError
from clockodile.hybrids.eyes import CHOOSER, NAMES, Eyes
from clockodile.hybrids.generator import NAME as FLOW
from clockodile.hybrids.generator import VERSION as FLOW_VERSION
from clockodile.hybrids.generator import flow_from
from clockodile.hybrids.guides import NAME as GUIDES
from clockodile.hybrids.guides import VERSION as GUIDES_VERSION
from clockodile.hybrids.guides import guides_from
from clockodile.hybrids.methods import CLASSIC
from clockodile.hybrids.mixing import FOLLOW, TRIES, Mixer, mix_best, mix_line
from clockodile.plots import image_sheet
from clockodile.workspace import open_run

OF_THE_FLOW = {  # method -> how many tries, and how strongly they follow the guides. The first is the default
    "following_best": (TRIES, FOLLOW),
    "following": (1, FOLLOW),
    "flow_best": (TRIES, 0.0),
    "flow": (1, 0.0),
}
RECORD = "sample.json"  # beside the pictures: how they were made
SHEET, GRID = "contact_sheet.png", "grid.png"
GRID_MIXES = (0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0)
GRID_ROWS = 8
ZOOM = 4  # pixels on the sheets for one of the picture's
PART = 64  # pictures made before they are written

Make = Callable[[range, Sequence[float]], torch.Tensor]  # of N seeds at M mixes: (M, N, 3, S, S) in [0, 1]


def sample_command(
    run: str | None, *, count: int, mix: float, method: str, seed: int, out: str, grid: bool
) -> int:
    """Do what the command line asks. run: a run folder, None for the weights that come with the package.

    Returns 0. Raises UserError for a wrong argument; pictures that were in `out` before are replaced only if an earlier
    call of this command made them.
    """
    if not (math.isfinite(mix) and 0 <= mix <= 1):
        raise UserError(f"--mix is {mix}; give a number from 0 (all first class) to 1 (all second class)")
    if not 0 <= seed < 2**31:
        raise UserError(f"--seed is {seed}; give a whole number from 0 to {2**31 - 1}")
    folder, names = Path(out), [f"{index:04d}.png" for index in range(count)]
    make, classes = maker(run, method)
    check_folder(folder, [*names, SHEET, *([GRID] if grid else [])])
    record = {"method": method, "mix": mix, "seed": seed, "classes": classes}
    pictures = []
    for at in range(0, count, PART):
        part = as_images(make(range(seed + at, seed + min(at + PART, count)), [mix])[0])
        pictures += list(part)
        if count > PART:
            tell_on_stderr(f"{len(pictures)} of {count}")
    files = dict(zip(names, pictures, strict=True))
    files[SHEET] = enlarged(image_sheet(np.stack(pictures), min(8, count)))
    if grid:
        files[GRID] = enlarged(grid_of(make, range(seed, seed + min(count, GRID_ROWS))))
    write(folder, files, record)
    tell_on_stderr(f"{count} pictures between {classes[0]} (mix 0) and {classes[1]} (mix 1): {folder}")
    return 0


def maker(run: str | None, method: str) -> tuple[Make, list[str]]:
    """What makes pictures from seeds and a mix, and the names of the pair's classes."""
    if method not in (*OF_THE_FLOW, *CLASSIC):
        raise UserError(f"--method '{method}' is unknown; known: {', '.join((*OF_THE_FLOW, *CLASSIC))}")
    if run is not None and not is_run(run):
        raise UserError(f"RUN: {run} is no run folder; give one that `clockodile run` made, or --pretrained")
    if method in OF_THE_FLOW:
        mixer = load_mixer(artifacts.shipped_weights() if run is None else Path(run, "generators"))
        names = [mixer.classes[label] for label in mixer.pair]
        if OF_THE_FLOW[method][0] > 1:
            judging.backbones(CHOOSER)  # a network that cannot be loaded is named before anything is drawn
        return partial(flow_pictures, mixer, *OF_THE_FLOW[method]), names
    if run is None:
        raise UserError(
            f"--method {method} starts from photographs: give a run folder in place of --pretrained"
        )
    opened = reopened(Path(run))
    data = load_dataset(opened)
    draw = CLASSIC[method].prepare(opened, data)
    names = [data.classes[label] for label in opened.recipe.pair]
    return lambda seeds, mixes: torch.stack([draw(seeds, mix=mix) for mix in mixes]), names


def flow_pictures(
    mixer: Mixer, tries: int, follow: float, seeds: range, mixes: Sequence[float]
) -> torch.Tensor:
    """Pictures (M, N, 3, S, S) of N seeds at M mixes: the best of several tries at one mix, first walks at several.

    Where only one class is wanted, the first walk is as good as any.
    """
    if len(mixes) == 1 and tries > 1 and 0 < mixes[0] < 1:
        return mix_best(mixer, seeds, mix=mixes[0], tries=tries, follow=follow).images[None]
    return mix_line(mixer, seeds, mixes, follow=follow)


def reopened(folder: Path):
    """The run that wrote into a folder, with the options it had."""
    settings = (atomic_files.read_json(folder / "run.json") or {}).get("settings", {})
    return open_run(**settings, run_dir=str(folder))


def load_mixer(folder: Path) -> Mixer:
    """Flow, guides and chooser in a folder. Raises UserError for what is missing, damaged or of another version."""
    flow = load_part(folder, FLOW, {"version": FLOW_VERSION})
    guides = load_part(folder, GUIDES, {"version": GUIDES_VERSION})
    seen = {"judge": CHOOSER, "version": judging.VERSION, "sides": judging.SIDES}
    chooser = load_part(folder, NAMES[CHOOSER], seen)
    made = flow.metrics
    return Mixer(
        flow_from(flow),
        guides_from(guides),
        Eyes(CHOOSER, judging.judge_from(chooser)),
        tuple(made["classes"]),
        tuple(made["pair"]),
        made["image_size"],
    )


def load_part(folder: Path, name: str, wanted: dict) -> artifacts.Fitted:
    """Weights of this name in a folder, if their configuration agrees with every entry of `wanted`."""
    path, mend = folder / f"{Path(name).name}.safetensors", "run notebook 04 (`clockodile run --only 04`)"
    found = artifacts.read_weights(path, lambda record: True, "")
    if found is None:
        raise UserError(f"{path} is missing or damaged; {mend}")
    if not artifacts.agrees(found.config, wanted):
        raise UserError(f"{path} is of another version; {mend}")
    return found


def grid_of(make: Make, seeds: range) -> np.ndarray:
    """Rows are seeds, columns go from the first class to the second."""
    pictures = as_images(make(seeds, GRID_MIXES).transpose(0, 1).flatten(0, 1))
    return image_sheet(pictures, len(GRID_MIXES))


def enlarged(sheet: np.ndarray) -> np.ndarray:
    """Each pixel as a square: a sheet for people."""
    return sheet.repeat(ZOOM, 0).repeat(ZOOM, 1)


def check_folder(folder: Path, names: list[str]) -> None:
    """Raise UserError when pictures cannot be written there or would replace somebody else's."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--out {folder} is a file; give a folder")
    own = (atomic_files.read_json(folder / RECORD) or {}).get("files", [])
    foreign = [name for name in names if (folder / name).exists() and name not in own]
    if foreign:
        raise UserError(
            f"--out {folder} holds a {foreign[0]} that this command did not make; give another folder"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {folder}: cannot be made ({error.strerror})") from None


def write(folder: Path, files: dict[str, np.ndarray], record: dict) -> None:
    """All pictures, each by a rename; what an earlier call left beyond them is removed."""
    before = (atomic_files.read_json(folder / RECORD) or {}).get("files", [])
    atomic_files.write_json(folder / RECORD, record | {"files": sorted({*files, *before})})
    for name, pixels in files.items():
        with atomic_files.atomic(folder / name) as temporary:
            Image.fromarray(pixels).save(temporary, format="PNG")
    for name in set(before) - set(files):
        (folder / Path(name).name).unlink(missing_ok=True)
    atomic_files.write_json(folder / RECORD, record | {"files": sorted(files)})
