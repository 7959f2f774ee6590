"""Headline numbers: each notebook records its own in metrics.json, and they end in the results table."""

import base64
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from filelock import FileLock

from clockodile.core.atomic_files import read_json, write_json
from clockodile.core.errors import UserError


def metric(name: str, values, *, unit: str = "", note: str = "") -> dict:
    """One row of the results table: mean, standard deviation and count of repeated measurements.

    values: one number, or one per seed or fold; unit: "%" means the values are fractions to be shown as percent.
    """
    values = np.atleast_1d(np.asarray(values, dtype=float))
    spread = float(values.std(ddof=1)) if len(values) > 1 else None
    return {"name": name, "mean": float(values.mean()), "std": spread, "n": len(values), "unit": unit, "note": note}


def read_metrics(run_dir: Path) -> dict[str, list[dict]]:
    """Notebook -> its rows; {} when nothing was recorded yet. Raises UserError for another program's metrics.json."""
    path = Path(run_dir) / "metrics.json"
    if not path.exists():
        return {}
    content, parts = read_json(path), metric("", 0)
    groups = [None] if content is None else list(content.values())
    if not all(
        isinstance(rows, list) and all(isinstance(row, dict) and parts.keys() <= row.keys() for row in rows)
        for rows in groups
    ):
        raise UserError(f"{path} was not written by clockodile; move it away or give another --out")
    return content


def record_metrics(run_dir: Path, notebook: str, rows: list[dict]) -> None:
    """Replace the rows of one notebook ("01".."04") in metrics.json. Safe when notebooks finish at the same time.

    Raises UserError, and writes nothing, when another program's metrics.json lies there.
    """
    path = Path(run_dir) / "metrics.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(".metrics.lock")):
        write_json(path, {**read_metrics(run_dir), notebook: rows})


def add_metrics(run_dir: Path, notebook: str, rows: list[dict]) -> None:
    """Put rows after those that a notebook has recorded; of the same name, the new one stays. Raises as above."""
    names = {row["name"] for row in rows}
    before = [row for row in read_metrics(run_dir).get(notebook, []) if row["name"] not in names]
    record_metrics(run_dir, notebook, before + rows)


def format_metric(row: Mapping) -> str:
    """'86.4 +/- 2.1 %' for a row of `metric`; no more digits than the spread supports."""
    scale = 100 if row["unit"] == "%" else 1
    mean, spread = row["mean"] * scale, row["std"]
    if spread is None:
        text = f"{mean:.1f}" if scale == 100 else f"{mean:.0f}" if float(mean).is_integer() else f"{mean:.3g}"
    else:
        digits = 1 if scale == 100 else max(0, 1 - int(np.floor(np.log10(spread)))) if spread > 0 else 2
        text = f"{mean:.{digits}f} +/- {spread * scale:.{digits}f}"
    return f"{text} {row['unit']}".strip()


def data_uri(content: bytes, kind: str) -> str:
    """The picture itself as an address; kind: its media type, such as image/png."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
