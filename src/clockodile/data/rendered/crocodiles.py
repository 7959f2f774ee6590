"""Kinds of crocodile: functions `(rng, side) -> canvas`; one listed twice is drawn twice as often."""

from __future__ import annotations

from PIL import Image, ImageOps

from clockodile.data.rendered.colours import Generator, chance, pick
from clockodile.data.rendered.crocodile_parts import (
    crocodile_above,
    crocodile_head,
    crocodile_side,
    lie,
    open_mouth,
)
from clockodile.data.rendered.pen import Pen
from clockodile.data.rendered.scenes import OUTDOORS, WATERS, frame, horizon, scene, surface
from clockodile.data.rendered.shapes import CIRCLE, TURN, both_sides, superellipse, wavy_spine
from clockodile.data.rendered.surfaces import hide, solid_polygon


def basking(rng: Generator, side: int) -> Image.Image:
    """The whole animal from the side."""
    canvas = scene(rng, side, OUTDOORS)
    pen = frame(rng, canvas, 0.58, tilt=0.2, squash=rng.uniform(0.85, 1.05))
    crocodile_side(pen, rng, hide(rng, side), rng.uniform(0.9, 1.35), **lie(rng))
    return canvas


def from_above(rng: Generator, side: int) -> Image.Image:
    """The whole animal from above, bent."""
    canvas = scene(rng, side, OUTDOORS)
    pen = frame(rng, canvas, 0.54, tilt=2)
    crocodile_above(pen, rng, hide(rng, side), wavy_spine(rng), rng.uniform(1.1, 1.6), **lie(rng))
    return canvas


def foreshortened(rng: Generator, side: int) -> Image.Image:
    """Coming towards us or walking away: short, broad, some of it outside the picture."""
    canvas = scene(rng, side, OUTDOORS)
    pen = Pen(canvas, *rng.normal(0.5, 0.12, 2), rng.uniform(0.55, 0.9), angle=rng.uniform(0, TURN))
    skin, spine = hide(rng, side, scale=1.5), 0.8 * wavy_spine(rng, 0.4)
    crocodile_above(pen, rng, skin, spine, rng.uniform(1.3, 1.9), **lie(rng))
    return canvas


def jaws(rng: Generator, side: int) -> Image.Image:
    """A head from the side with the mouth open, in or out of water."""
    canvas = scene(rng, side, OUTDOORS)
    pen = Pen(canvas, *rng.normal((0.62, 0.55), 0.07), rng.uniform(0.32, 0.55), angle=rng.normal(0.1, 0.3))
    skin, gape, tilt = hide(rng, side, scale=1.3), rng.uniform(0.3, 1.2), rng.uniform(0.4, 0.9)
    crocodile_head(pen, rng, skin, gape, tilt=tilt, **lie(rng))
    return canvas


def portrait(rng: Generator, side: int) -> Image.Image:
    """A head from the side with the mouth shut."""
    canvas = scene(rng, side, OUTDOORS)
    pen = Pen(canvas, *rng.normal((0.62, 0.52), 0.07), rng.uniform(0.35, 0.65), angle=rng.normal(0, 0.25))
    crocodile_head(pen, rng, hide(rng, side, scale=1.4), rng.uniform(0, 0.14), **lie(rng))
    return canvas


def facing(rng: Generator, side: int) -> Image.Image:
    """Head on: a flat skull with two eyes on top, and a long snout or an open mouth towards us."""
    canvas = scene(rng, side, OUTDOORS)
    pen = frame(rng, canvas, 0.46, tilt=0.3, squash=rng.uniform(0.75, 1))
    skin, how = hide(rng, side, scale=1.4), lie(rng)
    solid_polygon(pen, superellipse(2.6) * (1.3, 0.75) + (0, -0.45), skin, **how)
    snout = both_sides([(0.8, -0.5), (0.52, 0.2), (0.45, 0.7), (0.25, 0.9)])
    if chance(rng, 0.6):
        open_mouth(pen, rng, skin, **how)
        snout = both_sides([(0.8, -0.65), (0.62, -0.15), (0.3, 0.02)])
    solid_polygon(pen, snout, skin, **how)
    tip = max(y for _, y in snout) - 0.14
    for s in (-1, 1):
        solid_polygon(pen, CIRCLE * (0.22, 0.18) + (s * 0.46, -0.72), skin, **how)
        pen.disc(s * 0.5, -0.72, 0.08, pick(rng, ((225, 200, 90), (20, 18, 12))))
        pen.disc(s * 0.12, tip, 0.05, (14, 12, 10))
    return canvas


def submerge(rng: Generator, canvas: Image.Image, level: float) -> None:
    """Cover everything below `level` (a fraction of the side) with water that mirrors what is above."""
    side = canvas.width
    water = surface(rng, side, pick(rng, WATERS))
    mirrored = Image.new("RGB", canvas.size)
    mirrored.paste(ImageOps.flip(canvas), (0, round((2 * level - 1) * side)))
    canvas.paste(Image.blend(water, mirrored, rng.uniform(0.1, 0.35)), mask=horizon(rng, side, level, 0.012))


def swimming(rng: Generator, side: int) -> Image.Image:
    """A back and a head above water, the rest mirrored in it."""
    canvas = scene(rng, side, OUTDOORS, clutter=0.2)
    level = rng.uniform(0.4, 0.65)
    shore = horizon(rng, side, level - rng.uniform(0.02, 0.5))
    canvas.paste(surface(rng, side, pick(rng, WATERS)), mask=shore)
    pen = Pen(canvas, rng.normal(0.5, 0.1), level, rng.uniform(0.42, 0.65), angle=rng.normal(0, 0.06))
    crocodile_side(pen, rng, hide(rng, side), rng.uniform(0.9, 1.4), **lie(rng))
    submerge(rng, canvas, level + rng.uniform(0, 0.05))
    return canvas


def lurking(rng: Generator, side: int) -> Image.Image:
    """Only eyes and snout above water."""
    canvas = surface(rng, side, pick(rng, WATERS))
    level = rng.uniform(0.45, 0.65)
    pen = Pen(canvas, rng.normal(0.68, 0.06), level, rng.uniform(0.35, 0.6), angle=rng.normal(0, 0.04))
    crocodile_head(pen.moved(0, 0.06), rng, hide(rng, side), 0, **lie(rng))
    submerge(rng, canvas, level)
    return canvas


CROCODILES = (
    basking, basking, from_above, from_above, foreshortened, jaws, jaws, portrait, facing, swimming, lurking,
)  # fmt: skip
