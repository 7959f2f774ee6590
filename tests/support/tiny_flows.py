"""A flow, guides and a chooser that train in a second, and a run in which they have."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from made_photos import striped_dataset, write_photos
from plain_features import plain_features

from clockodile.ambiguous import judge
from clockodile.core.workspace import Run, open_run
from clockodile.hybrids import guidance
from clockodile.hybrids.generators import flow, flow_of_run
from clockodile.hybrids.generators.flow import FlowConfig
from clockodile.hybrids.mixing import fit_hybrid_sampler
from clockodile.learn.training import TrainConfig

TINY_FLOW = FlowConfig(steps=4, batch=8, widths=(8, 16), depth=1)
TINY_GUIDES = TrainConfig(epochs=1)


def use_tiny_plans(monkeypatch) -> None:
    """Both profiles train these, from nothing; networks see what is plain to see."""
    monkeypatch.setattr(judge, "features_of", plain_features)
    monkeypatch.setattr(flow_of_run, "package_flow", lambda photographs, classes: None)
    monkeypatch.setattr(flow_of_run, "configs_of", lambda profile, *, finetune: (TINY_FLOW,))
    monkeypatch.setattr(guidance, "config_of", lambda profile: TINY_GUIDES)


@contextmanager
def calls_counted(module, name: str, *, most: int | None = None) -> Iterator[list]:
    """Yields a list that grows by one with each call of a module's function; Ctrl-C instead of more than `most`."""
    real, done = getattr(module, name), []

    def call(*words):
        if len(done) == most:
            raise KeyboardInterrupt
        done.append(1)
        return real(*words)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, name, call)
        yield done


def steps_counted(*, most: int | None = None):
    """The same for the steps of a flow's training."""
    return calls_counted(flow, "flow_step", most=most)


def trained_run(place: Path) -> Run:
    """A run on photos written to `place`, with a flow, its guides and its chooser."""
    run = open_run(recipe="folder", data_dir=str(write_photos(place / "photos")), run_dir=str(place / "run"))
    with pytest.MonkeyPatch.context() as patch:
        use_tiny_plans(patch)
        data = striped_dataset()
        fit_hybrid_sampler(run, data)
    return run
