"""The data set of a run: images, labels, near-duplicate groups and folds, prepared once and then read from disk."""

import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from clockodile.core import atomic_files, store
from clockodile.core.errors import UserError
from clockodile.core.recipes import DEFAULT_RECIPE, get_recipe
from clockodile.core.workspace import Run, check_range
from clockodile.data.collection import BACKGROUND, HYBRID, TEST, TRAIN, Collection, FileNote
from clockodile.data.duplicates import KNOWN_PAIRS, find_near_duplicates, group_by_pairs, known_pairs, twins_of
from clockodile.data.folders import background_state, folder_state
from clockodile.data.sources import collect, suited_size
from clockodile.data.splits import grouped_folds, merge_folds, split_hash

log = logging.getLogger(__name__)

SIZE_STEP = 8  # image sizes are multiples of it, for nets halve the side again and again
CHANGED = "the photographs changed after notebook 01: prepared anew; what ran before still shows the former ones"
CUT_FIRST = "faces were cut out of these photographs; crop others to the face before `predict` or `rank` sees them"
OTHER_IMAGES = "the lesson was written about clocks and crocodiles; figures and numbers are of your own images"


@dataclass(frozen=True)
class Dataset:
    """N images of S x S pixels in label order, with everything notebook 01 found out about them."""

    images: np.ndarray  # uint8 (N, S, S, 3)
    labels: np.ndarray  # int64 (N,) index into classes; -1 where split is background or hybrid
    ids: np.ndarray  # str (N,) unique; a reader finds the file by it
    split: np.ndarray  # str (N,) train, test (a source's own, never used for choosing), background or hybrid
    group: np.ndarray  # int64 (N,) near-duplicates share a number
    fold: np.ndarray  # int64 (N,) 0..K-1 for train, else -1
    classes: tuple[str, ...]  # C >= 2 names in label order
    card: dict  # source, counts, refused files, fingerprint: the content of data_card.json

    def __len__(self) -> int:
        return len(self.images)

    @property
    def fingerprint(self) -> str:
        """Names the labelled training images, whatever source they came from."""
        return self.card["fingerprint"]

    @property
    def folds_key(self) -> str:
        """Names these very images, in this order, and the fold of each: what out-of-fold predictions depend on."""
        return store.key_of({"data": self.fingerprint, "ids": self.ids.tolist(), "fold": self.fold.tolist()})

    @property
    def stamp(self) -> str:
        """Words that every figure of these images must carry; empty for photographs."""
        return self.card["source"]["stamp"]

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader must know about these images before reading on; empty for the clocks and crocodiles."""
        drawn = f"these are {self.stamp} images, not photographs" if self.stamp else ""
        return tuple(remark for remark in (drawn, self.card["remark"]) if remark)

    def rows(self, chosen: np.ndarray) -> "Dataset":
        """The same data set with only the chosen rows; chosen: bool (N,) or int (M,)."""
        parts = {name: getattr(self, name)[chosen] for name in ("images", "labels", "ids", "split", "group", "fold")}
        return Dataset(**parts, classes=self.classes, card=self.card)

    def part(self, split: str) -> "Dataset":
        """The rows of one split: "train", "test", "background" or "hybrid". May be empty, except for train."""
        return self.rows(self.split == split)

    def fresh_tests(self) -> tuple["Dataset", int]:
        """The source's own test images without a near-duplicate in training, and how many others that leaves out."""
        tests = self.part(TEST)
        twins = np.isin(tests.group, self.group[self.split == TRAIN])
        return tests.rows(~twins), int(twins.sum())

    def tensor(self) -> torch.Tensor:
        """Images as float32 (N, 3, S, S) in [0, 1]."""
        return as_tensor(self.images)


def as_tensor(images: np.ndarray) -> torch.Tensor:
    """uint8 (N, H, W, 3) as float32 (N, 3, H, W) in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float().div(255)


def as_images(tensor: torch.Tensor) -> np.ndarray:
    """float (N, 3, H, W) in [0, 1] as uint8 (N, H, W, 3), rounded; values outside are clipped."""
    return tensor.detach().clamp(0, 1).mul(255).round().byte().permute(0, 2, 3, 1).cpu().numpy()


# --- preparing ------------------------------------------------------------------------------------------------


ASKED = ("recipe", "classes", "source", "data_dir")  # parts of a request that say which images are meant


def request_of(run: Run, image_size: int) -> dict:
    """What the user asked for: decides whether the prepared data set in the run folder may be used again."""
    return {
        "recipe": run.recipe.name,
        "classes": run.classes,
        "source": run.source,
        "data_dir": str(run.data_dir or ""),
        "seed": run.seed,
        "folds": run.profile.folds,
        "image_size": image_size,
        **({"background": background_state(run.background)} if run.background else {}),
    }


def without_twins_in_background(collection: Collection) -> Collection:
    """The collection without background pictures that show what a labelled one shows; each leaves a note."""
    labelled = np.flatnonzero(collection.labels >= 0)
    background = np.flatnonzero(collection.split == BACKGROUND)
    kept, notes = np.full(len(collection.ids), True), []
    for row, twin in zip(background, twins_of(collection.images[labelled], collection.images[background]), strict=True):
        if twin >= 0:
            kept[row] = False
            reason = f"shows the same as {collection.ids[labelled[twin]]}; left out of the background"
            notes.append(FileNote(str(collection.ids[row]), reason))
    return collection.rows(kept, *notes)


def split_table(
    collection: Collection, *, folds: int, seed: int, known: Path = KNOWN_PAIRS
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """splits.csv for a collection, and its near-duplicate pairs among labelled images (row numbers of `collection`).

    known: a table of further pairs, as `known_pairs` reads it. They move no image but those of the groups they join.
    """
    labelled = np.flatnonzero(np.isin(collection.split, (TRAIN, TEST)))
    images, train = collection.images[labelled], collection.split == TRAIN
    found, added = find_near_duplicates(images), known_pairs(images, known)
    pairs = pd.concat([found, added[found.columns]]).drop_duplicates(["first", "second"], ignore_index=True)
    for table in (found, pairs):
        table[["first", "second"]] = labelled[table[["first", "second"]].to_numpy(dtype=int)]
    before, group = (group_by_pairs(len(collection.ids), table) for table in (found, pairs))
    fold = np.full(len(group), -1, np.int64)
    fold[train] = grouped_folds(
        collection.labels[train], before[train], folds=folds, seed=seed, classes=collection.classes
    )
    fold[train] = merge_folds(fold[train], group[train])
    columns = {"id": collection.ids, "label": collection.labels, "group": group, "fold": fold}
    return pd.DataFrame(columns | {"split": collection.split}), pairs


def make_card(collection: Collection, splits: pd.DataFrame, pairs: pd.DataFrame) -> dict:
    """The part of data_card.json that the images decide: how many there are, what they are called, which are alike."""
    train = collection.split == TRAIN
    counts = {split: int((collection.split == split).sum()) for split in (BACKGROUND, HYBRID)}
    for split in (TRAIN, TEST):
        of_class = np.bincount(collection.labels[collection.split == split], minlength=len(collection.classes))
        counts[split] = dict(zip(collection.classes, of_class.tolist(), strict=True))
    named = pairs.assign(first=collection.ids[pairs["first"]], second=collection.ids[pairs["second"]])
    return {
        "classes": list(collection.classes),
        "image_size": int(collection.images.shape[1]),
        "counts": counts,
        "near_duplicates": [{**row, "correlation": round(row["correlation"], 3)} for row in named.to_dict("records")],
        "fingerprint": store.fingerprint(collection.images[train], collection.labels[train]),
        "split_hash": split_hash(collection.ids[train], splits["fold"].to_numpy()[train]),
    }


def prepare_dataset(run: Run, *, image_size: int = 0) -> Dataset:
    """Collect the images, find near-duplicates, split, and store all of it in the run folder.

    image_size: pixels a side, a multiple of 8; 0 for what suits the recipe or the photographs. Splits are written
    once: the same images in the same run folder keep theirs. Raises UserError when the data cannot be used.
    """
    size, why = (image_size, "") if image_size else suited_size(run)
    check_range("image_size", size, 8, 512)
    if size % SIZE_STEP:
        raise UserError(f"parameter 'image_size' is {size}; give a multiple of {SIZE_STEP}")
    collection = without_twins_in_background(collect(run, image_size=size))
    if why:
        note = FileNote("all pictures", why, used=True)
        collection = replace(collection, notes=(*collection.notes, note))
    config = {
        "images": store.fingerprint(collection.images, collection.labels),
        "ids": store.key_of({"ids": collection.ids.tolist(), "split": collection.split.tolist()}),
        "folds": run.profile.folds,
        "seed": run.seed,
        "source": store.source_key(split_table),
        "known_pairs": atomic_files.file_digest(KNOWN_PAIRS),
    }
    arrays = {name: getattr(collection, name) for name in ("images", "labels", "ids", "split")}
    store.cached(run.dir, "dataset.npz", config, lambda: arrays)
    splits = store.load_cached(run.dir, "splits.csv", config)
    card = atomic_files.read_json(run.dir / "data_card.json")
    if splits is None or card is None or card.get("config") != config:
        splits, pairs = split_table(collection, folds=run.profile.folds, seed=run.seed)
        card = make_card(collection, splits, pairs)
        store.save(run.dir, "splits.csv", splits, config)
    remark = ""  # what a reader must know about these images beforehand
    if run.recipe.classes != get_recipe(DEFAULT_RECIPE).classes:
        remark = f"{OTHER_IMAGES}; {CUT_FIRST}" if "faces" in run.recipe.sources else OTHER_IMAGES
    # source and notes may differ although the images are the same, so the card is always written
    card |= {
        "source": asdict(collection.source),
        "notes": [asdict(note) for note in collection.notes],
        "warnings": list(collection.warnings),
        "remark": remark,
        "request": request_of(run, size),
        "config": config,
    }
    for warning in collection.warnings:
        log.warning("NOTE: %s", warning)
    atomic_files.write_json(run.dir / "data_card.json", card)
    return assemble(arrays, splits, card)


def assemble(arrays: dict, splits: pd.DataFrame, card: dict) -> Dataset:
    """A Dataset from the contents of dataset.npz, splits.csv and data_card.json."""
    return Dataset(
        **{name: np.asarray(arrays[name]) for name in ("images", "labels", "ids", "split")},
        group=splits["group"].to_numpy(np.int64),
        fold=splits["fold"].to_numpy(np.int64),
        classes=tuple(card["classes"]),
        card=card,
    )


def load_dataset(run: Run) -> Dataset:
    """The data set that notebook 01 prepared in this run folder; prepared now when it is missing or was another.

    Files that were added, removed, renamed or written since count as another; this is said aloud. Raises UserError as
    `prepare_dataset` does.
    """
    card = atomic_files.read_json(run.dir / "data_card.json")
    same_request = card is not None and card.get("request") == request_of(run, card.get("image_size", 0))
    changed = same_request and files_changed(run, card)
    if same_request and not changed:
        # both must come from the card's own images: a run killed half-way may have left parts of two data sets
        arrays = store.load_cached(run.dir, "dataset.npz", card["config"])
        splits = store.load_cached(run.dir, "splits.csv", card["config"])
        if arrays is not None and splits is not None:
            return assemble(arrays, splits, card)
    why = "data changed" if changed else "no data prepared"
    log.info("%s in %s: doing what notebook 01 does", why, run.dir)
    before, asked = (card or {}).get("request", {}), request_of(run, 0)
    same_images = all(before.get(part) == asked[part] for part in ASKED)
    data = prepare_dataset(run, image_size=card["image_size"] if same_images else 0)
    if changed and any(data.card["config"][part] != card["config"].get(part) for part in ("images", "ids")):
        # not merely touched; and no newer edition of this program that prepares the same ones anew
        log.warning("NOTE: %s", CHANGED)
        data.card["warnings"].append(CHANGED)
        atomic_files.write_json(run.dir / "data_card.json", data.card)
    return data


def files_changed(run: Run, card: dict) -> bool:
    """Whether a data folder's image files are others than those that `card` was made from; no image is read."""
    state = card.get("source", {}).get("files")
    return bool(state) and run.data_dir is not None and folder_state(run.recipe, run.data_dir) != state
