"""Kinds of clock: functions `(rng, side) -> canvas`; one listed twice is drawn twice as often."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from clockodile.data.rendered.clock_parts import draw_dial, random_dial, thick_dial, write_digits
from clockodile.data.rendered.colours import HIDES, Generator, any_colour, chance, jitter, mix, pick
from clockodile.data.rendered.pen import Pen
from clockodile.data.rendered.scenes import INDOORS, OUTDOORS, SURFACES, frame, scene, seen_from, surface
from clockodile.data.rendered.shapes import CIRCLE, TURN, turned
from clockodile.data.rendered.surfaces import hide, solid_polygon, textured


def wall_clock(rng: Generator, side: int) -> Image.Image:
    canvas = scene(rng, side, INDOORS, clutter=0.2)
    pen = frame(rng, canvas, 0.42, squash=seen_from(rng))
    thick_dial(pen, random_dial(rng), rng.normal(0, 0.08))
    return canvas


def close_dial(rng: Generator, side: int) -> Image.Image:
    """So close that the bezel is off the picture."""
    canvas = scene(rng, side, INDOORS, clutter=0)
    x, y = rng.uniform(0.2, 0.8, 2)
    pen = Pen(canvas, x, y, rng.uniform(0.5, 0.85), angle=rng.normal(0, 0.2), squash=seen_from(rng))
    draw_dial(pen, replace(random_dial(rng), picture=False))
    return canvas


def alarm_clock(rng: Generator, side: int) -> Image.Image:
    """Two bells with a hammer between them, two feet."""
    canvas = scene(rng, side, INDOORS, clutter=0.2)
    pen = frame(rng, canvas, 0.33, squash=seen_from(rng))
    dial = replace(random_dial(rng), power=2)
    bell = any_colour(rng) if chance(rng, 0.4) else dial.bezel
    pen.line([(-0.75, -1.0), (0, -1.42), (0.75, -1.0)], 0.08, mix(bell, (0, 0, 0), 0.3))
    for s in (-1, 1):
        pen.line([(s * 0.5, 0.8), (s * 0.75, 1.25)], 0.16, mix(dial.bezel, (0, 0, 0), 0.3))
        dome = turned([p for p in CIRCLE * (0.46, 0.4) if p[1] < 0.12], s * 0.6) + (s * 0.62, -0.95)
        solid_polygon(pen, dome, bell)
    thick_dial(pen.moved(0, 0.05), dial, 0)
    return canvas


def pocket_watch(rng: Generator, side: int) -> Image.Image:
    """Crown, ring and a chain that wanders off."""
    canvas = scene(rng, side, INDOORS)
    pen = frame(rng, canvas, 0.33, tilt=0.5, squash=seen_from(rng))
    dial = replace(random_dial(rng), power=2, rim=rng.uniform(0.08, 0.18), numerals=12)
    metal = jitter(rng, pick(rng, ((180, 150, 80), (190, 194, 198))))
    link = np.array([0.0, -1.5])
    for _ in range(12):
        link += turned([(0, -0.16)], rng.uniform(-1, 1.6))[0]
        pen.disc(*link, 0.08, metal)
    pen.disc(0, -1.33, 0.26, metal)
    pen.disc(0, -1.33, 0.15, mix(metal, (0, 0, 0), 0.6))
    pen.box(-0.13, -1.2, 0.13, -0.9, metal)
    draw_dial(pen, replace(dial, bezel=metal))
    return canvas


def wristwatch(rng: Generator, side: int) -> Image.Image:
    canvas = scene(rng, side, INDOORS)
    pen = frame(rng, canvas, 0.3, tilt=0.7, squash=seen_from(rng))
    dark, light = pick(rng, HIDES)
    strap = textured(rng, side, dark, light, (8, 40)) if chance(rng, 0.5) else any_colour(rng)
    half = rng.uniform(0.4, 0.65)
    solid_polygon(pen, [(-half, -2.4), (half, -2.4), (half, 2.4), (-half, 2.4)], strap)
    pen.box(0.95, -0.12, 1.16, 0.12, (150, 150, 150))
    draw_dial(pen, random_dial(rng))
    return canvas


def digital_clock(rng: Generator, side: int) -> Image.Image:
    """Glowing digits on black, or black ones on grey-green, in a box with buttons."""
    canvas = scene(rng, side, INDOORS, clutter=0.2)
    pen = frame(rng, canvas, 0.42, squash=rng.uniform(0.8, 1))
    case = any_colour(rng) if chance(rng, 0.5) else pick(rng, ((28, 28, 32), (200, 200, 204)))
    lit = chance(rng, 0.6)
    glow = pick(rng, ((255, 50, 40), (70, 255, 110), (90, 190, 255), (255, 180, 60)))
    tall = rng.uniform(0.5, 0.8)
    slant = rng.uniform(-0.2, 0.2)
    box = [(-1, -tall), (1, -tall - slant / 3), (1 + slant, tall), (-1 - slant, tall)]
    solid_polygon(pen, box, case, relief=0.7)
    pen.box(-0.82, -tall * 0.65, 0.82, tall * 0.5, (14, 12, 14) if lit else (150, 165, 140))
    text = f"{int(rng.integers(1, 13))}:{int(rng.integers(60)):02d}"
    write_digits(pen, text, 0, -tall * 0.08, tall * 0.8, glow if lit else (24, 30, 24), weight=0.17)
    for x in np.linspace(-0.7, 0.7, int(rng.integers(2, 6))):
        pen.disc(x, tall * 0.76, 0.07, mix(case, (255, 255, 255) if lit else (0, 0, 0), 0.4))
    return canvas


def mantel_clock(rng: Generator, side: int) -> Image.Image:
    """A dial in a wooden or stone case: arch, gable, box or bell-shaped."""
    canvas = scene(rng, side, INDOORS, clutter=0.2)
    pen = frame(rng, canvas, 0.4, tilt=0.04, squash=rng.uniform(0.75, 1))
    wide = rng.uniform(0.6, 0.85)
    arch = [(wide * np.cos(a), -0.3 + 0.7 * np.sin(a)) for a in np.linspace(-np.pi, 0, 16)]
    gable, box = [(-wide, -0.45), (0, -1.1), (wide, -0.45)], [(-wide, -0.95), (wide, -0.95)]
    feet = [(wide * 1.1, 0.95), (-wide * 1.1, 0.95)]
    dark, light = SURFACES["wood"][:2] if chance(rng, 0.5) else pick(rng, HIDES)
    case = textured(rng, side, jitter(rng, dark), jitter(rng, light), (6, 30), pick(rng, (0.3, 1, 4)))
    solid_polygon(pen, [*pick(rng, (arch, gable, box)), *feet], case, relief=0.7)
    pen.box(-wide * 1.15, 0.82, wide * 1.15, 1.0, dark)
    draw_dial(pen.moved(0, rng.uniform(-0.35, -0.1), wide * rng.uniform(0.65, 0.85)), random_dial(rng))
    if chance(rng, 0.4):
        pen.disc(0, 0.6, 0.14, (200, 170, 90))
    return canvas


def tower_clock(rng: Generator, side: int) -> Image.Image:
    """A dial high on a tower under the sky."""
    canvas = scene(rng, side, ("sky", "sky", "night", "wall", "leaves"), clutter=0.15)
    pen = frame(rng, canvas, 0.4, tilt=0.06, squash=rng.uniform(0.7, 1.1))
    stone = surface(rng, side, pick(rng, ("rock", "sand", "wood", "wall", "mud")))
    wide = rng.uniform(0.5, 0.75)
    solid_polygon(pen, [(-wide, -0.75), (0, -1.6), (wide, -0.75), (wide, 2), (-wide, 2)], stone, relief=0.7)
    for y in (0.75, 1.25):
        for x in (-0.45, 0, 0.45):
            pen.box(x * wide - 0.06, y, x * wide + 0.06, y + 0.3, (40, 36, 34))
    draw_dial(pen.moved(0, -0.15, wide * 0.8), replace(random_dial(rng), picture=False))
    return canvas


def street_clock(rng: Generator, side: int) -> Image.Image:
    """A dial on a post or a bracket."""
    canvas = scene(rng, side, ("sky", "leaves", "wall", "night", "rock"))
    pen = frame(rng, canvas, 0.3, tilt=0.05, squash=seen_from(rng))
    iron = jitter(rng, pick(rng, ((24, 26, 28), (40, 60, 46), (90, 80, 60))))
    pen.box(-0.14, 0.9, 0.14, 4, iron)
    pen.box(-0.35, 1.2, 0.35, 1.35, iron)
    pen.polygon([(-0.3, -0.95), (0, -1.5), (0.3, -0.95)], iron)
    thick_dial(pen, replace(random_dial(rng), bezel=iron, power=2), 0.1)
    return canvas


def novelty_clock(rng: Generator, side: int) -> Image.Image:
    """A toy, a flower or an animal with a dial in its belly; some have a hide or ears."""
    canvas = scene(rng, side, INDOORS + OUTDOORS[:4])
    pen = frame(rng, canvas, 0.4, tilt=0.15)
    fill = any_colour(rng) if chance(rng, 0.6) else hide(rng, side)
    angle = np.linspace(0, TURN, 60, endpoint=False)
    radius = 1 + rng.uniform(0, 0.3) * np.cos(int(rng.integers(2, 9)) * angle)
    body = np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius[:, None] * (rng.uniform(0.6, 1), 0.9)
    for s in (-1, 1):
        solid_polygon(pen, CIRCLE * 0.3 + (s * 0.55, -0.8), fill)
    solid_polygon(pen, body, fill)
    draw_dial(pen.moved(0, 0.1, rng.uniform(0.45, 0.7)), random_dial(rng))
    return canvas


CLOCKS = (
    wall_clock, wall_clock, wall_clock, close_dial, alarm_clock, alarm_clock, pocket_watch, wristwatch,
    digital_clock, mantel_clock, tower_clock, street_clock, novelty_clock,
)  # fmt: skip
