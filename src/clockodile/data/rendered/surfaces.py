"""What makes a flat shape a thing: a grain, a hide, light on its edge and a shadow beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from clockodile.data.rendered.colours import HIDES, Colour, Generator, chance, jitter, pick
from clockodile.data.rendered.pen import Pen
from clockodile.data.rendered.shapes import TURN

SOFT_EDGE = 0.03  # of the side: how far shading reaches into a solid and its shadow out of it
LIGHT = (-0.01, -0.03)  # towards the lamp, in fractions of the side: above and a little to the left


def noise(rng: Generator, side: int, cells: Sequence[int], stretch: float = 1.0) -> np.ndarray:
    """Smooth noise float32 (side, side) in [0, 1], the mean of one layer for each number of `cells` a side.

    `stretch` > 1 draws the cells out sideways, as on water or planks.
    """
    total = np.zeros((side, side), dtype=np.float32)
    for n in cells:
        grid = rng.random((n, max(2, round(n / stretch))), dtype=np.float32)
        total += np.asarray(Image.fromarray(grid).resize((side, side), Image.Resampling.BILINEAR))
    total -= total.mean()
    return np.clip(0.5 + 0.25 * total / (total.std() + 1e-6), 0, 1)


def textured(rng: Generator, side: int, dark: Colour, light: Colour, cells, stretch=1.0) -> Image.Image:
    """A square of noise between two colours, made at half size: finer grain would not survive the camera."""
    shades = np.linspace(dark, light, 256).astype(np.uint8)
    half = shades[(noise(rng, side // 2, cells, stretch) * 255).astype(np.uint8)]
    return Image.fromarray(half).resize((side, side), Image.Resampling.NEAREST)


def hide(rng: Generator, side: int, tones=None, scale: float = 1.0) -> Image.Image:
    """Crocodile skin: blotches crossed by rows of scutes, which `scale` makes larger."""
    dark, light = tones or pick(rng, HIDES)
    fine = int(rng.integers(16, 30) / scale)
    cells = (4, max(4, fine), max(6, 2 * fine))
    skin = textured(rng, side, jitter(rng, dark, 10), jitter(rng, light, 14), cells)
    if chance(rng, 0.7):
        rows = np.sin(np.linspace(0, TURN * fine / 3, side) + rng.uniform(0, TURN))
        scutes = ((rows[:, None] * rows[None, :] > 0.25) * int(rng.integers(25, 80))).astype(np.uint8)
        skin.paste(dark, mask=Image.fromarray(scutes))
    return skin


def dimmed(mask: Image.Image, strength: float) -> Image.Image:
    """`mask` times `strength` in [0, 1]."""
    return Image.fromarray((np.asarray(mask) * np.float32(strength)).astype(np.uint8))


def new_mask(image: Image.Image) -> Image.Image:
    """An empty mask of the image's size."""
    return Image.new("L", image.size, 0)


def solid(image: Image.Image, mask: Image.Image, fill, *, light=LIGHT, relief=0.5, shadow=0.4) -> None:
    """Put `fill` (colour or image) where `mask` is, lit along its edge towards `light`, with a soft shadow.

    `light` is an offset in fractions of the side; `relief` and `shadow` are strengths in [0, 1].
    """
    side, bounds = image.width, mask.getbbox()
    if bounds is None:
        return
    dx, dy = round(light[0] * side), round(light[1] * side)
    margin = round(SOFT_EDGE * side) + max(abs(dx), abs(dy))  # so that nothing shifted wraps around
    box = (bounds[0] - margin, bounds[1] - margin, bounds[2] + margin, bounds[3] + margin)
    patch, mask = image.crop(box), mask.crop(box)
    soft = mask.filter(ImageFilter.BoxBlur(SOFT_EDGE * side))
    away = ImageChops.offset(soft, -dx, -dy)
    patch.paste((12, 12, 16), mask=dimmed(away, shadow))
    patch.paste(fill.crop(box) if isinstance(fill, Image.Image) else fill, mask=mask)
    patch.paste((250, 248, 235), mask=dimmed(ImageChops.subtract(mask, away), 0.7 * relief))
    patch.paste((8, 8, 10), mask=dimmed(ImageChops.subtract(mask, ImageChops.offset(soft, dx, dy)), relief))
    image.paste(patch, box[:2])


def solid_polygon(pen: Pen, points, fill, **how) -> None:
    """`solid` for one polygon in the pen's coordinates."""
    mask = new_mask(pen.image)
    pen.on(mask).polygon(points, 255)
    solid(pen.image, mask, fill, **how)
