"""What a frozen network sees, for tests that must not wait for one."""

from collections.abc import Sequence

import numpy as np


def plain_features(images: np.ndarray) -> np.ndarray:
    """How bright, coloured and rough pictures are, instead of a network's features, twice as of two sizes: (N, 18).

    images: uint8 (N, S, S, 3).
    """
    grey = images.astype(np.float32).mean(3)
    steps = [np.abs(np.diff(grey, axis=axis, n=times)).mean((1, 2)) for axis in (1, 2) for times in (1, 2)]
    colours = images.astype(np.float32).mean((1, 2)).T
    once = np.stack([grey.mean((1, 2)), grey.std((1, 2)), *steps, *colours], 1)
    return np.concatenate([once, once], 1) / 64


def plain_maps(images: np.ndarray, network: str = "", sides: Sequence[int] = (1, 2)) -> list[np.ndarray]:
    """The same as feature maps of a single place: (N, 9, 1, 1) for each size; to every network."""
    return np.split(plain_features(images)[:, :, None, None], 2, axis=1)[: len(sides)]
