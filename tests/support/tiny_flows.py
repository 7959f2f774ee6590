"""A flow and guides that train in a second, and a run in which they have."""

from pathlib import Path

import pytest
from made_photos import striped_dataset, write_photos

from clockodile.classify.training import Plan
from clockodile.hybrids import generator, guides, practice
from clockodile.hybrids.flow import FlowPlan
from clockodile.hybrids.mixing import fit_composer
from clockodile.workspace import open_run

TINY_FLOW = FlowPlan(steps=4, batch=8, widths=(8, 16), depth=1)
TINY_GUIDES = Plan(epochs=1)
TINY_PRACTICE = practice.Practice(
    drawn=(5, 4), kept=3, plan=FlowPlan(steps=2, batch=8, others=0.15, both=0.45), steps=2
)


def use_tiny_plans(monkeypatch) -> None:
    """Both profiles train these, from nothing."""
    monkeypatch.setattr(generator, "package_flow", lambda known, classes: None)
    for profile in ("quick", "full"):
        monkeypatch.setitem(generator.PLANS, profile, (TINY_FLOW,))
        monkeypatch.setitem(guides.PLANS, profile, TINY_GUIDES)
        monkeypatch.setitem(practice.PRACTICES, profile, TINY_PRACTICE)


def practised_run(place: Path) -> tuple:
    """A run on photos written to `place`; its data, its flow with guides, and what that learned by practice."""
    run = open_run(recipe="folder", data_dir=str(write_photos(place / "photos")), run_dir=str(place / "run"))
    with pytest.MonkeyPatch.context() as patch:
        use_tiny_plans(patch)
        data = striped_dataset()
        mixer = fit_composer(run, data)
        return run, data, mixer, practice.fit_practice(run, data, mixer)
