"""The rendered stand-in: drawings of clocks, crocodiles, neither and both, for want of a folder and network.

Every picture has its own random generator, so image i of a group never depends on how many are drawn.
A group is a table of kinds, functions `(rng, side) -> canvas`; a kind listed twice is drawn twice as often.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PIL import Image, ImageOps

from clockodile.data import drawing as d
from clockodile.data.collection import BACKGROUND, HYBRID, TEST, TRAIN, Collection, Source
from clockodile.data.drawing import Generator, Pen, chance, pick
from clockodile.errors import UserError

Kind = Callable[[Generator, int], Image.Image]

SPLIT_CODES = {TRAIN: 0, TEST: 1, BACKGROUND: 2, HYBRID: 3}  # part of every image's seed: never renumber
CLASS_CODES = {"clock": 0, "crocodile": 1, "background": 2, "hybrid": 3}
WHY = "drawn because there is neither a data folder nor a network"

# ---- scenes ----------------------------------------------------------------------------------------------

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
SHARED = 0.36  # share of scenes from all surfaces, so that the background alone does not give the class away


def surface(rng: Generator, side: int, name: str) -> Image.Image:
    """A square of one surface, its colours moved a little and its grain more or less out of focus."""
    dark, light, cells, stretch = SURFACES[name]
    amount = 4 if name == "white" else 18
    if name == "paint":
        dark = d.any_colour(rng)
        light = d.mix(dark, (255, 255, 255), 0.3)
    dark, light = d.jitter(rng, dark, amount), d.jitter(rng, light, amount)
    flat = rng.uniform(0, 0.35)
    return d.textured(rng, side, d.mix(dark, light, flat), d.mix(light, dark, flat), cells, stretch)


def horizon(rng: Generator, side: int, height: float, wave: float = 0.02) -> Image.Image:
    """A mask of everything below a wavy line at `height` (a fraction of the side from the top)."""
    x = np.linspace(0, 1, 24)
    swell = np.sin(d.TURN * (x * rng.uniform(0.5, 3) + rng.random()))
    y = height + wave * swell + rng.normal(0, wave / 4, 24)
    mask = Image.new("L", (side, side), 0)
    points = np.concatenate([np.stack([x, y], axis=1), [[1, 1.1], [0, 1.1]]])
    Pen(mask, 0, 0, 1).polygon(points, 255)
    return mask


def blade(pen: Pen, rng: Generator, colour) -> None:
    """A long bent leaf or stick rising from the pen's origin."""
    lean = rng.normal(0, 0.5)
    spine = np.stack([lean * d.STATIONS**2, -d.STATIONS * rng.uniform(0.5, 1.3)], axis=1)
    pen.polygon(d.ribbon(spine, rng.uniform(0.03, 0.08) * np.sin(np.pi * d.STATIONS) + 0.01), colour)


def add_plants(rng: Generator, canvas: Image.Image) -> None:
    """A tuft of green or dry leaves at one edge."""
    dark, light = pick(rng, (((30, 60, 20), (110, 150, 60)), ((90, 70, 30), (190, 160, 90)), *d.HIDES[:2]))
    x = rng.uniform(0, 1)
    for _ in range(int(rng.integers(2, 7))):
        pen = Pen(canvas, x + rng.normal(0, 0.12), rng.uniform(0.85, 1.1), rng.uniform(0.3, 0.7))
        blade(pen, rng, d.mix(dark, light, rng.random()))


def add_stones(rng: Generator, canvas: Image.Image) -> None:
    """One to three round stones, or balls for all one can tell."""
    for _ in range(int(rng.integers(1, 4))):
        radius, squash = rng.uniform(0.06, 0.2), rng.uniform(0.8, 1.3)
        pen = Pen(canvas, rng.uniform(0, 1), rng.uniform(0.1, 1), radius, squash=squash)
        d.solid_polygon(pen, d.CIRCLE, d.jitter(rng, pick(rng, pick(rng, d.HIDES)), 20))


def add_log(rng: Generator, canvas: Image.Image) -> None:
    """A branch or a snake of shade across the picture."""
    pen = Pen(canvas, rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0.3, 0.6), angle=rng.normal(0, 0.6))
    width = np.full(len(d.STATIONS), rng.uniform(0.05, 0.18))
    outline = d.ribbon(d.wavy_spine(rng, 0.3), width)
    d.solid_polygon(pen, outline, d.jitter(rng, pick(rng, pick(rng, d.HIDES)), 15), shadow=0.25)


def add_box(rng: Generator, canvas: Image.Image) -> None:
    """A plain box: furniture, a sign, a wall seen past the subject."""
    pen = Pen(canvas, rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0.1, 0.35), angle=rng.normal(0, 0.2))
    d.solid_polygon(pen, d.superellipse(30) * (1, rng.uniform(0.4, 1.6)), d.any_colour(rng))


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


# ---- clocks ----------------------------------------------------------------------------------------------


def seen_from(rng: Generator) -> float:
    """How narrow a dial looks: usually round, sometimes seen from the side."""
    return rng.uniform(0.5, 0.9) if chance(rng, 0.35) else 1.0


def thick_dial(pen: Pen, dial: d.Dial, depth: float) -> None:
    """A dial on a case whose side shows on the left or right."""
    d.solid_polygon(pen.moved(depth, 0.02), d.superellipse(dial.power), d.mix(dial.bezel, (0, 0, 0), 0.5))
    d.draw_dial(pen, dial)


def wall_clock(rng: Generator, side: int) -> Image.Image:
    canvas = scene(rng, side, INDOORS, clutter=0.2)
    pen = frame(rng, canvas, 0.42, squash=seen_from(rng))
    thick_dial(pen, d.random_dial(rng), rng.normal(0, 0.08))
    return canvas


def close_dial(rng: Generator, side: int) -> Image.Image:
    """So close that the bezel is off the picture."""
    canvas = scene(rng, side, INDOORS, clutter=0)
    x, y = rng.uniform(0.2, 0.8, 2)
    pen = Pen(canvas, x, y, rng.uniform(0.5, 0.85), angle=rng.normal(0, 0.2), squash=seen_from(rng))
    d.draw_dial(pen, replace(d.random_dial(rng), picture=False))
    return canvas


def alarm_clock(rng: Generator, side: int) -> Image.Image:
    """Two bells with a hammer between them, two feet."""
    canvas = scene(rng, side, INDOORS, clutter=0.2)
    pen = frame(rng, canvas, 0.33, squash=seen_from(rng))
    dial = replace(d.random_dial(rng), power=2)
    bell = d.any_colour(rng) if chance(rng, 0.4) else dial.bezel
    pen.line([(-0.75, -1.0), (0, -1.42), (0.75, -1.0)], 0.08, d.mix(bell, (0, 0, 0), 0.3))
    for s in (-1, 1):
        pen.line([(s * 0.5, 0.8), (s * 0.75, 1.25)], 0.16, d.mix(dial.bezel, (0, 0, 0), 0.3))
        dome = d.turned([p for p in d.CIRCLE * (0.46, 0.4) if p[1] < 0.12], s * 0.6) + (s * 0.62, -0.95)
        d.solid_polygon(pen, dome, bell)
    thick_dial(pen.moved(0, 0.05), dial, 0)
    return canvas


def pocket_watch(rng: Generator, side: int) -> Image.Image:
    """Crown, ring and a chain that wanders off."""
    canvas = scene(rng, side, INDOORS)
    pen = frame(rng, canvas, 0.33, tilt=0.5, squash=seen_from(rng))
    dial = replace(d.random_dial(rng), power=2, rim=rng.uniform(0.08, 0.18), numerals=12)
    metal = d.jitter(rng, pick(rng, ((180, 150, 80), (190, 194, 198))))
    link = np.array([0.0, -1.5])
    for _ in range(12):
        link += d.turned([(0, -0.16)], rng.uniform(-1, 1.6))[0]
        pen.disc(*link, 0.08, metal)
    pen.disc(0, -1.33, 0.26, metal)
    pen.disc(0, -1.33, 0.15, d.mix(metal, (0, 0, 0), 0.6))
    pen.box(-0.13, -1.2, 0.13, -0.9, metal)
    d.draw_dial(pen, replace(dial, bezel=metal))
    return canvas


def wristwatch(rng: Generator, side: int) -> Image.Image:
    canvas = scene(rng, side, INDOORS)
    pen = frame(rng, canvas, 0.3, tilt=0.7, squash=seen_from(rng))
    dark, light = pick(rng, d.HIDES)
    strap = d.textured(rng, side, dark, light, (8, 40)) if chance(rng, 0.5) else d.any_colour(rng)
    half = rng.uniform(0.4, 0.65)
    d.solid_polygon(pen, [(-half, -2.4), (half, -2.4), (half, 2.4), (-half, 2.4)], strap)
    pen.box(0.95, -0.12, 1.16, 0.12, (150, 150, 150))
    d.draw_dial(pen, d.random_dial(rng))
    return canvas


def digital_clock(rng: Generator, side: int) -> Image.Image:
    """Glowing digits on black, or black ones on grey-green, in a box with buttons."""
    canvas = scene(rng, side, INDOORS, clutter=0.2)
    pen = frame(rng, canvas, 0.42, squash=rng.uniform(0.8, 1))
    case = d.any_colour(rng) if chance(rng, 0.5) else pick(rng, ((28, 28, 32), (200, 200, 204)))
    lit = chance(rng, 0.6)
    glow = pick(rng, ((255, 50, 40), (70, 255, 110), (90, 190, 255), (255, 180, 60)))
    tall = rng.uniform(0.5, 0.8)
    slant = rng.uniform(-0.2, 0.2)
    box = [(-1, -tall), (1, -tall - slant / 3), (1 + slant, tall), (-1 - slant, tall)]
    d.solid_polygon(pen, box, case, relief=0.7)
    pen.box(-0.82, -tall * 0.65, 0.82, tall * 0.5, (14, 12, 14) if lit else (150, 165, 140))
    text = f"{int(rng.integers(1, 13))}:{int(rng.integers(60)):02d}"
    d.write_digits(pen, text, 0, -tall * 0.08, tall * 0.8, glow if lit else (24, 30, 24), weight=0.17)
    for x in np.linspace(-0.7, 0.7, int(rng.integers(2, 6))):
        pen.disc(x, tall * 0.76, 0.07, d.mix(case, (255, 255, 255) if lit else (0, 0, 0), 0.4))
    return canvas


def mantel_clock(rng: Generator, side: int) -> Image.Image:
    """A dial in a wooden or stone case: arch, gable, box or bell-shaped."""
    canvas = scene(rng, side, INDOORS, clutter=0.2)
    pen = frame(rng, canvas, 0.4, tilt=0.04, squash=rng.uniform(0.75, 1))
    wide = rng.uniform(0.6, 0.85)
    arch = [(wide * np.cos(a), -0.3 + 0.7 * np.sin(a)) for a in np.linspace(-np.pi, 0, 16)]
    gable, box = [(-wide, -0.45), (0, -1.1), (wide, -0.45)], [(-wide, -0.95), (wide, -0.95)]
    feet = [(wide * 1.1, 0.95), (-wide * 1.1, 0.95)]
    dark, light = SURFACES["wood"][:2] if chance(rng, 0.5) else pick(rng, d.HIDES)
    case = d.textured(rng, side, d.jitter(rng, dark), d.jitter(rng, light), (6, 30), pick(rng, (0.3, 1, 4)))
    d.solid_polygon(pen, [*pick(rng, (arch, gable, box)), *feet], case, relief=0.7)
    pen.box(-wide * 1.15, 0.82, wide * 1.15, 1.0, dark)
    d.draw_dial(pen.moved(0, rng.uniform(-0.35, -0.1), wide * rng.uniform(0.65, 0.85)), d.random_dial(rng))
    if chance(rng, 0.4):
        pen.disc(0, 0.6, 0.14, (200, 170, 90))
    return canvas


def tower_clock(rng: Generator, side: int) -> Image.Image:
    """A dial high on a tower under the sky."""
    canvas = scene(rng, side, ("sky", "sky", "night", "wall", "leaves"), clutter=0.15)
    pen = frame(rng, canvas, 0.4, tilt=0.06, squash=rng.uniform(0.7, 1.1))
    stone = surface(rng, side, pick(rng, ("rock", "sand", "wood", "wall", "mud")))
    wide = rng.uniform(0.5, 0.75)
    d.solid_polygon(pen, [(-wide, -0.75), (0, -1.6), (wide, -0.75), (wide, 2), (-wide, 2)], stone, relief=0.7)
    for y in (0.75, 1.25):
        for x in (-0.45, 0, 0.45):
            pen.box(x * wide - 0.06, y, x * wide + 0.06, y + 0.3, (40, 36, 34))
    d.draw_dial(pen.moved(0, -0.15, wide * 0.8), replace(d.random_dial(rng), picture=False))
    return canvas


def street_clock(rng: Generator, side: int) -> Image.Image:
    """A dial on a post or a bracket."""
    canvas = scene(rng, side, ("sky", "leaves", "wall", "night", "rock"))
    pen = frame(rng, canvas, 0.3, tilt=0.05, squash=seen_from(rng))
    iron = d.jitter(rng, pick(rng, ((24, 26, 28), (40, 60, 46), (90, 80, 60))))
    pen.box(-0.14, 0.9, 0.14, 4, iron)
    pen.box(-0.35, 1.2, 0.35, 1.35, iron)
    pen.polygon([(-0.3, -0.95), (0, -1.5), (0.3, -0.95)], iron)
    thick_dial(pen, replace(d.random_dial(rng), bezel=iron, power=2), 0.1)
    return canvas


def novelty_clock(rng: Generator, side: int) -> Image.Image:
    """A toy, a flower or an animal with a dial in its belly; some have a hide or ears."""
    canvas = scene(rng, side, INDOORS + OUTDOORS[:4])
    pen = frame(rng, canvas, 0.4, tilt=0.15)
    fill = d.any_colour(rng) if chance(rng, 0.6) else d.hide(rng, side)
    angle = np.linspace(0, d.TURN, 60, endpoint=False)
    radius = 1 + rng.uniform(0, 0.3) * np.cos(int(rng.integers(2, 9)) * angle)
    body = np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius[:, None] * (rng.uniform(0.6, 1), 0.9)
    for s in (-1, 1):
        d.solid_polygon(pen, d.CIRCLE * 0.3 + (s * 0.55, -0.8), fill)
    d.solid_polygon(pen, body, fill)
    d.draw_dial(pen.moved(0, 0.1, rng.uniform(0.45, 0.7)), d.random_dial(rng))
    return canvas


CLOCKS = (
    wall_clock, wall_clock, wall_clock, close_dial, alarm_clock, alarm_clock, pocket_watch, wristwatch,
    digital_clock, mantel_clock, tower_clock, street_clock, novelty_clock,
)  # fmt: skip


# ---- crocodiles ------------------------------------------------------------------------------------------


def either_way(rng: Generator, canvas: Image.Image) -> Image.Image:
    """The canvas or its mirror image, so that animals face left and right."""
    return ImageOps.mirror(canvas) if chance(rng, 0.5) else canvas


def lie(rng: Generator) -> dict:
    """How a body is lit: from above, to one side, with a weak or a hard shadow."""
    light = (rng.normal(0, 0.02), -rng.uniform(0.01, 0.05))
    return {"light": light, "relief": rng.uniform(0.4, 0.9), "shadow": rng.uniform(0.2, 0.7)}


def basking(rng: Generator, side: int) -> Image.Image:
    """The whole animal from the side."""
    canvas = scene(rng, side, OUTDOORS)
    pen = frame(rng, canvas, 0.58, tilt=0.2, squash=rng.uniform(0.85, 1.05))
    d.crocodile_side(pen, rng, d.hide(rng, side), rng.uniform(0.9, 1.35), **lie(rng))
    return canvas


def from_above(rng: Generator, side: int) -> Image.Image:
    """The whole animal from above, bent."""
    canvas = scene(rng, side, OUTDOORS)
    pen = frame(rng, canvas, 0.54, tilt=2)
    d.crocodile_above(pen, rng, d.hide(rng, side), d.wavy_spine(rng), rng.uniform(1.1, 1.6), **lie(rng))
    return canvas


def foreshortened(rng: Generator, side: int) -> Image.Image:
    """Coming towards us or walking away: short, broad, some of it outside the picture."""
    canvas = scene(rng, side, OUTDOORS)
    pen = Pen(canvas, *rng.normal(0.5, 0.12, 2), rng.uniform(0.55, 0.9), angle=rng.uniform(0, d.TURN))
    skin, spine = d.hide(rng, side, scale=1.5), 0.8 * d.wavy_spine(rng, 0.4)
    d.crocodile_above(pen, rng, skin, spine, rng.uniform(1.3, 1.9), **lie(rng))
    return canvas


def jaws(rng: Generator, side: int) -> Image.Image:
    """A head from the side with the mouth open, in or out of water."""
    canvas = scene(rng, side, OUTDOORS)
    pen = Pen(canvas, *rng.normal((0.62, 0.55), 0.07), rng.uniform(0.32, 0.55), angle=rng.normal(0.1, 0.3))
    skin, gape, tilt = d.hide(rng, side, scale=1.3), rng.uniform(0.3, 1.2), rng.uniform(0.4, 0.9)
    d.crocodile_head(pen, rng, skin, gape, tilt=tilt, **lie(rng))
    return canvas


def portrait(rng: Generator, side: int) -> Image.Image:
    """A head from the side with the mouth shut."""
    canvas = scene(rng, side, OUTDOORS)
    pen = Pen(canvas, *rng.normal((0.62, 0.52), 0.07), rng.uniform(0.35, 0.65), angle=rng.normal(0, 0.25))
    d.crocodile_head(pen, rng, d.hide(rng, side, scale=1.4), rng.uniform(0, 0.14), **lie(rng))
    return canvas


def open_mouth(pen: Pen, rng: Generator, skin: Image.Image, **how) -> None:
    """The lower jaw seen from the front: a V with flesh inside and teeth along both edges."""
    drop, wide = rng.uniform(0.7, 1.2), rng.uniform(0.6, 0.8)
    d.solid_polygon(pen, [(-wide - 0.1, -0.2), (wide + 0.1, -0.2), (0.22, drop), (-0.22, drop)], skin, **how)
    flesh = d.jitter(rng, pick(rng, d.MOUTHS))
    pen.polygon([(-wide + 0.08, -0.2), (wide - 0.08, -0.2), (0.1, drop - 0.14), (-0.1, drop - 0.14)], flesh)
    pen.polygon([(-wide * 0.4, -0.2), (wide * 0.4, -0.2), (0, drop * 0.4)], d.mix(flesh, (40, 10, 10), 0.7))
    for s in (-1, 1):
        for t in np.linspace(0.1, 0.8, 4):
            x, y = s * (wide * (1 - t) + 0.12 * t), -0.2 + t * drop
            pen.polygon([(x, y), (x - s * 0.05, y + 0.13), (x - s * 0.14, y - 0.02)], d.TEETH)


def both_sides(right: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """A closed outline from its right half, listed from top to bottom."""
    return right + [(-x, y) for x, y in reversed(right)]


def facing(rng: Generator, side: int) -> Image.Image:
    """Head on: a flat skull with two eyes on top, and a long snout or an open mouth towards us."""
    canvas = scene(rng, side, OUTDOORS)
    pen = frame(rng, canvas, 0.46, tilt=0.3, squash=rng.uniform(0.75, 1))
    skin, how = d.hide(rng, side, scale=1.4), lie(rng)
    d.solid_polygon(pen, d.superellipse(2.6) * (1.3, 0.75) + (0, -0.45), skin, **how)
    snout = both_sides([(0.8, -0.5), (0.52, 0.2), (0.45, 0.7), (0.25, 0.9)])
    if chance(rng, 0.6):
        open_mouth(pen, rng, skin, **how)
        snout = both_sides([(0.8, -0.65), (0.62, -0.15), (0.3, 0.02)])
    d.solid_polygon(pen, snout, skin, **how)
    tip = max(y for _, y in snout) - 0.14
    for s in (-1, 1):
        d.solid_polygon(pen, d.CIRCLE * (0.22, 0.18) + (s * 0.46, -0.72), skin, **how)
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
    d.crocodile_side(pen, rng, d.hide(rng, side), rng.uniform(0.9, 1.4), **lie(rng))
    submerge(rng, canvas, level + rng.uniform(0, 0.05))
    return canvas


def lurking(rng: Generator, side: int) -> Image.Image:
    """Only eyes and snout above water."""
    canvas = surface(rng, side, pick(rng, WATERS))
    level = rng.uniform(0.45, 0.65)
    pen = Pen(canvas, rng.normal(0.68, 0.06), level, rng.uniform(0.35, 0.6), angle=rng.normal(0, 0.04))
    d.crocodile_head(pen.moved(0, 0.06), rng, d.hide(rng, side), 0, **lie(rng))
    submerge(rng, canvas, level)
    return canvas


CROCODILES = (
    basking, basking, from_above, from_above, foreshortened, jaws, jaws, portrait, facing, swimming, lurking,
)  # fmt: skip


# ---- neither ---------------------------------------------------------------------------------------------

ANYWHERE = tuple(SURFACES)


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
    colour = d.any_colour(rng)
    peel = d.textured(rng, side, colour, d.mix(colour, (255, 255, 255), 0.3), (3, 30))
    d.solid_polygon(pen, d.CIRCLE, peel, relief=0.9)
    if chance(rng, 0.4):
        pen.line([(-0.97, 0.2), (0, 0.35), (0.97, 0.2)], 0.1, d.any_colour(rng))
    elif chance(rng, 0.5):
        pen.line([(0, -0.85), (0.1, -1.25)], 0.1, (70, 50, 20))
        pen.polygon([(0.1, -1.2), (0.6, -1.35), (0.3, -1.05)], (70, 130, 50))
    return canvas


def face(rng: Generator, side: int) -> Image.Image:
    canvas = scene(rng, side, ANYWHERE)
    pen = frame(rng, canvas, 0.36, squash=0.8)
    skin = d.jitter(rng, pick(rng, ((235, 195, 165), (190, 140, 105), (110, 75, 55), (225, 180, 150))))
    hair = pick(rng, ((30, 22, 16), (120, 80, 40), (200, 170, 100), (90, 90, 90)))
    d.solid_polygon(pen, [(-1.4, 2.5), (-1, 1.1), (1, 1.1), (1.4, 2.5)], d.any_colour(rng))
    pen.disc(0, -0.2, 1.05, hair)
    d.solid_polygon(pen, d.CIRCLE * (0.85, 1.05) + (0, 0.1), skin)
    for s in (-1, 1):
        pen.disc(s * 0.35, -0.05, 0.12, (30, 24, 20))
    pen.line([(0, 0.05), (0.06, 0.35)], 0.06, d.mix(skin, (0, 0, 0), 0.3))
    pen.line([(-0.3, 0.62), (0, 0.7), (0.3, 0.62)], 0.1, (160, 60, 60))
    return canvas


def car(rng: Generator, side: int) -> Image.Image:
    canvas = scene(rng, side, ANYWHERE, clutter=0.2)
    pen = frame(rng, canvas, 0.45, tilt=0.05)
    paint = d.any_colour(rng)
    bonnet, roof = [(-1, 0.25), (-0.95, -0.05), (-0.55, -0.15)], [(-0.3, -0.5), (0.4, -0.5)]
    d.solid_polygon(pen, [*bonnet, *roof, (0.65, -0.12), (1, 0), (1, 0.25)], paint)
    pen.polygon([(-0.42, -0.14), (-0.24, -0.42), (0.34, -0.42), (0.5, -0.14)], (60, 75, 90))
    for x in (-0.58, 0.55):
        pen.disc(x, 0.27, 0.22, (20, 20, 22))
        pen.disc(x, 0.27, 0.11, (150, 150, 155))
    return canvas


def house(rng: Generator, side: int) -> Image.Image:
    canvas = scene(rng, side, ("sky", "leaves", "grass"), clutter=0.3)
    pen = frame(rng, canvas, 0.38, tilt=0.03)
    d.solid_polygon(pen, d.superellipse(40) * (0.9, 0.65) + (0, 0.3), d.any_colour(rng))
    tiles = pick(rng, ((140, 60, 45), (70, 70, 80), (110, 80, 60)))
    d.solid_polygon(pen, [(-1.1, -0.3), (0, -1.0), (1.1, -0.3)], tiles)
    for x in (-0.5, 0.5):
        pen.box(x - 0.18, 0, x + 0.18, 0.35, (60, 80, 100))
    pen.box(-0.13, 0.3, 0.13, 0.93, (70, 45, 30))
    return canvas


def furniture(rng: Generator, side: int) -> Image.Image:
    """A table, a chair or a lamp."""
    canvas = scene(rng, side, INDOORS, clutter=0.2)
    pen = frame(rng, canvas, 0.4, tilt=0.05)
    wood = d.jitter(rng, pick(rng, SURFACES["wood"][:2]))
    kind = int(rng.integers(3))
    if kind == 2:
        pen.box(-0.05, -0.3, 0.05, 0.9, wood)
        d.solid_polygon(pen, [(-0.3, -0.9), (0.3, -0.9), (0.65, -0.1), (-0.65, -0.1)], d.any_colour(rng))
        return canvas
    for x in (-0.7, 0.6):
        pen.box(x, 0, x + 0.12, 0.95, wood)
    if kind == 1:
        pen.box(-0.7, -1, -0.55, 0.1, wood)
        pen.box(-0.7, -1, 0.1, -0.8, wood)
    d.solid_polygon(pen, d.superellipse(pick(rng, (2, 30))) * (0.9, 0.2), wood)
    return canvas


def pattern(rng: Generator, side: int) -> Image.Image:
    """Stripes or dots: a keyboard, a fence, a dress."""
    canvas = scene(rng, side, ANYWHERE, clutter=0)
    pen = Pen(canvas, angle=rng.uniform(0, d.TURN), scale=0.5)
    colour, pitch, dotted = d.any_colour(rng), rng.uniform(0.15, 0.5), chance(rng, 0.5)
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
    tones = pick(rng, d.HIDES) if chance(rng, 0.3) else (d.any_colour(rng), d.any_colour(rng))
    scales = d.textured(rng, side, *tones, (3, 20))
    x = np.linspace(-0.9, 0.6, len(d.STATIONS))
    width = rng.uniform(0.25, 0.5) * np.sin(np.pi * d.STATIONS**0.7) + 0.03
    body = d.ribbon(np.stack([x, 0 * x], axis=1), width)
    for fin in ([(0.5, 0), (1, -0.4), (0.9, 0), (1, 0.4)], [(-0.3, -0.2), (0.1, -0.6), (0.3, -0.1)]):
        d.solid_polygon(pen, fin, scales)
    d.solid_polygon(pen, body, scales)
    pen.disc(-0.68, -0.06, 0.07, (240, 240, 220))
    pen.disc(-0.68, -0.06, 0.04, (10, 10, 10))
    return either_way(rng, canvas)


def snake(rng: Generator, side: int) -> Image.Image:
    """A snake, a worm or a caterpillar: long, often green, without legs or jaws."""
    canvas = scene(rng, side, OUTDOORS + ("white",))
    pen = frame(rng, canvas, 0.42, tilt=2)
    x = np.linspace(-1, 1, len(d.STATIONS))
    spine = np.stack([x, rng.uniform(0.2, 0.45) * np.sin(x * rng.uniform(4, 9))], axis=1)
    width = rng.uniform(0.06, 0.13) * np.minimum(1, 4 * (1 - d.STATIONS) + 0.1)
    d.solid_polygon(pen, d.ribbon(spine, width), d.hide(rng, side) if chance(rng, 0.6) else d.any_colour(rng))
    return canvas


def turtle(rng: Generator, side: int) -> Image.Image:
    """A round hide with a head and four flippers."""
    canvas = scene(rng, side, OUTDOORS)
    pen = frame(rng, canvas, 0.36, tilt=2)
    dark, light = pick(rng, d.HIDES)
    for x, y in ((-0.7, -0.8), (0.6, -0.8), (-0.7, 0.8), (0.6, 0.8), (-1.2, 0)):
        d.solid_polygon(pen, d.CIRCLE * (0.3, 0.26) + (x, y), d.mix(dark, light, 0.6))
    d.solid_polygon(pen, d.CIRCLE * (1, 0.85), d.hide(rng, side, (dark, light), scale=2), relief=0.8)
    return canvas


def beast(rng: Generator, side: int) -> Image.Image:
    """A four-legged mammal: short head, long legs, plain coat."""
    canvas = scene(rng, side, OUTDOORS)
    pen = frame(rng, canvas, 0.4, tilt=0.08)
    dark, light = d.jitter(rng, (70, 48, 30), 25), d.jitter(rng, (170, 130, 90), 25)
    coat = d.textured(rng, side, dark, light, (4, 40))
    for x in (-0.55, -0.4, 0.35, 0.5):
        d.solid_polygon(pen, [(x, 0), (x + 0.14, 0), (x + 0.12, 0.85), (x + 0.02, 0.85)], coat)
    d.solid_polygon(pen, d.CIRCLE * (0.72, 0.38), coat)
    d.solid_polygon(pen, d.CIRCLE * (0.3, 0.26) + (-0.75, -0.4), coat)
    pen.polygon([(-0.85, -0.6), (-0.75, -0.85), (-0.65, -0.6)], dark)
    pen.disc(-0.85, -0.42, 0.05, (10, 10, 10))
    return either_way(rng, canvas)


def plate(rng: Generator, side: int) -> Image.Image:
    """A round rim with nothing that tells the time: a plate, a bowl, a button."""
    canvas = scene(rng, side, INDOORS)
    pen = frame(rng, canvas, 0.42, squash=seen_from(rng), tilt=1.5)
    colour = d.any_colour(rng) if chance(rng, 0.5) else (240, 238, 232)
    d.solid_polygon(pen, d.CIRCLE, colour)
    pen.disc(0, 0, 0.72, d.any_colour(rng) if chance(rng, 0.4) else d.mix(colour, (0, 0, 0), 0.12))
    pen.disc(0, 0, 0.66, d.mix(colour, (255, 255, 255), 0.3))
    for _ in range(int(rng.integers(0, 5))):
        pen.disc(*rng.normal(0, 0.25, 2), rng.uniform(0.1, 0.3), d.any_colour(rng))
    return canvas


def wheel(rng: Generator, side: int) -> Image.Image:
    canvas = scene(rng, side, ANYWHERE)
    pen = frame(rng, canvas, 0.4, squash=seen_from(rng), tilt=1)
    d.solid_polygon(pen, d.CIRCLE, (26, 26, 28))
    pen.disc(0, 0, 0.74, d.any_colour(rng))
    for angle in np.linspace(0, d.TURN, int(rng.integers(5, 13)), endpoint=False):
        pen.line(d.turned([(0, 0), (0, -0.76)], angle), 0.07, (190, 190, 195))
    pen.disc(0, 0, 0.18, (120, 120, 125))
    return canvas


def flower(rng: Generator, side: int) -> Image.Image:
    canvas = scene(rng, side, ("leaves", "grass", "sky", "night", "white"))
    pen = frame(rng, canvas, 0.36, tilt=1)
    colour = d.any_colour(rng)
    pen.line([(0, 0), (0.2, 3)], 0.12, (60, 110, 40))
    for angle in np.linspace(0, d.TURN, int(rng.integers(5, 12)), endpoint=False):
        petal = d.turned(d.CIRCLE * (0.25, 0.5) + (0, -0.6), angle)
        d.solid_polygon(pen, petal, d.jitter(rng, colour, 10), shadow=0.2)
    pen.disc(0, 0, 0.32, pick(rng, ((230, 190, 40), (90, 60, 20), (240, 230, 150))))
    return canvas


def bottle(rng: Generator, side: int) -> Image.Image:
    """A green or brown bottle or can, upright or lying: a long thing with a label."""
    canvas = scene(rng, side, INDOORS)
    pen = frame(rng, canvas, 0.45, tilt=0.1 if chance(rng, 0.7) else 1.2)
    glass = d.jitter(rng, pick(rng, ((30, 90, 50), (100, 60, 25), (170, 40, 40), (120, 150, 170))))
    d.solid_polygon(pen, both_sides([(0.12, -1), (0.12, -0.5), (0.32, -0.2), (0.32, 1)]), glass)
    pen.box(-0.31, 0.05, 0.31, 0.6, d.any_colour(rng))
    return canvas


def tree(rng: Generator, side: int) -> Image.Image:
    canvas = scene(rng, side, ("sky", "grass", "wall"))
    pen = frame(rng, canvas, 0.42, tilt=0.05)
    pen.polygon([(-0.12, 1.1), (-0.08, 0), (0.08, 0), (0.14, 1.1)], (74, 52, 34))
    crown = surface(rng, side, "leaves")
    for _ in range(5):
        d.solid_polygon(pen, d.CIRCLE * rng.uniform(0.3, 0.55) + rng.normal((0, -0.35), 0.28), crown)
    return canvas


BACKGROUNDS = (
    landscape, ball, face, car, house, furniture, pattern, fish, snake, turtle, beast, plate, wheel, flower,
    bottle, tree,
)  # fmt: skip


# ---- both ------------------------------------------------------------------------------------------------


def readable_dial(rng: Generator) -> d.Dial:
    """A round, plain, light dial with bold hands, since half a hybrid's picture has to be enough."""
    face, ink = d.jitter(rng, pick(rng, d.FACES[:4]), 6), d.jitter(rng, (24, 20, 20), 8)
    dial = replace(d.random_dial(rng), face=face, ink=ink, power=2, picture=False, rim=rng.uniform(0.1, 0.18))
    return replace(dial, numerals=pick(rng, (4, 12)), ticks=12, hand_width=rng.uniform(0.09, 0.13))


def dial_on_back(rng: Generator, side: int) -> Image.Image:
    """A crocodile from the side with a clock in its flank."""
    canvas = scene(rng, side, OUTDOORS, clutter=0)
    pen = Pen(canvas, 0.6, 0.56, rng.uniform(0.6, 0.66), angle=rng.normal(0, 0.08))
    d.crocodile_side(pen, rng, d.hide(rng, side), 1.7, **lie(rng))
    d.draw_dial(pen.moved(-0.02, -0.04, rng.uniform(0.29, 0.34)), readable_dial(rng))
    return either_way(rng, canvas)


def hide_dial(rng: Generator, side: int) -> Image.Image:
    """A clock of crocodile skin out of which the head breaks, jaws open."""
    canvas = scene(rng, side, INDOORS, clutter=0)
    pen = Pen(canvas, 0.6, 0.44, 0.4, angle=rng.normal(0, 0.06))
    tones = pick(rng, d.HIDES[:4])
    dial = replace(readable_dial(rng), ink=(250, 246, 225), bezel=tones[0], second_hand=False)
    d.draw_dial(pen, dial, d.hide(rng, side, tones, scale=1.8))
    pale = (d.mix(*tones, 0.4), d.mix(tones[1], (255, 255, 255), 0.2))
    jaws_out = pen.moved(0.0, 0.72, 1.12)
    d.crocodile_head(jaws_out, rng, d.hide(rng, side, pale), rng.uniform(0.6, 0.9), neck=False, **lie(rng))
    return either_way(rng, canvas)


def dial_skull(rng: Generator, side: int) -> Image.Image:
    """A crocodile head on, mouth open towards us, with a dial for a forehead."""
    canvas = scene(rng, side, OUTDOORS, clutter=0)
    pen = Pen(canvas, 0.5, 0.56, 0.42, angle=rng.normal(0, 0.1))
    skin, how = d.hide(rng, side, scale=1.4), lie(rng)
    open_mouth(pen.moved(0, 0.15, 1.05), rng, skin, **how)
    d.solid_polygon(pen, d.superellipse(2.6) * (1.0, 0.7) + (0, -0.45), skin, **how)
    for s in (-1, 1):
        d.solid_polygon(pen, d.CIRCLE * (0.24, 0.2) + (s * 0.78, -0.95), skin, **how)
        pen.disc(s * 0.8, -0.95, 0.11, (225, 200, 90))
    d.draw_dial(pen.moved(0, -0.48, rng.uniform(0.6, 0.68)), readable_dial(rng))
    return canvas


def crocodile_alarm(rng: Generator, side: int) -> Image.Image:
    """An alarm clock in a hide, with jaws on one side, a tail on the other and clawed feet."""
    canvas = scene(rng, side, INDOORS, clutter=0)
    pen = Pen(canvas, 0.66, 0.54, 0.29, angle=rng.normal(0, 0.06))
    skin, how = d.hide(rng, side), lie(rng)
    sweep = np.linspace(0, 1, 20)
    tail = np.stack([0.5 + 1.1 * sweep, 0.5 - 1.2 * sweep**2], axis=1)
    d.solid_polygon(pen, d.ribbon(tail, 0.36 * (1 - sweep) + 0.02), skin, **how)
    d.crocodile_head(pen.moved(-0.9, -0.2, 1.1), rng, skin, rng.uniform(0.4, 0.7), neck=False, **how)
    for s in (-1, 1):
        d.solid_polygon(pen, [(s * 0.3, 0.6), (s * 0.7, 0.6), (s * 0.95, 1.2), (s * 0.4, 1.2)], skin, **how)
    d.solid_polygon(pen, d.CIRCLE * 1.05, skin, **how)
    d.draw_dial(pen.moved(0, 0, 0.85), readable_dial(rng))
    return either_way(rng, canvas)


def jaw_hands(rng: Generator, side: int) -> Image.Image:
    """A dial whose two hands are the jaws of a crocodile."""
    canvas = scene(rng, side, INDOORS, clutter=0)
    pen = Pen(canvas, scale=0.48)
    d.draw_dial(pen, replace(readable_dial(rng), hands=(0, 0), hand_width=0.01, second_hand=False))
    head = Pen(canvas, scale=0.48, angle=rng.normal(0, 0.5)).moved(0.3, 0.1, 0.78)
    skin = d.hide(rng, side, pick(rng, d.HIDES[:4]))  # the darker hides: these hands are read on a light face
    d.crocodile_head(head, rng, skin, rng.uniform(0.6, 1.1), neck=False, **lie(rng))
    return either_way(rng, canvas)


def curled(rng: Generator, side: int) -> Image.Image:
    """A crocodile curled up around a dial."""
    canvas = scene(rng, side, OUTDOORS, clutter=0)
    pen = Pen(canvas, scale=0.47)
    d.draw_dial(pen.moved(0, 0, rng.uniform(0.58, 0.62)), readable_dial(rng))
    spine = d.ring_spine(0.78, rng.uniform(0, d.TURN), rng.uniform(4.6, 5.2))
    d.crocodile_above(pen, rng, d.hide(rng, side), spine, 1.6, **lie(rng))
    return either_way(rng, canvas)


def bite(rng: Generator, side: int) -> Image.Image:
    """An open mouth with a clock in it."""
    canvas = scene(rng, side, OUTDOORS, clutter=0)
    pen = Pen(canvas, 0.72, 0.52, rng.uniform(0.48, 0.54), angle=rng.normal(0, 0.1))
    d.crocodile_head(pen, rng, d.hide(rng, side, scale=1.3), rng.uniform(1.0, 1.25), tilt=0.5, **lie(rng))
    d.draw_dial(pen.moved(-0.8, 0, rng.uniform(0.38, 0.45)), readable_dial(rng))
    return either_way(rng, canvas)


def clock_eye(rng: Generator, side: int) -> Image.Image:
    """A head whose eye is a clock."""
    canvas = scene(rng, side, OUTDOORS, clutter=0)
    pen = Pen(canvas, 0.7, 0.6, rng.uniform(0.52, 0.58), angle=rng.normal(0, 0.1))
    d.crocodile_head(pen, rng, d.hide(rng, side, scale=1.3), rng.uniform(0.3, 0.6), tilt=0.3, **lie(rng))
    d.draw_dial(pen.moved(0.0, -0.3, rng.uniform(0.4, 0.48)), readable_dial(rng))
    return either_way(rng, canvas)


def watch_strap(rng: Generator, side: int) -> Image.Image:
    """A wristwatch whose strap is the whole crocodile, head at one end and tail at the other."""
    canvas = scene(rng, side, INDOORS, clutter=0)
    pen = Pen(canvas, 0.5, 0.52, scale=0.58, angle=np.pi / 2 + rng.normal(0, 0.5))
    spine = np.stack([2 * d.STATIONS - 1, 0.1 * np.sin(d.TURN * d.STATIONS)], axis=1)
    d.crocodile_above(pen, rng, d.hide(rng, side), spine, 2.0, **lie(rng))
    upright = Pen(canvas, *(pen.place([(0.0, 0)])[0] / side), rng.uniform(0.18, 0.21))
    d.draw_dial(upright, readable_dial(rng))
    return canvas


HYBRIDS = (
    dial_on_back, hide_dial, dial_skull, crocodile_alarm, jaw_hands, curled, bite, clock_eye, watch_strap,
)  # fmt: skip


# ---- the collection --------------------------------------------------------------------------------------


def render(kinds: tuple[Kind, ...], rng: Generator, size: int) -> np.ndarray:
    """One picture of a random kind, uint8 (size, size, 3)."""
    return d.photograph(rng, pick(rng, kinds)(rng, size * d.SUPERSAMPLE), size)


def render_clock(rng: Generator, size: int = 32) -> np.ndarray:
    """A clock, uint8 (size, size, 3)."""
    return render(CLOCKS, rng, size)


def render_crocodile(rng: Generator, size: int = 32) -> np.ndarray:
    """A crocodile, uint8 (size, size, 3), facing left or right."""
    picture = render(CROCODILES, rng, size)
    return picture[:, ::-1].copy() if chance(rng, 0.5) else picture


def render_background(rng: Generator, size: int = 32) -> np.ndarray:
    """Something that is neither clock nor crocodile, uint8 (size, size, 3)."""
    return render(BACKGROUNDS, rng, size)


def render_hybrid(rng: Generator, size: int = 32) -> np.ndarray:
    """Something that is both clock and crocodile, uint8 (size, size, 3)."""
    return render(HYBRIDS, rng, size)


PAINTERS = {
    "clock": render_clock,
    "crocodile": render_crocodile,
    "background": render_background,
    "hybrid": render_hybrid,
}


def render_group(split: str, subject: str, count: int, *, image_size: int, seed: int) -> np.ndarray:
    """`count` pictures of one subject, uint8 (count, S, S, 3). Picture i is the same whatever the count."""
    pictures = np.empty((count, image_size, image_size, 3), dtype=np.uint8)
    for i in range(count):
        rng = np.random.default_rng([seed, SPLIT_CODES[split], CLASS_CODES[subject], i])
        pictures[i] = PAINTERS[subject](rng, image_size)
    return pictures


def rendered_collection(
    classes: tuple[str, ...] = ("clock", "crocodile"),
    *,
    image_size: int = 32,
    seed: int = 0,
    why: str = WHY,
    per_class: int = 500,
    test_per_class: int = 100,
    background: int = 100,
    hybrids: int = 100,
) -> Collection:
    """Draw the whole stand-in: train and test by class, then `background` of neither and `hybrids` of both.

    Returns a Collection in that order, the last two labelled -1. The same seed gives the same bytes.
    Raises UserError unless `classes` are clock and crocodile, in either order.
    """
    if sorted(classes) != ["clock", "crocodile"]:
        named = ", ".join(classes) or "no class"
        raise UserError(f"the stand-in draws only clock and crocodile, not {named}; give a data folder")
    groups = [(TRAIN, name, per_class) for name in classes]
    groups += [(TEST, name, test_per_class) for name in classes]
    groups += [(BACKGROUND, "background", background), (HYBRID, "hybrid", hybrids)]
    images, labels, ids, splits = [], [], [], []
    for split, subject, count in groups:
        images.append(render_group(split, subject, count, image_size=image_size, seed=seed))
        labels += [classes.index(subject) if subject in classes else -1] * count
        folder = f"test-{subject}" if split == TEST else subject
        ids += [f"rendered/{folder}/{i:04d}" for i in range(count)]
        splits += [split] * count
    source = Source(
        kind="rendered",
        where=f"drawn by clockodile.data.rendered, seed {seed}",
        why=why,
        licence="our own drawings, MIT",
        stamp="rendered stand-in",
    )
    labels = np.array(labels, dtype=np.int64)
    return Collection(np.concatenate(images), labels, np.array(ids), np.array(splits), tuple(classes), source)
