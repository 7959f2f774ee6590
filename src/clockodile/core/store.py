"""What the notebooks hand to each other: files in one run folder, each complete or absent, each with its origin.

Beside a table or an array file, `provenance/<name>.json` records the configuration and the code it came from and a
checksum: `cached` uses a file again only when all three still match. Weights carry the same record inside the
safetensors file. A damaged file is named in a warning before its content is made anew.
"""

import hashlib
import json
import logging
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from clockodile.core.atomic_files import atomic, file_digest, read_json, write_json
from clockodile.core.errors import UserError
from clockodile.core.schemas import check_schema, schema_of
from clockodile.core.source_code import source_key

LOG = logging.getLogger(__name__)
# files, with their keys, that were made again although they were there
_made_anew: set[tuple[Path, str]] = set()


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
    run_dir: Path,
    name: str,
    content: pd.DataFrame | Mapping,
    config: Mapping,
    seconds: float = 0.0,
    *,
    source: str = "",
) -> None:
    """Write a table (.csv), arrays (.npz) or an object (.json) into the run folder, with its provenance.

    Tables and arrays must fit schemas.SCHEMAS[name]; `config` is what the content depends on (JSON types), `source` the
    key of the code that made it.
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
        "source": source,
        "sha256": file_digest(path),
        "seconds": round(seconds, 2),
    }
    write_json(Path(run_dir) / "provenance" / f"{name}.json", record)


def load(run_dir: Path, name: str) -> pd.DataFrame | dict:
    """Read a file written by `save`. Raises UserError when it is missing, damaged or was edited by hand."""
    path = Path(run_dir) / name
    record = provenance(run_dir, name)
    if not path.is_file() or not record:
        raise UserError(f"{path} is missing; run the notebook that makes it, or `clockodile run`")
    if record.get("sha256") != file_digest(path):
        raise UserError(f"{path} is not what was written there (damaged or edited); delete it and run again")
    if path.suffix == ".json":
        return json.loads(path.read_text("utf-8"))
    if path.suffix == ".csv":
        texts = {part: str for part, (kind, _) in schema_of(name).items() if kind == "U"}
        content = pd.read_csv(path, dtype=texts, keep_default_na=False, na_values=[""])
    else:
        with np.load(path, allow_pickle=False) as arrays:
            content = {part: arrays[part] for part in arrays.files}
    check_schema(name, content)
    return content


def load_cached(
    run_dir: Path, name: str, config: Mapping, *, subset: bool = False, source: str | None = None
) -> pd.DataFrame | dict | None:
    """The stored content of `name` when it came from exactly this `config` and is undamaged, else None.

    subset: enough if the entries in `config` agree, whatever else the stored configuration says. A notebook uses it for
    what an earlier one made with parameters of its own. source: the key of the code that must have made it, None for
    any.
    """
    stored = recorded_config(run_dir, name, config)
    if stored is None or (len(stored) > len(config) and not subset):
        return None
    if source not in (None, provenance(run_dir, name).get("source")):
        return None
    try:
        return load(run_dir, name)
    except (UserError, ValueError, OSError) as error:
        LOG.warning("%s", error)
        return None


def provenance(run_dir: Path, name: str) -> dict:
    """The record that `save` wrote beside a file; {} when it is missing or damaged."""
    return read_json(Path(run_dir) / "provenance" / f"{name}.json") or {}


def recorded_config(run_dir: Path, name: str, config: Mapping) -> dict | None:
    """The whole configuration `name` was made from, if it agrees with every entry of `config`, else None."""
    stored = provenance(run_dir, name).get("config")
    return stored if stored is not None and matches(stored, config) else None


def matches(stored: Mapping, wanted: Mapping) -> bool:
    """Whether a stored configuration has every entry of `wanted`; both of JSON types."""
    return key_of({part: stored.get(part) for part in wanted}) == key_of(wanted)


def begin_run() -> None:
    """From now on `retrain` and `anew` make everything again, once, even what this process has made again before."""
    _made_anew.clear()


def cached(
    run_dir: Path, name: str, config: Mapping, make: Callable[[], pd.DataFrame | Mapping], *, anew: bool = False
):
    """What `make()` returns, made only once for each `config` and code: stored in the run folder and used again after.

    A missing, damaged or outdated file is made anew, so a run that was killed continues where it stopped; `anew` makes
    it in any case, but only once in a run. For the code that counts see source_code.source_key.
    """
    source = source_key(make)
    made = (Path(run_dir) / name, key_of(config))
    stored = None if anew and made not in _made_anew else load_cached(run_dir, name, config, source=source)
    if stored is None:
        start = time.perf_counter()
        content = make()
        save(run_dir, name, content, config, time.perf_counter() - start, source=source)
        stored = load(run_dir, name)
        if anew:
            _made_anew.add(made)
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
    data: str = ""  # fingerprint of the images it learned from


def shipped_weights() -> Path:
    """The folder of trained weights that come with the package."""
    return Path(str(resources.files("clockodile") / "weights"))


def digest(state: Mapping[str, torch.Tensor], text: str = "") -> str:
    """SHA-256 of tensors and a text, hexadecimal."""
    found = hashlib.sha256(text.encode())
    for name in sorted(state):
        found.update(f"{name} {state[name].dtype} {tuple(state[name].shape)}".encode())
        found.update(state[name].cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def check_finite(path: Path, state: Mapping[str, torch.Tensor]) -> None:
    """Raise UserError when a weight is NaN or infinite."""
    for name, tensor in state.items():
        if not tensor.isfinite().all():
            raise UserError(f"{path}: '{name}' holds a number that is not finite; its training failed")


def write_weights(path: Path, state: Mapping[str, torch.Tensor], record: Mapping) -> None:
    """Write tensors, what is to be said of them (JSON types) and a checksum of both into one file, atomically.

    Raises UserError for a weight that is not finite, ValueError or TypeError for a record that is no JSON, before
    anything is written.
    """
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    check_finite(path, state)
    text = json.dumps(record, sort_keys=True, allow_nan=False)
    whole = json.dumps({**record, "sha256": digest(state, text)}, sort_keys=True)
    with atomic(Path(path)) as temporary:  # one entry, because safetensors writes several in random order
        save_file(state, temporary, metadata={"clockodile": whole})


def read_record(path: Path) -> dict:
    """What a file of weights says of itself. Raises UserError for a missing, damaged or foreign file."""
    if not Path(path).is_file():
        raise UserError(f"there is no file {path}, which should hold trained weights")
    try:
        with safe_open(path, framework="pt") as file:
            return dict(json.loads(file.metadata()["clockodile"]))
    except PermissionError:
        raise UserError(f"{path} cannot be read (permission denied)") from None
    except (SafetensorError, OSError, KeyError, ValueError, TypeError):
        raise UserError(f"{path} is damaged or holds none of our weights; delete it and make it again") from None


def read_weights(path: Path) -> tuple[dict, dict[str, torch.Tensor]]:
    """What `write_weights` wrote: the record and the tensors. Raises UserError as `read_record` does, and for a file
    whose checksum is another's.
    """
    record = read_record(path)
    try:
        with safe_open(path, framework="pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError, KeyError, ValueError):
        raise UserError(f"{path} is damaged; delete it and make it again") from None
    if record.pop("sha256", None) != digest(state, json.dumps(record, sort_keys=True)):
        raise UserError(f"{path} is damaged or was edited; delete it and make it again")
    check_finite(path, state)
    return record, state


def read_checkpoint(path: Path, origin: str = "run folder") -> Checkpoint:
    """What `fit_or_load` wrote. Raises UserError for a missing, damaged or foreign file."""
    record, state = read_weights(path)
    if not record.keys() >= {"config", "metrics", "seconds"}:
        raise UserError(f"{path} holds no trained net; delete it and make it again")
    words = (record["metrics"], record["seconds"], origin, record["config"], record.get("data", ""))
    return Checkpoint(state, *words)


def checkpoint_if(path: Path, fits: Callable[[dict], bool], origin: str) -> Checkpoint | None:
    """The weights in `path` if their record `fits`, else None; a damaged file is named in a warning."""
    if not path.is_file():
        return None
    try:
        return read_checkpoint(path, origin) if fits(read_record(path)) else None
    except UserError as error:
        LOG.warning("%s", error)
        return None


def fit_or_load(
    name: str,
    config: Mapping,
    data_fingerprint: str,
    fit: Callable[[], tuple[dict, dict]],
    *,
    run_dir: Path,
    retrain: bool = False,
    accept_shipped_if: Mapping | None = None,
    shipped: Callable[[], Checkpoint | None] | None = None,
) -> Checkpoint:
    """Load the weights `name` trained with this configuration, code and data, or train and save them.

    name: path inside the run folder without suffix, such as "generators/flow".
    config: everything training depends on besides data and code (JSON types).
    fit: returns (state dict of tensors, metrics as JSON types); called only when nothing matches, or once in a run when
    `retrain`. For the code that counts see source_code.source_key.
    accept_shipped_if: what shipped weights must agree with if that is less than all of `config` and the data: they may
    have been trained longer than this profile would. They are looked for after the run folder, and copied into it for
    the command line. shipped: finds them in another file; they are not copied.
    """
    record = {"config": dict(config), "data": data_fingerprint, "source": source_key(fit)}
    path, key, stored = Path(run_dir) / f"{name}.safetensors", key_of(record), None
    if not retrain or (path, key) in _made_anew:
        stored = checkpoint_if(path, lambda found: found.get("key") == key, "run folder")
        if stored is not None:
            return stored

    def fits(found: dict) -> bool:  # whatever version of the code trained it
        same_data = accept_shipped_if is not None or found.get("data") == data_fingerprint
        return same_data and matches(found.get("config", {}), accept_shipped_if or config)

    if not retrain and shipped is not None:
        stored = shipped()
    elif not retrain:
        stored = checkpoint_if(shipped_weights() / path.name, fits, "shipped")
        if stored is not None:
            with atomic(path) as temporary:
                shutil.copyfile(shipped_weights() / path.name, temporary)
    if stored is not None:
        return stored
    start = time.perf_counter()
    state, metrics = fit()
    seconds = time.perf_counter() - start
    write_weights(path, state, {**record, "key": key, "metrics": metrics, "seconds": round(seconds, 2)})
    if retrain:
        _made_anew.add((path, key))
    state = {part: tensor.detach().cpu().contiguous() for part, tensor in state.items()}
    return Checkpoint(state, metrics, seconds, "trained", dict(config), data_fingerprint)
