"""A flow that trains in a second, and a run in which it has."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from plain_features import plain_maps

from clockodile.ambiguous import judge
from clockodile.core import store
from clockodile.hybrids.generators import flow_of_run
from clockodile.hybrids.generators.flow_of_run import SEEN
from clockodile.hybrids.generators.flow_training import FlowConfig
from clockodile.hybrids.generators.unet import UNet

TINY_FLOW = FlowConfig(pictures=16, batch=8, warm_up=1, finish=16, focus=0.8)
KNOWS = ("boat", "house", "tree")  # classes of the tiny package


def small_unet(**options) -> UNet:
    """A net of few numbers instead of the usual one; another each time its seed differs."""
    return UNet(**{"widths": (12, 48), "depths": (1, 1), "cond": 24} | options)


def trained(net: torch.nn.Module, *, seed: int = 0) -> torch.nn.Module:
    """The same net with numbers everywhere: an untrained one says nothing."""
    draw = torch.Generator().manual_seed(seed)
    for part in net.parameters():
        part.data = 0.2 * torch.randn(part.shape, generator=draw)
    return net.eval()


def tiny_package(classes: tuple[str, ...] = KNOWS, **config) -> store.Checkpoint:
    """What comes with the package, but small: it has learned from nothing."""
    state = {name: part.half() for name, part in trained(small_unet(classes=len(classes))).state_dict().items()}
    state[SEEN] = torch.zeros(0, dtype=torch.int64)
    about = {"classes": list(classes), "image_size": 32}
    return store.Checkpoint(state, about, 0.0, "shipped", config)


def use_tiny_plans(monkeypatch) -> None:
    """Both profiles train a small flow for two steps; networks see what is plain to see."""
    monkeypatch.setattr(judge, "maps_of", plain_maps)
    monkeypatch.setattr(flow_of_run, "UNet", small_unet)
    monkeypatch.setattr(flow_of_run, "package_flow", tiny_package)
    monkeypatch.setattr(flow_of_run, "config_of", lambda profile: TINY_FLOW)


@contextmanager
def calls_counted(place, name: str, *, most: int | None = None) -> Iterator[list]:
    """Yields a list that grows by one with each call of a module's or class's function; Ctrl-C instead of more."""
    real, done = getattr(place, name), []

    def call(*words, **options):
        if len(done) == most:
            raise KeyboardInterrupt
        done.append(1)
        return real(*words, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, name, call)
        yield done
