"""The camera: a canvas four times too large becomes what a small sensor would have seen."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from clockodile.data.rendered.colours import LUMA, Generator, chance, pick
from clockodile.data.rendered.shapes import TURN

SUPERSAMPLE = 4  # canvas pixels a side for each final pixel; fewer leaves jagged hands and teeth


def light_field(rng: Generator, size: int) -> np.ndarray:
    """Brightness factors float32 (size, size, 1): a slope in some direction times darker corners."""
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j].astype(np.float32)
    angle = rng.uniform(0, TURN)
    slope = 1 + rng.uniform(0, 0.25) * (np.cos(angle) * x + np.sin(angle) * y)
    corners = 1 - max(0, rng.uniform(-0.1, 0.2)) * (x**2 + y**2)
    return (slope * corners)[..., None]


def soften_colour(pixels: np.ndarray) -> np.ndarray:
    """Average the colour but not the brightness of neighbours, as JPEG does; float (S, S, 3) in and out."""
    grey = (pixels @ LUMA)[..., None]
    padded = np.pad(pixels - grey, ((1, 1), (1, 1), (0, 0)), mode="edge")
    rows = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    return grey + (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 16


def photograph(rng: Generator, image: Image.Image, size: int) -> np.ndarray:
    """What a small camera makes of the canvas: uint8 (size, size, 3), blurred, tinted, shaded and noisy."""
    if chance(rng, 0.6):
        image = image.filter(ImageFilter.BoxBlur(SUPERSAMPLE * rng.uniform(0.1, 0.7)))
    reduced = image.resize((size, size), pick(rng, (Image.Resampling.BOX, Image.Resampling.LANCZOS)))
    pixels = np.asarray(reduced, dtype=np.float32) / 255
    pixels = pixels ** np.float32(rng.uniform(0.75, 1.35)) * light_field(rng, size)
    grey = (pixels @ LUMA)[..., None]
    colourful = 0.0 if chance(rng, 0.05) else rng.uniform(0.45, 1.15)
    pixels = (grey + colourful * (pixels - grey)) * rng.normal(1, 0.06, 3)
    middle = pixels.mean()
    pixels = middle + rng.uniform(0.8, 1.4) * (pixels - middle) + rng.normal(0.02, 0.05)
    pixels = soften_colour(pixels.astype(np.float32))
    grain = rng.standard_normal((size, size, 1), dtype=np.float32)
    pixels += rng.uniform(0.002, 0.014) * (grain + 0.3 * rng.standard_normal(pixels.shape, dtype=np.float32))
    return (np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8)
