"""Where a subject stands: surfaces, a horizon, things lying about, and how far away the camera is."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageOps

from clockodile.data.rendered.colours import HIDES, Generator, any_colour, chance, jitter, mix, pick
from clockodile.data.rendered.pen import Pen
from clockodile.data.rendered.shapes import CIRCLE, STATIONS, TURN, ribbon, superellipse, wavy_spine
from clockodile.data.rendered.surfaces import solid_polygon, textured

# name: dark tone, light tone, noise cells a side, sideways stretch
SURFACES = {
    "white": ((236, 236, 238), (255, 255, 255), (2,), 1),
    "wall": ((150, 145, 135), (215, 208, 196), (2, 4), 1),
    "paint": ((60, 90, 130), (120, 150, 190), (2, 3), 1),
    "night": ((4, 4, 8), (40, 40, 46), (3, 8), 1),
    "wood": ((84, 48, 22), (172, 118, 66), (14, 40), 7),
    "sky": ((92, 140, 205), (205, 225, 245), (3, 6), 2),
    "grass": ((38, 66, 22), (140, 160, 72), (6, 48, 64), 0.7),
    "leaves": ((10, 24, 8), (92, 128, 50), (8, 26), 1),
    "sand": ((150, 116, 74), (222, 192, 142), (4, 40, 64), 1),
    "mud": ((54, 40, 26), (140, 112, 80), (5, 22, 60), 1.5),
    "rock": ((70, 68, 66), (176, 172, 164), (4, 12, 36), 1),
    "river": ((44, 62, 40), (120, 132, 86), (7, 22), 4),
    "lake": ((20, 56, 78), (104, 150, 170), (7, 26), 4),
    "brown water": ((70, 58, 34), (158, 138, 92), (6, 20), 4),
}
INDOORS = ("white", "white", "white", "wall", "wall", "paint", "night", "wood", "wood", "sky")
OUTDOORS = ("grass", "grass", "leaves", "sand", "sand", "mud", "mud", "rock", "river", "lake", "brown water")
WATERS = ("river", "lake", "brown water")
ANYWHERE = tuple(SURFACES)
SHARED = 0.36  # share of scenes from all surfaces, so that the background alone does not give the class away


def surface(rng: Generator, side: int, name: str) -> Image.Image:
    """A square of one surface, its colours moved a little and its grain more or less out of focus."""
    dark, light, cells, stretch = SURFACES[name]
    amount = 4 if name == "white" else 18
    if name == "paint":
        dark = any_colour(rng)
        light = mix(dark, (255, 255, 255), 0.3)
    dark, light = jitter(rng, dark, amount), jitter(rng, light, amount)
    flat = rng.uniform(0, 0.35)
    return textured(rng, side, mix(dark, light, flat), mix(light, dark, flat), cells, stretch)


def horizon(rng: Generator, side: int, height: float, wave: float = 0.02) -> Image.Image:
    """A mask of everything below a wavy line at `height` (a fraction of the side from the top)."""
    x = np.linspace(0, 1, 24)
    swell = np.sin(TURN * (x * rng.uniform(0.5, 3) + rng.random()))
    y = height + wave * swell + rng.normal(0, wave / 4, 24)
    mask = Image.new("L", (side, side), 0)
    points = np.concatenate([np.stack([x, y], axis=1), [[1, 1.1], [0, 1.1]]])
    Pen(mask, 0, 0, 1).polygon(points, 255)
    return mask


def blade(pen: Pen, rng: Generator, colour) -> None:
    """A long bent leaf or stick rising from the pen's origin."""
    lean = rng.normal(0, 0.5)
    spine = np.stack([lean * STATIONS**2, -STATIONS * rng.uniform(0.5, 1.3)], axis=1)
    pen.polygon(ribbon(spine, rng.uniform(0.03, 0.08) * np.sin(np.pi * STATIONS) + 0.01), colour)


def add_plants(rng: Generator, canvas: Image.Image) -> None:
    """A tuft of green or dry leaves at one edge."""
    dark, light = pick(rng, (((30, 60, 20), (110, 150, 60)), ((90, 70, 30), (190, 160, 90)), *HIDES[:2]))
    x = rng.uniform(0, 1)
    for _ in range(int(rng.integers(2, 7))):
        pen = Pen(canvas, x + rng.normal(0, 0.12), rng.uniform(0.85, 1.1), rng.uniform(0.3, 0.7))
        blade(pen, rng, mix(dark, light, rng.random()))


def add_stones(rng: Generator, canvas: Image.Image) -> None:
    """One to three round stones, or balls for all one can tell."""
    for _ in range(int(rng.integers(1, 4))):
        radius, squash = rng.uniform(0.06, 0.2), rng.uniform(0.8, 1.3)
        pen = Pen(canvas, rng.uniform(0, 1), rng.uniform(0.1, 1), radius, squash=squash)
        solid_polygon(pen, CIRCLE, jitter(rng, pick(rng, pick(rng, HIDES)), 20))


def add_log(rng: Generator, canvas: Image.Image) -> None:
    """A branch or a snake of shade across the picture."""
    pen = Pen(canvas, rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0.3, 0.6), angle=rng.normal(0, 0.6))
    width = np.full(len(STATIONS), rng.uniform(0.05, 0.18))
    outline = ribbon(wavy_spine(rng, 0.3), width)
    solid_polygon(pen, outline, jitter(rng, pick(rng, pick(rng, HIDES)), 15), shadow=0.25)


def add_box(rng: Generator, canvas: Image.Image) -> None:
    """A plain box: furniture, a sign, a wall seen past the subject."""
    pen = Pen(canvas, rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0.1, 0.35), angle=rng.normal(0, 0.2))
    solid_polygon(pen, superellipse(30) * (1, rng.uniform(0.4, 1.6)), any_colour(rng))


CLUTTER = (add_plants, add_stones, add_log, add_box)


def scene(rng: Generator, side: int, surfaces: tuple[str, ...], clutter: float = 0.35) -> Image.Image:
    """A background mostly from `surfaces`, plain or with a horizon, sometimes with things lying about."""
    names = tuple(SURFACES) if chance(rng, SHARED) else surfaces
    canvas = surface(rng, side, pick(rng, names))
    if chance(rng, 0.4):
        canvas.paste(surface(rng, side, pick(rng, names)), mask=horizon(rng, side, rng.uniform(0.2, 0.85)))
    while chance(rng, clutter):
        pick(rng, CLUTTER)(rng, canvas)
    return canvas


def frame(rng: Generator, canvas: Image.Image, scale: float, *, tilt=0.12, squash=1.0) -> Pen:
    """A pen near the middle of the canvas; one time in seven the subject is too close or off the edge."""
    x, y = rng.normal(0.5, 0.05, 2)
    if chance(rng, 0.15):
        x, y = rng.uniform(0.15, 0.85, 2)
        scale *= rng.uniform(0.8, 1.7)
    scale *= rng.uniform(0.75, 1.12)
    return Pen(canvas, x, y, scale, angle=rng.normal(0, tilt), squash=squash)


def seen_from(rng: Generator) -> float:
    """How narrow a dial looks: usually round, sometimes seen from the side."""
    return rng.uniform(0.5, 0.9) if chance(rng, 0.35) else 1.0


def either_way(rng: Generator, canvas: Image.Image) -> Image.Image:
    """The canvas or its mirror image, so that animals face left and right."""
    return ImageOps.mirror(canvas) if chance(rng, 0.5) else canvas
