"""What a run tells while it goes: nothing (Progress), or a line for each notebook on stdout (Teller)."""

from __future__ import annotations

import sys

from clockodile.core.atomic_files import read_json
from clockodile.core.workspace import Run


class Progress:
    """Called by `run_notebooks` as it goes; this one says nothing. An exception raised in it ends the run."""

    def started(self, number: int, total: int, name: str) -> None:
        """Notebook `name`, the `number`-th of `total`, starts."""

    def finished(self, number: int, total: int, name: str, seconds: float) -> None:
        """It ran to its end."""

    def failed(self, number: int, total: int, name: str, seconds: float) -> None:
        """It did not."""


class ProgressPrinter(Progress):
    """Prints a heading, a line for each notebook and, after the first, where the images came from."""

    def __init__(self, run: Run, recipe_why: str = ""):
        """recipe_why: why this recipe was taken when the user named none."""
        self.run, self.recipe_why = run, recipe_why
        self.headed = self.data_told = False
        self.terminal = sys.stdout.isatty()

    def started(self, number: int, total: int, name: str) -> None:
        """The heading comes with the first notebook, so that a mistake before it stays one line.

        On a terminal a notebook's line begins at once; elsewhere it is printed whole at the end.
        """
        if not self.headed:
            self.heading()
        if self.terminal:
            print(label(number, total, name), end="", flush=True)

    def finished(self, number: int, total: int, name: str, seconds: float) -> None:
        """Duration, and after the first notebook the source of the images."""
        self.ended(number, total, name, duration(seconds))
        if not self.data_told:
            self.tell_data()

    def failed(self, number: int, total: int, name: str, seconds: float) -> None:
        """Duration until it failed; the reason goes to stderr."""
        self.ended(number, total, name, f"stopped after {duration(seconds).strip()}")

    def ended(self, number: int, total: int, name: str, text: str) -> None:
        """The rest of a notebook's line, or all of it."""
        print(text if self.terminal else label(number, total, name) + text, flush=True)

    def heading(self) -> None:
        """Recipe, profile, seed and folder."""
        why = f" ({self.recipe_why})" if self.recipe_why else ""
        print(f"recipe   {self.run.recipe.name}{why}")
        print(f"profile  {self.run.profile.name}, seed {self.run.seed}")
        print(f"folder   {self.run.dir}", flush=True)
        self.headed = True

    def tell_data(self) -> None:
        """The source of the images and why it was taken; loudly when they are not photographs."""
        card = read_json(self.run.dir / "data_card.json") or {}
        source = card.get("source")
        if not source:
            return
        print(f"images   {source['kind']}" + ("" if source.get("stamp") else f": {source['why']}"))
        if source.get("stamp"):
            print(f"NOTE: {source['stamp']} images, not photographs: {source['why']}")
        for warning in card.get("warnings", ()):
            print(f"NOTE: {warning}")
        sys.stdout.flush()
        self.data_told = True


def label(number: int, total: int, name: str) -> str:
    """How a notebook's line begins."""
    return f"[{number}/{total}] {name:<18} "


def duration(seconds: float) -> str:
    """ "38 s" or "12 min 05 s"."""
    whole = round(seconds)
    return f"{whole:3d} s" if whole < 60 else f"{whole // 60:3d} min {whole % 60:02d} s"
