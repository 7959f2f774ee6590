"""A judge for tests: quick features instead of a network's."""

import numpy as np
import pytest

from clockodile import artifacts
from clockodile.ambiguous import judging


@pytest.fixture
def plain_features(monkeypatch, tmp_path):
    """How rough the pictures are in each direction instead of features of a network; no shipped weights."""
    asked = []

    def features_of(images, network):
        asked.append(len(images))
        grey = images.astype(np.float32).mean(3)
        steps = [
            np.abs(np.diff(grey, axis=axis, n=times)).mean((1, 2)) for axis in (1, 2) for times in (1, 2)
        ]
        return np.stack([grey.mean((1, 2)), grey.std((1, 2)), *steps], 1)

    monkeypatch.setattr(judging, "features_of", features_of)
    monkeypatch.setattr(artifacts, "shipped_weights", lambda: tmp_path / "none")
    return asked
