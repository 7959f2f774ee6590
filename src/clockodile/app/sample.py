"""`clockodile sample`: new pictures from a trained flow, each from its own seed."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from clockodile.ambiguous import judge
from clockodile.app.predict import is_run, log
from clockodile.core import atomic_files, store
from clockodile.core.errors import UserError
from clockodile.core.recipes import get_profile, get_recipe
from clockodile.core.workspace import Run
from clockodile.data.dataset import Dataset, as_images, assemble
from clockodile.hybrids.generators import earlier
from clockodile.hybrids.generators.earlier import AUTOENCODERS
from clockodile.hybrids.generators.flow_of_run import NAME as FLOW
from clockodile.hybrids.generators.flow_of_run import VERSION as FLOW_VERSION
from clockodile.hybrids.generators.flow_of_run import flow_from
from clockodile.hybrids.generators.gan import gan_hybrids
from clockodile.hybrids.generators.table import CLASSIC, Draw, of_codes, of_nothing
from clockodile.hybrids.generators.vae import vae_hybrids
from clockodile.hybrids.guidance import NAME as GUIDES
from clockodile.hybrids.guidance import VERSION as GUIDES_VERSION
from clockodile.hybrids.guidance import guidance_classifier_from
from clockodile.hybrids.mixing import CLASSIFIER_GUIDANCE, N_CANDIDATES, HybridSampler, best_of_n, mix_line
from clockodile.hybrids.selection import NAMES, SELECTOR, NetworkJudge
from clockodile.show.plots import image_sheet

OF_THE_FLOW = {  # method -> how many tries, and how strongly they follow the guides. The first is the default
    "following_best": (N_CANDIDATES, CLASSIFIER_GUIDANCE),
    "following": (1, CLASSIFIER_GUIDANCE),
    "flow_best": (N_CANDIDATES, 0.0),
    "flow": (1, 0.0),
}
FROM_NOISE = {"vae": vae_hybrids, "gan": gan_hybrids}  # how the nets of earlier.INVENTORS draw
MOST = 100_000  # pictures a call
RECORD = "sample.json"  # beside the pictures: how they were made
SHEET, GRID = "contact_sheet.png", "grid.png"
GRID_MIXES = (0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0)
GRID_ROWS = 8
ZOOM = 4  # pixels on the sheets for one of the picture's
ON_SHEET = 512  # of the first pictures on the contact sheet: with thousands it would fill the memory
PART = 64  # pictures made at once, then written

Make = Callable[[range, Sequence[float]], torch.Tensor]  # of N seeds at M mixes: (M, N, 3, S, S) in [0, 1]


def sample_command(
    run: str | None, *, count: int, mix: float, method: str, seed: int, out: str, grid: bool
) -> int:
    """Do what the command line asks. run: a run folder, None for the weights that come with the package.

    Each picture is written when it is made, the sheets after all of them. Returns 0, or 130 after Ctrl-C. Raises
    UserError for a wrong argument; pictures that were in `out` before are replaced only if an earlier call of this
    command made them. A run folder is only read.
    """
    if count > MOST:
        raise UserError(f"--n is {count}; give at most {MOST}")
    if not (math.isfinite(mix) and 0 <= mix <= 1):
        raise UserError(f"--mix is {mix}; give a number from 0 (all first class) to 1 (all second class)")
    if not 0 <= seed < 2**31:
        raise UserError(f"--seed is {seed}; give a whole number from 0 to {2**31 - 1}")
    folder, names = Path(out), [f"{index:04d}.png" for index in range(count)]
    files = [*names, SHEET, *([GRID] if grid else [])]
    make, classes = maker(run, method)
    own, written = check_folder(folder, files), 0
    before = set(own)
    record = {"method": method, "mix": mix, "seed": seed, "classes": classes}
    try:
        for part in drawn(make, names, mix=mix, seed=seed, grid=grid):
            own |= part.keys()
            # before the files: the next call must know which ones it may replace
            note(folder, record, own, finished=False)
            for name, pixels in part.items():
                with atomic_files.atomic(folder / name) as temporary:
                    Image.fromarray(pixels).save(temporary, format="PNG")
                written += 1
    except KeyboardInterrupt:
        if own != before:
            note(folder, record, {name for name in own if (folder / name).exists()}, finished=False)
        kept = min(written, count)
        log(f"clockodile: stopped; {kept} of {count} pictures are finished and kept in {folder}")
        return 130
    for name in before - set(files):  # what an earlier call left beyond these
        (folder / Path(name).name).unlink(missing_ok=True)
    note(folder, record, files, finished=True)
    log(f"{count} pictures between {classes[0]} (mix 0) and {classes[1]} (mix 1): {folder}")
    return 0


def drawn(
    make: Make, names: Sequence[str], *, mix: float, seed: int, grid: bool
) -> Iterator[dict[str, np.ndarray]]:
    """File names and pixels, uint8 (H, W, 3): some pictures at a time, at last the sheets."""
    first = []
    for at in range(0, len(names), PART):
        some = names[at : at + PART]
        pictures = as_images(make(range(seed + at, seed + at + len(some)), [mix])[0])
        yield dict(zip(some, pictures, strict=True))
        first += list(pictures[: ON_SHEET - len(first)])
        if len(names) > PART:
            log(f"{at + len(some)} of {len(names)}")
    sheets = {SHEET: enlarged(image_sheet(np.stack(first), min(8, len(first))))}
    if grid:
        sheets[GRID] = enlarged(grid_of(make, range(seed, seed + min(len(names), GRID_ROWS))))
    yield sheets


def maker(run: str | None, method: str) -> tuple[Make, list[str]]:
    """What makes pictures from seeds and a mix, and the names of the pair's classes."""
    if method not in (*OF_THE_FLOW, *CLASSIC):
        raise UserError(f"--method '{method}' is unknown; known: {', '.join((*OF_THE_FLOW, *CLASSIC))}")
    if run is not None and not is_run(run):
        raise UserError(f"RUN: {run} is no run folder; give one that `clockodile run` made, or --pretrained")
    if method in OF_THE_FLOW:
        if run is None:
            sampler = load_mixer(store.shipped_weights(), "install clockodile again")
        else:
            sampler = load_mixer(Path(run, "generators"), mend(Path(run)))
        names = [sampler.classes[label] for label in sampler.pair]
        if OF_THE_FLOW[method][0] > 1:
            judge.backbones(SELECTOR)  # a network that cannot be loaded is named before anything is drawn
        return partial(flow_pictures, sampler, *OF_THE_FLOW[method]), names
    if run is None:
        raise UserError(
            f"--method {method} starts from photographs: give a run folder in place of --pretrained"
        )
    opened, data = reopened(Path(run))
    draw = classic_draw(method, opened, data)
    names = [data.classes[label] for label in opened.recipe.pair]
    return lambda seeds, mixes: torch.stack([draw(seeds, mix=mix) for mix in mixes]), names


def flow_pictures(
    sampler: HybridSampler,
    n_candidates: int,
    classifier_guidance: float,
    seeds: range,
    mixes: Sequence[float],
) -> torch.Tensor:
    """Pictures (M, N, 3, S, S) of N seeds at M mixes: the best of several tries at one mix, first walks at several.

    Where only one class is wanted, the first walk is as good as any.
    """
    if len(mixes) == 1 and n_candidates > 1 and 0 < mixes[0] < 1:
        return best_of_n(
            sampler, seeds, mix=mixes[0], n_candidates=n_candidates, classifier_guidance=classifier_guidance
        ).images[None]
    return mix_line(sampler, seeds, mixes, classifier_guidance=classifier_guidance)


def reopened(folder: Path) -> tuple[Run, Dataset]:
    """The run whose data set lies in a folder, and that data set. Raises UserError for what is missing or damaged.

    Both as the data card has them: run.json may be missing, for a notebook does not write it, or tell of a later run
    that came to nothing. The photographs themselves may be gone.
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
    # no drawing depends on the profile
    run = Run(folder, get_recipe(asked["recipe"]), get_profile("quick"), asked["seed"], asked["source"], None)
    return run, assemble(*stored, card)


def mend(folder: Path) -> str:
    """What to do when a run folder lacks something, in words: notebook 04 again, with the options it had there."""
    noted = atomic_files.read_json(folder / "run.json") or {}
    fourth = noted.get("notebooks", {}).get("04", {})
    asked = (atomic_files.read_json(folder / "data_card.json") or {}).get("request", {})
    settings = (fourth.get("settings") or noted.get("settings", {})) | asked
    words = ["clockodile", "run", "--only", "04", "--out", str(folder)]
    for name in ("recipe", "profile", "seed", "source", "data_dir"):
        if settings.get(name):  # 0 and "" are the defaults
            words += [f"--{name.replace('_', '-')}", str(settings[name])]
    for name, value in fourth.get("parameters", {}).items():
        if name != "retrain":  # what is there need not be trained again
            words += ["-p", f"{name}={value}"]
    return f"run notebook 04 (`{shlex.join(words)}`)"


def classic_draw(method: str, run: Run, data: Dataset) -> Draw:
    """How a classic method draws; a net that it needs is the one in the run folder, however long it was trained.

    Nothing is trained and nothing written. Raises UserError when the net is missing, damaged or learned from other
    photographs. data: all splits.
    """
    if method not in (*AUTOENCODERS, *FROM_NOISE):
        return CLASSIC[method].prepare(run, data)

    def load(run: Run, data: Dataset, *, retrain: bool):
        wanted = earlier.config_of(method, run, data)
        fitted = load_part(run.dir / "generators", method, wanted, mend(run.dir))
        return earlier.net_from(method, fitted, data), fitted

    prepare = of_codes(load) if method in AUTOENCODERS else of_nothing(load, FROM_NOISE[method])
    return prepare(run, data)


def load_mixer(folder: Path, cure: str) -> HybridSampler:
    """Flow, guides and chooser in a folder. Raises UserError for what is missing, damaged or of another version."""
    flow = load_part(folder, FLOW, {"version": FLOW_VERSION}, cure)
    guidance_classifier = load_part(folder, GUIDES, {"version": GUIDES_VERSION}, cure)
    seen = {"judge": SELECTOR, "version": judge.VERSION, "sides": judge.SIDES}
    selector = load_part(folder, NAMES[SELECTOR], seen, cure)
    made = flow.metrics
    return HybridSampler(
        flow_from(flow),
        guidance_classifier_from(guidance_classifier),
        NetworkJudge(SELECTOR, judge.judge_from(selector)),
        tuple(made["classes"]),
        tuple(made["pair"]),
        made["image_size"],
    )


def load_part(folder: Path, name: str, wanted: dict, cure: str) -> store.Checkpoint:
    """Weights of this name in a folder, if their configuration agrees with every entry of `wanted`.

    cure: how the UserError's line ends otherwise.
    """
    path = folder / f"{Path(name).name}.safetensors"
    found = store.read_weights(path, lambda record: True, "")
    if found is None:
        raise UserError(f"{path} is missing or damaged; {cure}")
    if not store.matches(found.config, wanted):
        raise UserError(f"{path} is of another version or other data; {cure}")
    return found


def grid_of(make: Make, seeds: range) -> np.ndarray:
    """Rows are seeds, columns go from the first class to the second."""
    pictures = as_images(make(seeds, GRID_MIXES).transpose(0, 1).flatten(0, 1))
    return image_sheet(pictures, len(GRID_MIXES))


def enlarged(sheet: np.ndarray) -> np.ndarray:
    """Each pixel as a square: a sheet for people."""
    return sheet.repeat(ZOOM, 0).repeat(ZOOM, 1)


def check_folder(folder: Path, names: list[str]) -> set[str]:
    """Make the folder; returns the files in it that an earlier call of this command made.

    Raises UserError when pictures cannot be written there or would replace somebody else's.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--out {folder} is a file; give a folder")
    own = set((atomic_files.read_json(folder / RECORD) or {}).get("files", []))
    foreign = [name for name in names if (folder / name).exists() and name not in own]
    if foreign:
        raise UserError(
            f"--out {folder} holds a {foreign[0]} that this command did not make; give another folder"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {folder}: cannot be made ({error.strerror})") from None
    return own


def note(folder: Path, record: dict, files: Iterable[str], *, finished: bool) -> None:
    """Write beside the pictures how they are made; finished: False while some may still be an earlier call's."""
    atomic_files.write_json(folder / RECORD, record | {"files": sorted(files), "finished": finished})
