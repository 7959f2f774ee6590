"""Tests of a score whose answer is known beforehand: pictures of nothing, and labels that were exchanged on purpose."""

import numpy as np


def shapeless_pictures(size: int, *, count: int, seed: int) -> dict[str, np.ndarray]:
    """Pictures of nothing: uint8 (count, size, size, 3) of noise, of plain colours, and of stripes."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    plain = np.broadcast_to(rng.integers(0, 256, (count, 1, 1, 3), dtype=np.uint8), noise.shape).copy()
    angle = rng.uniform(0, np.pi, (count, 1, 1))
    width = rng.uniform(3, size / 2, (count, 1, 1))  # in pixels
    y, x = np.mgrid[:size, :size]
    wave = (np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / width) > 0)[..., None]
    colours = rng.integers(0, 256, (2, count, 1, 1, 3), dtype=np.uint8)
    return {"noise": noise, "plain colours": plain, "stripes": np.where(wave, *colours)}


def exchange_labels(labels: np.ndarray, share: float, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels with a share (0..1) of them changed to another class at random, and which: int (N,), bool (N,)."""
    rng, classes = np.random.default_rng(seed), labels.max() + 1
    chosen = np.zeros(len(labels), bool)
    chosen[rng.choice(len(labels), max(1, round(share * len(labels))), replace=False)] = True
    shift = rng.integers(1, classes, len(labels))
    return np.where(chosen, (labels + shift) % classes, labels), chosen
