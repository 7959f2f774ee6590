"""What the notebooks hand to each other: files in one run folder, each complete or absent, each with its origin.

Beside a table or an array file, `provenance/<name>.json` records the configuration it came from and a checksum:
`cached` uses a file again only when both still match. Weights carry the same record inside the safetensors file.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from clockodile.core.atomic_files import atomic, file_digest, read_json, write_json
from clockodile.core.errors import UserError
from clockodile.core.schemas import check_schema, schema_of


def key_of(config: Mapping) -> str:
    """16 hexadecimal digits that change whenever any value in `config` (JSON types) changes."""
    canonical = json.dumps(config, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def fingerprint(images: np.ndarray, labels: np.ndarray) -> str:
    """16 hexadecimal digits of labelled images, independent of their order and names.

    images: uint8 (N, H, W, 3); labels: int (N,). The same photographs from a folder and from a download agree.
    """
    rows = sorted(
        hashlib.sha256(image.tobytes() + str((*image.shape, int(label))).encode()).digest()
        for image, label in zip(images, labels, strict=True)
    )
    return hashlib.sha256(b"".join(rows)).hexdigest()[:16]


# --- tables and arrays ----------------------------------------------------------------------------------------


def save(
    run_dir: Path, name: str, content: pd.DataFrame | Mapping, config: Mapping, seconds: float = 0.0
) -> None:
    """Write a table (.csv), arrays (.npz) or an object (.json) into the run folder, with its provenance.

    Tables and arrays must fit schemas.SCHEMAS[name]; `config` is what the content depends on (JSON types).
    """
    path = Path(run_dir) / name
    if path.suffix == ".json":
        write_json(path, content)
    else:
        check_schema(name, content)
        with atomic(path) as temporary:
            if path.suffix == ".csv":
                content.to_csv(temporary, index=False, lineterminator="\n")
            else:
                with open(temporary, "wb") as file:
                    np.savez_compressed(file, **content)
    record = {
        "config": dict(config),
        "key": key_of(config),
        "sha256": file_digest(path),
        "seconds": round(seconds, 2),
    }
    write_json(Path(run_dir) / "provenance" / f"{name}.json", record)


def load(run_dir: Path, name: str) -> pd.DataFrame | dict:
    """Read a file written by `save`. Raises UserError when it is missing, damaged or was edited by hand."""
    path = Path(run_dir) / name
    record = read_json(Path(run_dir) / "provenance" / f"{name}.json")
    if not path.is_file() or record is None:
        raise UserError(f"{path} is missing; run the notebook that makes it, or `clockodile run`")
    if record.get("sha256") != file_digest(path):
        raise UserError(f"{path} is not what was written there (damaged or edited); delete it and run again")
    if path.suffix == ".json":
        return json.loads(path.read_text("utf-8"))
    if path.suffix == ".csv":
        texts = {part: str for part, (kind, _) in schema_of(name).parts.items() if kind == "U"}
        content = pd.read_csv(path, dtype=texts, keep_default_na=False, na_values=[""])
    else:
        with np.load(path, allow_pickle=False) as arrays:
            content = {part: arrays[part] for part in arrays.files}
    check_schema(name, content)
    return content


def load_cached(
    run_dir: Path, name: str, config: Mapping, *, subset: bool = False
) -> pd.DataFrame | dict | None:
    """The stored content of `name` when it came from exactly this `config` and is undamaged, else None.

    partly: enough if the entries in `config` agree, whatever else the stored configuration says. A notebook uses it for
    what an earlier one made with parameters of its own.
    """
    stored = recorded_config(run_dir, name, config)
    if stored is None or (len(stored) > len(config) and not subset):
        return None
    try:
        return load(run_dir, name)
    except (UserError, ValueError):
        return None


def recorded_config(run_dir: Path, name: str, config: Mapping) -> dict | None:
    """The whole configuration `name` was made from, if it agrees with every entry of `config`, else None."""
    stored = (read_json(Path(run_dir) / "provenance" / f"{name}.json") or {}).get("config")
    if stored is None:
        return None
    return stored if matches(stored, config) else None


def matches(stored: Mapping, wanted: Mapping) -> bool:
    """Whether a stored configuration has every entry of `wanted`; both of JSON types."""
    return key_of({part: stored.get(part) for part in wanted}) == key_of(wanted)


def invalidate(run_dir: Path, name: str) -> None:
    """Remove what `save` wrote, if it is there."""
    for path in (Path(run_dir) / name, Path(run_dir) / "provenance" / f"{name}.json"):
        path.unlink(missing_ok=True)


def cached(
    run_dir: Path,
    name: str,
    config: Mapping,
    make: Callable[[], pd.DataFrame | Mapping],
    *,
    anew: bool = False,
):
    """What `make()` returns, made only once for each `config`: stored in the run folder and used again after.

    A missing, damaged or outdated file is made anew, so a run that was killed continues where it stopped; `anew` makes
    it in any case.
    """
    stored = None if anew else load_cached(run_dir, name, config)
    if stored is None:
        start = time.perf_counter()
        content = make()
        save(run_dir, name, content, config, time.perf_counter() - start)
        stored = load(run_dir, name)
    return stored


# --- trained weights ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Checkpoint:
    """Trained weights and how they came about."""

    state: dict  # parameter name -> tensor, for Module.load_state_dict
    metrics: dict  # whatever `fit` measured (JSON types)
    seconds: float  # training time when it was trained, not when it was loaded
    origin: str  # "trained", "run folder" or "shipped"
    config: dict = field(default_factory=dict)  # what the training depended on besides the data (JSON types)


def shipped_weights() -> Path:
    """The folder of trained weights that come with the package."""
    return Path(str(resources.files("clockodile") / "weights"))


def read_weights(path: Path, fits: Callable[[dict], bool], origin: str) -> Checkpoint | None:
    """Weights in `path` if their record `fits`; None when missing, damaged or of another training."""
    try:
        with safe_open(path, framework="pt") as file:
            record = json.loads((file.metadata() or {})["clockodile"])
        if not fits(record):
            return None
        return Checkpoint(load_file(path), record["metrics"], record["seconds"], origin, record["config"])
    except Exception:  # safetensors has its own error type for each kind of damage; all mean "train again"
        return None


def load_fitted(name: str, config: Mapping, data_fingerprint: str, *, run_dir: Path) -> Checkpoint | None:
    """Weights of this name, configuration and data in the run folder, else shipped ones, else None."""
    key = key_of({"config": dict(config), "data": data_fingerprint})
    path = Path(run_dir) / f"{name}.safetensors"
    for place, origin in ((path, "run folder"), (shipped_weights() / path.name, "shipped")):
        fitted = read_weights(place, lambda record: record["key"] == key, origin)
        if fitted is not None:
            return fitted
    return None


def load_shipped(name: str, wanted: Mapping) -> Checkpoint | None:
    """Weights that come with the package if their configuration agrees with every entry of `wanted`, else None."""
    path = shipped_weights() / f"{Path(name).name}.safetensors"
    return read_weights(path, lambda record: matches(record["config"], wanted), "shipped")


def fit_or_load(
    name: str,
    config: Mapping,
    data_fingerprint: str,
    fit: Callable[[], tuple[dict, dict]],
    *,
    run_dir: Path,
    retrain: bool = False,
    accept_shipped_if: Mapping | None = None,
) -> Checkpoint:
    """Load the weights `name` trained with this configuration on these data, or train and save them.

    name: path inside the run folder without suffix, such as "classifier/report_000-seed0".
    config: everything training depends on besides the data (JSON types).
    fit: returns (state dict of tensors, metrics as JSON types); called only when nothing matches or `retrain`.
    enough: what shipped weights must agree with if that is less than all of `config`: they may have been trained longer
    than this profile would. Looked for in the run folder first, then among the shipped weights, which are then copied
    into the run folder for the command line.
    """
    record = {"config": dict(config), "data": data_fingerprint}
    key = key_of(record)
    path = Path(run_dir) / f"{name}.safetensors"
    stored = None if retrain else load_fitted(name, config, data_fingerprint, run_dir=run_dir)
    if stored is None and accept_shipped_if is not None and not retrain:
        stored = load_shipped(name, accept_shipped_if)
    if stored is not None:
        if stored.origin == "shipped":
            with atomic(path) as temporary:
                shutil.copyfile(shipped_weights() / path.name, temporary)
        return stored
    start = time.perf_counter()
    state, metrics = fit()
    seconds = time.perf_counter() - start
    state = {part: tensor.detach().cpu().contiguous() for part, tensor in state.items()}
    with atomic(path) as temporary:
        text = json.dumps(
            {**record, "key": key, "metrics": metrics, "seconds": round(seconds, 2)}, sort_keys=True
        )
        save_file(state, temporary, metadata={"clockodile": text})
    return Checkpoint(state, metrics, seconds, "trained", dict(config))
