"""The report of a run: one HTML file that opens offline, made from whatever lies in the run folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import jinja2
from markupsafe import Markup

import clockodile
from clockodile.app.notebook_html import image, notebook_cells, notebook_title
from clockodile.core.atomic_files import atomic, read_json
from clockodile.core.recipes import RECIPES
from clockodile.core.results import format_metric

MANY_NOTES = 8  # refused files; a longer list is folded up
SPLITS = ("train", "test", "background", "hybrid")  # the order in which a reader meets them
CLOCK_STEP = 2  # seconds; a file system's clock may lag behind the processor's by that much


@dataclass(frozen=True)
class Figure:
    """One picture of the run, in the page itself."""

    title: str
    alt: str
    image: Markup  # <img> with the picture in it


@dataclass(frozen=True)
class Section:
    """What one notebook left behind."""

    number: str  # "01"
    name: str  # "01_data"
    title: str
    rows: list[dict] = field(default_factory=list)  # of the results table, each with `value` as text
    figures: list[Figure] = field(default_factory=list)
    cells: list[Markup] = field(default_factory=list)  # the executed notebook
    warnings: list[str] = field(default_factory=list)  # sentences: not finished, other settings


def write_report(run_dir: Path) -> Path:
    """Write `report.html` into the run folder from what is there, and return its path.

    Missing parts are left out.
    """
    run_dir = Path(run_dir)
    page = template().render(**gather(run_dir))
    path = run_dir / "report.html"
    with atomic(path) as temporary:
        temporary.write_text(page, "utf-8")
    return path


def template() -> jinja2.Template:
    """The page, with automatic escaping: names of a user's files and classes are never markup."""
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string((resources.files("clockodile.app") / "report.html.j2").read_text("utf-8"))


def gather(run_dir: Path) -> dict:
    """Everything the template shows."""
    run = read_json(run_dir / "run.json") or {}
    card = read_json(run_dir / "data_card.json") or {}
    settings = run.get("settings", {})
    recipe = RECIPES.get(settings.get("recipe", ""))
    return {
        "title": run.get("title") or (recipe.title if recipe else "Clocks or crocodiles?"),
        "settings": settings,
        "version": run.get("version", clockodile.__version__),
        "card": card,
        "counts": counts_table(card.get("counts", {})),
        "many_notes": MANY_NOTES,
        "sections": sections(run_dir, run),
    }


# --- parts -------------------------------------------------------------------------------------------------


def results(run_dir: Path) -> dict[str, list[dict]]:
    """The results table: notebook number -> rows of metrics.json, each with its `value` as text, in order."""
    content = read_json(Path(run_dir) / "metrics.json") or {}
    return {
        number: [{**row, "value": format_metric(row)} for row in content[number]]
        for number in sorted(content)
        if content[number]
    }


def sections(run_dir: Path, run: Mapping) -> list[Section]:
    """One section for each notebook that left anything, in order."""
    rows = results(run_dir)
    noted = run.get("notebooks", {})
    copies = {path.stem[:2]: path for path in sorted((run_dir / "executed").glob("[0-9][0-9]_*.ipynb"))}
    copies = {number: path for number, path in copies.items() if not path.stem.endswith(".failed")}
    figures = find_figures(run_dir, noted)
    found = []
    for number in sorted({*rows, *noted, *copies, *figures}):
        copy, entry = copies.get(number), noted.get(number, {})
        name = entry.get("name") or (copy.stem if copy else number)
        title, cells = read_copy(copy, name)
        warnings = doubts(entry, run.get("settings", {}))
        found.append(
            Section(number, name, title, rows.get(number, []), figures.get(number, []), cells, warnings)
        )
    return found


def read_copy(copy: Path | None, name: str) -> tuple[str, list[Markup]]:
    """Title and cells of an executed notebook; a plain title and no cells when it cannot be read."""
    try:
        if copy is not None:
            return notebook_title(copy), notebook_cells(copy)
    except (OSError, ValueError):
        pass
    return name[3:].replace("_", " ").capitalize() or f"Notebook {name}", []


def doubts(entry: Mapping, settings: Mapping) -> list[str]:
    """Why a section may not belong to the rest of the report; [] when it does."""
    found = []
    if entry.get("status", "done") != "done":
        found.append(
            "This notebook did not run to its end the last time; what stands here is incomplete or older."
        )
    own = entry.get("settings", settings)
    differing = [
        f"{name} {'none' if own.get(name) in (None, '') else own[name]}"
        for name in settings
        if own.get(name) != settings[name]
    ]
    if differing:
        found.append(f"Made by an earlier run in this folder with other settings: {', '.join(differing)}.")
    return found


def find_figures(run_dir: Path, noted: Mapping) -> dict[str, list[Figure]]:
    """Notebook number -> its figures in order.

    A figure older than its notebook's last start is another run's.
    """
    found: dict[str, list[tuple]] = {}
    for path in sorted((run_dir / "figures").glob("*.png")):
        described = read_json(path.with_suffix(".json")) or {}
        number = str(described.get("notebook", ""))
        if path.stat().st_mtime < noted.get(number, {}).get("started", 0) - CLOCK_STEP:
            continue
        try:
            shown = Markup(image(path.read_bytes(), "image/png", described.get("alt", "")))
        except ValueError:
            continue
        figure = Figure(
            described.get("title") or path.stem.replace("_", " "), described.get("alt", ""), shown
        )
        found.setdefault(number, []).append((described.get("order", 0), path.name, figure))
    return {
        number: [entry[2] for entry in sorted(entries, key=lambda e: e[:2])]
        for number, entries in found.items()
    }


def counts_table(counts: Mapping) -> tuple[list[str], list[list]]:
    """Header and rows of the image counts {split: {class: n}} or {split: n}: a row a split, the total last."""
    order = [split for split in SPLITS if split in counts] + [
        split for split in counts if split not in SPLITS
    ]
    classes = list(
        dict.fromkeys(name for value in counts.values() if isinstance(value, Mapping) for name in value)
    )
    rows = []
    for split in order:
        value = counts[split] if isinstance(counts[split], Mapping) else {}
        total = sum(value.values()) if value else counts[split]
        rows.append([split, *(value.get(name, "") for name in classes), total])
    return ["", *classes, "together" if classes else "images"], rows


# --- the same table as text --------------------------------------------------------------------------------


def results_text(run_dir: Path, names: Mapping[str, str] | None = None) -> str:
    """The results table for a terminal: aligned columns, a heading for each notebook.

    "" when there are no results.
    """
    rows = results(run_dir)
    names = names or {number: entry.get("name", number) for number, entry in notebooks_of(run_dir).items()}
    flat = [row for group in rows.values() for row in group]
    wide = max((len(row["name"]) for row in flat), default=0)
    value = max((len(row["value"]) for row in flat), default=0)
    lines = []
    earlier = other_settings(run_dir)
    for number, group in rows.items():
        lines.append(
            names.get(number, number) + (" (an earlier run, other settings)" if number in earlier else "")
        )
        for row in group:
            repeats = f"n={row['n']}" if row["n"] > 1 else ""
            lines.append(
                f"  {row['name']:<{wide}}  {row['value']:<{value}}  {repeats:<5} {row['note']}".rstrip()
            )
    return "\n".join(lines)


def other_settings(run_dir: Path) -> set[str]:
    """Numbers of notebooks whose results come from an earlier run with another seed, profile or data folder."""
    current = (read_json(run_dir / "run.json") or {}).get("settings", {})
    return {
        number for number, entry in notebooks_of(run_dir).items() if entry.get("settings", current) != current
    }


def results_markdown(run_dir: Path) -> str:
    """The results table for README.md."""
    lines = ["| notebook | measured | value | repeats |", "|---|---|---|---|"]
    for number, group in results(run_dir).items():
        for row in group:
            name = f"{row['name']} ({row['note']})" if row["note"] else row["name"]
            cells = (number, name, row["value"].replace("+/-", "±"), row["n"])
            lines.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def notebooks_of(run_dir: Path) -> dict:
    """What run.json says of each notebook that ran in this folder."""
    return (read_json(Path(run_dir) / "run.json") or {}).get("notebooks", {})
