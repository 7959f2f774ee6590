"""A judge for tests: quick features instead of a network's."""

import plain_features as plain
import pytest

from clockodile import artifacts
from clockodile.ambiguous import judging


@pytest.fixture
def plain_features(monkeypatch, tmp_path):
    """How rough the pictures are in each direction instead of features of a network; no shipped weights."""
    asked = []

    def features_of(images, network):
        asked.append(len(images))
        return plain.plain_features(images)

    monkeypatch.setattr(judging, "features_of", features_of)
    monkeypatch.setattr(artifacts, "shipped_weights", lambda: tmp_path / "none")
    return asked
