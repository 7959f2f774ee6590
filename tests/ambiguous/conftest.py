"""A judge for tests: quick features instead of a network's."""

import plain_features as plain
import pytest

from clockodile.ambiguous import judge
from clockodile.core import store


@pytest.fixture
def plain_features(monkeypatch, tmp_path):
    """How rough the pictures are in each direction instead of features of a network; no shipped weights."""
    asked = []

    def maps_of(images, network, sides):
        asked.append(len(images))
        return plain.plain_maps(images, network, sides)

    monkeypatch.setattr(judge, "maps_of", maps_of)
    monkeypatch.setattr(judge, "MOST_BOTH", 1)  # so plain features do not keep stripes and dots apart
    monkeypatch.setattr(store, "shipped_weights", lambda: tmp_path / "none")
    return asked
