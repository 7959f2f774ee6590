"""Kinds of thing that is neither: functions `(rng, side) -> canvas`; one listed twice is drawn twice as often."""

from __future__ import annotations

import numpy as np
from PIL import Image

from clockodile.data.rendered.colours import HIDES, Generator, any_colour, chance, jitter, mix, pick
from clockodile.data.rendered.pen import Pen
from clockodile.data.rendered.scenes import (
    ANYWHERE,
    INDOORS,
    OUTDOORS,
    SURFACES,
    either_way,
    frame,
    horizon,
    scene,
    seen_from,
    surface,
)
from clockodile.data.rendered.shapes import CIRCLE, STATIONS, TURN, both_sides, ribbon, superellipse, turned
from clockodile.data.rendered.surfaces import hide, solid_polygon, textured


def landscape(rng: Generator, side: int) -> Image.Image:
    canvas = surface(rng, side, pick(rng, ("sky", "sky", "night", "wall")))
    level = rng.uniform(0.2, 0.5)
    for _ in range(int(rng.integers(1, 4))):
        level += rng.uniform(0.05, 0.2)
        canvas.paste(surface(rng, side, pick(rng, OUTDOORS)), mask=horizon(rng, side, level, 0.06))
    return canvas


def ball(rng: Generator, side: int) -> Image.Image:
    """A ball, an orange or an apple, plain, striped or with a stalk."""
    canvas = scene(rng, side, ANYWHERE)
    pen = frame(rng, canvas, 0.34, tilt=0.5, squash=rng.uniform(0.85, 1.05))
    colour = any_colour(rng)
    peel = textured(rng, side, colour, mix(colour, (255, 255, 255), 0.3), (3, 30))
    solid_polygon(pen, CIRCLE, peel, relief=0.9)
    if chance(rng, 0.4):
        pen.line([(-0.97, 0.2), (0, 0.35), (0.97, 0.2)], 0.1, any_colour(rng))
    elif chance(rng, 0.5):
        pen.line([(0, -0.85), (0.1, -1.25)], 0.1, (70, 50, 20))
        pen.polygon([(0.1, -1.2), (0.6, -1.35), (0.3, -1.05)], (70, 130, 50))
    return canvas


def face(rng: Generator, side: int) -> Image.Image:
    canvas = scene(rng, side, ANYWHERE)
    pen = frame(rng, canvas, 0.36, squash=0.8)
    skin = jitter(rng, pick(rng, ((235, 195, 165), (190, 140, 105), (110, 75, 55), (225, 180, 150))))
    hair = pick(rng, ((30, 22, 16), (120, 80, 40), (200, 170, 100), (90, 90, 90)))
    solid_polygon(pen, [(-1.4, 2.5), (-1, 1.1), (1, 1.1), (1.4, 2.5)], any_colour(rng))
    pen.disc(0, -0.2, 1.05, hair)
    solid_polygon(pen, CIRCLE * (0.85, 1.05) + (0, 0.1), skin)
    for s in (-1, 1):
        pen.disc(s * 0.35, -0.05, 0.12, (30, 24, 20))
    pen.line([(0, 0.05), (0.06, 0.35)], 0.06, mix(skin, (0, 0, 0), 0.3))
    pen.line([(-0.3, 0.62), (0, 0.7), (0.3, 0.62)], 0.1, (160, 60, 60))
    return canvas


def car(rng: Generator, side: int) -> Image.Image:
    canvas = scene(rng, side, ANYWHERE, clutter=0.2)
    pen = frame(rng, canvas, 0.45, tilt=0.05)
    paint = any_colour(rng)
    bonnet, roof = [(-1, 0.25), (-0.95, -0.05), (-0.55, -0.15)], [(-0.3, -0.5), (0.4, -0.5)]
    solid_polygon(pen, [*bonnet, *roof, (0.65, -0.12), (1, 0), (1, 0.25)], paint)
    pen.polygon([(-0.42, -0.14), (-0.24, -0.42), (0.34, -0.42), (0.5, -0.14)], (60, 75, 90))
    for x in (-0.58, 0.55):
        pen.disc(x, 0.27, 0.22, (20, 20, 22))
        pen.disc(x, 0.27, 0.11, (150, 150, 155))
    return canvas


def house(rng: Generator, side: int) -> Image.Image:
    canvas = scene(rng, side, ("sky", "leaves", "grass"), clutter=0.3)
    pen = frame(rng, canvas, 0.38, tilt=0.03)
    solid_polygon(pen, superellipse(40) * (0.9, 0.65) + (0, 0.3), any_colour(rng))
    tiles = pick(rng, ((140, 60, 45), (70, 70, 80), (110, 80, 60)))
    solid_polygon(pen, [(-1.1, -0.3), (0, -1.0), (1.1, -0.3)], tiles)
    for x in (-0.5, 0.5):
        pen.box(x - 0.18, 0, x + 0.18, 0.35, (60, 80, 100))
    pen.box(-0.13, 0.3, 0.13, 0.93, (70, 45, 30))
    return canvas


def furniture(rng: Generator, side: int) -> Image.Image:
    """A table, a chair or a lamp."""
    canvas = scene(rng, side, INDOORS, clutter=0.2)
    pen = frame(rng, canvas, 0.4, tilt=0.05)
    wood = jitter(rng, pick(rng, SURFACES["wood"][:2]))
    kind = int(rng.integers(3))
    if kind == 2:
        pen.box(-0.05, -0.3, 0.05, 0.9, wood)
        solid_polygon(pen, [(-0.3, -0.9), (0.3, -0.9), (0.65, -0.1), (-0.65, -0.1)], any_colour(rng))
        return canvas
    for x in (-0.7, 0.6):
        pen.box(x, 0, x + 0.12, 0.95, wood)
    if kind == 1:
        pen.box(-0.7, -1, -0.55, 0.1, wood)
        pen.box(-0.7, -1, 0.1, -0.8, wood)
    solid_polygon(pen, superellipse(pick(rng, (2, 30))) * (0.9, 0.2), wood)
    return canvas


def pattern(rng: Generator, side: int) -> Image.Image:
    """Stripes or dots: a keyboard, a fence, a dress."""
    canvas = scene(rng, side, ANYWHERE, clutter=0)
    pen = Pen(canvas, angle=rng.uniform(0, TURN), scale=0.5)
    colour, pitch, dotted = any_colour(rng), rng.uniform(0.15, 0.5), chance(rng, 0.5)
    for x in np.arange(-1.6, 1.6, pitch):
        if not dotted:
            pen.box(x, -2, x + pitch * 0.5, 2, colour)
            continue
        for y in np.arange(-1.6, 1.6, pitch):
            pen.disc(x, y, pitch * 0.33, colour)
    return canvas


def fish(rng: Generator, side: int) -> Image.Image:
    canvas = scene(rng, side, ("lake", "lake", "river", "white", "night"))
    pen = frame(rng, canvas, 0.44, tilt=0.3)
    tones = pick(rng, HIDES) if chance(rng, 0.3) else (any_colour(rng), any_colour(rng))
    scales = textured(rng, side, *tones, (3, 20))
    x = np.linspace(-0.9, 0.6, len(STATIONS))
    width = rng.uniform(0.25, 0.5) * np.sin(np.pi * STATIONS**0.7) + 0.03
    body = ribbon(np.stack([x, 0 * x], axis=1), width)
    for fin in ([(0.5, 0), (1, -0.4), (0.9, 0), (1, 0.4)], [(-0.3, -0.2), (0.1, -0.6), (0.3, -0.1)]):
        solid_polygon(pen, fin, scales)
    solid_polygon(pen, body, scales)
    pen.disc(-0.68, -0.06, 0.07, (240, 240, 220))
    pen.disc(-0.68, -0.06, 0.04, (10, 10, 10))
    return either_way(rng, canvas)


def snake(rng: Generator, side: int) -> Image.Image:
    """A snake, a worm or a caterpillar: long, often green, without legs or jaws."""
    canvas = scene(rng, side, OUTDOORS + ("white",))
    pen = frame(rng, canvas, 0.42, tilt=2)
    x = np.linspace(-1, 1, len(STATIONS))
    spine = np.stack([x, rng.uniform(0.2, 0.45) * np.sin(x * rng.uniform(4, 9))], axis=1)
    width = rng.uniform(0.06, 0.13) * np.minimum(1, 4 * (1 - STATIONS) + 0.1)
    solid_polygon(pen, ribbon(spine, width), hide(rng, side) if chance(rng, 0.6) else any_colour(rng))
    return canvas


def turtle(rng: Generator, side: int) -> Image.Image:
    """A round hide with a head and four flippers."""
    canvas = scene(rng, side, OUTDOORS)
    pen = frame(rng, canvas, 0.36, tilt=2)
    dark, light = pick(rng, HIDES)
    for x, y in ((-0.7, -0.8), (0.6, -0.8), (-0.7, 0.8), (0.6, 0.8), (-1.2, 0)):
        solid_polygon(pen, CIRCLE * (0.3, 0.26) + (x, y), mix(dark, light, 0.6))
    solid_polygon(pen, CIRCLE * (1, 0.85), hide(rng, side, (dark, light), scale=2), relief=0.8)
    return canvas


def beast(rng: Generator, side: int) -> Image.Image:
    """A four-legged mammal: short head, long legs, plain coat."""
    canvas = scene(rng, side, OUTDOORS)
    pen = frame(rng, canvas, 0.4, tilt=0.08)
    dark, light = jitter(rng, (70, 48, 30), 25), jitter(rng, (170, 130, 90), 25)
    coat = textured(rng, side, dark, light, (4, 40))
    for x in (-0.55, -0.4, 0.35, 0.5):
        solid_polygon(pen, [(x, 0), (x + 0.14, 0), (x + 0.12, 0.85), (x + 0.02, 0.85)], coat)
    solid_polygon(pen, CIRCLE * (0.72, 0.38), coat)
    solid_polygon(pen, CIRCLE * (0.3, 0.26) + (-0.75, -0.4), coat)
    pen.polygon([(-0.85, -0.6), (-0.75, -0.85), (-0.65, -0.6)], dark)
    pen.disc(-0.85, -0.42, 0.05, (10, 10, 10))
    return either_way(rng, canvas)


def plate(rng: Generator, side: int) -> Image.Image:
    """A round rim with nothing that tells the time: a plate, a bowl, a button."""
    canvas = scene(rng, side, INDOORS)
    pen = frame(rng, canvas, 0.42, squash=seen_from(rng), tilt=1.5)
    colour = any_colour(rng) if chance(rng, 0.5) else (240, 238, 232)
    solid_polygon(pen, CIRCLE, colour)
    pen.disc(0, 0, 0.72, any_colour(rng) if chance(rng, 0.4) else mix(colour, (0, 0, 0), 0.12))
    pen.disc(0, 0, 0.66, mix(colour, (255, 255, 255), 0.3))
    for _ in range(int(rng.integers(0, 5))):
        pen.disc(*rng.normal(0, 0.25, 2), rng.uniform(0.1, 0.3), any_colour(rng))
    return canvas


def wheel(rng: Generator, side: int) -> Image.Image:
    canvas = scene(rng, side, ANYWHERE)
    pen = frame(rng, canvas, 0.4, squash=seen_from(rng), tilt=1)
    solid_polygon(pen, CIRCLE, (26, 26, 28))
    pen.disc(0, 0, 0.74, any_colour(rng))
    for angle in np.linspace(0, TURN, int(rng.integers(5, 13)), endpoint=False):
        pen.line(turned([(0, 0), (0, -0.76)], angle), 0.07, (190, 190, 195))
    pen.disc(0, 0, 0.18, (120, 120, 125))
    return canvas


def flower(rng: Generator, side: int) -> Image.Image:
    canvas = scene(rng, side, ("leaves", "grass", "sky", "night", "white"))
    pen = frame(rng, canvas, 0.36, tilt=1)
    colour = any_colour(rng)
    pen.line([(0, 0), (0.2, 3)], 0.12, (60, 110, 40))
    for angle in np.linspace(0, TURN, int(rng.integers(5, 12)), endpoint=False):
        petal = turned(CIRCLE * (0.25, 0.5) + (0, -0.6), angle)
        solid_polygon(pen, petal, jitter(rng, colour, 10), shadow=0.2)
    pen.disc(0, 0, 0.32, pick(rng, ((230, 190, 40), (90, 60, 20), (240, 230, 150))))
    return canvas


def bottle(rng: Generator, side: int) -> Image.Image:
    """A green or brown bottle or can, upright or lying: a long thing with a label."""
    canvas = scene(rng, side, INDOORS)
    pen = frame(rng, canvas, 0.45, tilt=0.1 if chance(rng, 0.7) else 1.2)
    glass = jitter(rng, pick(rng, ((30, 90, 50), (100, 60, 25), (170, 40, 40), (120, 150, 170))))
    solid_polygon(pen, both_sides([(0.12, -1), (0.12, -0.5), (0.32, -0.2), (0.32, 1)]), glass)
    pen.box(-0.31, 0.05, 0.31, 0.6, any_colour(rng))
    return canvas


def tree(rng: Generator, side: int) -> Image.Image:
    canvas = scene(rng, side, ("sky", "grass", "wall"))
    pen = frame(rng, canvas, 0.42, tilt=0.05)
    pen.polygon([(-0.12, 1.1), (-0.08, 0), (0.08, 0), (0.14, 1.1)], (74, 52, 34))
    crown = surface(rng, side, "leaves")
    for _ in range(5):
        solid_polygon(pen, CIRCLE * rng.uniform(0.3, 0.55) + rng.normal((0, -0.35), 0.28), crown)
    return canvas


BACKGROUNDS = (
    landscape, ball, face, car, house, furniture, pattern, fish, snake, turtle, beast, plate, wheel, flower,
    bottle, tree,
)  # fmt: skip
