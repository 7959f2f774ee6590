"""The drawn stand-in: dials, crocodiles, four other things and a hybrid, for want of a folder and a network.

Every picture has a generator of its own and is drawn four times too large; the camera's reduction smooths its edges.
"""

from collections.abc import Sequence
from copy import copy

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from clockodile.core.errors import UserError
from clockodile.data.collection import BACKGROUND, HYBRID, TEST, TRAIN, Collection, Source

Colour, Generator = tuple[int, int, int], np.random.Generator  # a colour is red, green, blue in 0..255
SUPERSAMPLE = 4  # canvas pixels a side for each final pixel; fewer leaves jagged hands and teeth
TURN, LUMA = 2 * np.pi, np.array([0.299, 0.587, 0.114])  # radians; weights of ITU-R BT.601, as in JPEG
# Dark and light tone. Hides, frames, walls and leaves share them: colour alone must not give the class.
TONES = (
    ((38, 44, 24), (128, 134, 84)), ((48, 40, 26), (160, 132, 90)), ((46, 50, 54), (158, 162, 162)),
    ((18, 20, 22), (92, 94, 94)), ((92, 80, 56), (226, 214, 178)), ((30, 50, 40), (120, 156, 116)),
    ((64, 50, 22), (192, 160, 84)), ((36, 52, 84), (150, 180, 206)), ((70, 34, 24), (186, 112, 80)),
    ((170, 172, 170), (246, 246, 240)),
)  # fmt: skip


def choose(rng: Generator, options: Sequence):
    """One of `options`, all equally likely."""
    return options[int(rng.integers(len(options)))]


def mix(a: Colour, b: Colour, t: float) -> Colour:
    """The colour a fraction `t` in [0, 1] of the way from `a` to `b`."""
    return tuple(round(x + (y - x) * t) for x, y in zip(a, b, strict=True))


def some_colour(rng: Generator) -> Colour:
    """Between a dark and a light tone, or one time in four any colour at all."""
    if rng.random() < 0.25:
        return tuple(int(v) for v in rng.integers(15, 245, 3))
    return mix(*choose(rng, TONES), rng.random())


def texture(rng: Generator, side: int, tones, cells: Sequence[int], stretch: float = 1) -> Image.Image:
    """Smooth noise between two tones, `cells` blotches a side; stretch > 1 draws them out sideways, as on water."""
    total = np.zeros((side, side))
    for n in cells:
        grid = rng.random((n, max(2, round(n / stretch))), dtype=np.float32)
        total += np.asarray(Image.fromarray(grid).resize((side, side), Image.Resampling.BILINEAR))
    share = np.clip(0.5 + 0.25 * (total - total.mean()) / (total.std() + 1e-6), 0, 1)[..., None]
    return Image.fromarray((tones[0] + share * np.subtract(tones[1], tones[0])).astype(np.uint8))


def turned(points, angle: float) -> np.ndarray:
    """Points (P, 2), x right and y down, turned about the origin by `angle` radians, clockwise on screen."""
    c, s = np.cos(angle), np.sin(angle)
    return np.asarray(points, dtype=float) @ np.array([[c, s], [-s, c]])


def superellipse(power: float = 2) -> np.ndarray:
    """Outline (60, 2) of radius 1, from three o'clock: a circle at power 2, a rounded square at 6."""
    angle = np.linspace(0, TURN, 60, endpoint=False)
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.sign(points) * np.abs(points) ** (2 / power)


CIRCLE = superellipse()


class Pen:
    """Draws in coordinates of its own: origin (x, y) and unit `scale` in sides of the canvas, turned by `angle`.

    `squash` narrows local x, as a dial seen from the side.
    """

    def __init__(self, canvas: Image.Image, x: float, y: float, scale: float, *, angle: float, squash: float = 1):
        self.canvas, self.unit = canvas, scale * canvas.width
        self.origin = np.array([x, y]) * canvas.width
        self.matrix = self.unit * np.array([[squash], [1.0]]) * turned(np.eye(2), angle)

    def moved(self, x: float, y: float, scale: float) -> "Pen":
        """A pen whose origin is at local (x, y) and whose unit is `scale` times this one's."""
        other = copy(self)
        other.origin, other.unit, other.matrix = self.place((x, y)), self.unit * scale, self.matrix * scale
        return other

    def place(self, points) -> np.ndarray:
        """Local points (P, 2) as canvas pixels (P, 2)."""
        return np.asarray(points, dtype=float) @ self.matrix + self.origin

    def polygon(self, points, colour: Colour) -> None:
        ImageDraw.Draw(self.canvas).polygon(self.place(points).ravel().tolist(), fill=colour)

    def line(self, points, width: float, colour: Colour) -> None:
        """A stroke through `points`, `width` in local units."""
        pixels = max(1, round(width * self.unit))
        ImageDraw.Draw(self.canvas).line(self.place(points).ravel().tolist(), colour, pixels, joint="curve")

    def solid(self, outlines: Sequence, fill: Colour | Image.Image) -> None:
        """One body of several outlines, painted or textured: lit from above, dark below, with a soft shadow."""
        mask = Image.new("L", self.canvas.size, 0)
        for outline in outlines:
            ImageDraw.Draw(mask).polygon(self.place(outline).ravel().tolist(), fill=255)
        reach = max(1, mask.width // 32)
        soft, affine = mask.filter(ImageFilter.BoxBlur(reach)), Image.Transform.AFFINE
        below, above = (soft.transform(mask.size, affine, (1, 0, 0, 0, 1, dy)) for dy in (-reach, reach))
        self.canvas.paste((12, 12, 16), mask=below.point(lambda v: v * 0.4))
        self.canvas.paste(fill, mask=mask)
        self.canvas.paste((250, 248, 235), mask=ImageChops.subtract(mask, below).point(lambda v: v * 0.3))
        self.canvas.paste((8, 8, 10), mask=ImageChops.subtract(mask, above).point(lambda v: v * 0.6))


def scene(rng: Generator, side: int) -> Image.Image:
    """A ground, often with a horizon, sometimes with things lying about."""
    canvas = texture(rng, side, choose(rng, TONES), (2, 5, int(rng.integers(8, 24))), choose(rng, (0.5, 1, 4)))
    if rng.random() < 0.6:
        level = round(side * rng.uniform(0.25, 0.8))
        canvas.paste(texture(rng, side, choose(rng, TONES), (3, 12), choose(rng, (1, 5))), (0, level))
    while rng.random() < 0.4:
        draw_other(rng, canvas, *rng.uniform(0, 1, 2))
    return canvas


def photograph(rng: Generator, canvas: Image.Image, size: int) -> np.ndarray:
    """What a small camera makes of the canvas: uint8 (size, size, 3), mirrored or not, unsharp, lit and noisy."""
    canvas = canvas.filter(ImageFilter.BoxBlur(SUPERSAMPLE * rng.uniform(0, 0.5)))
    pixels = np.asarray(canvas.resize((size, size), Image.Resampling.BOX), dtype=float) / 255
    pixels = pixels[:, :: choose(rng, (1, -1))] ** rng.uniform(0.7, 1.5)
    y, x, c = *np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j], rng.uniform(-0.2, 0.2, 2)
    pixels = pixels * (1 + c[0] * x + c[1] * y)[..., None]
    grey = (pixels @ LUMA)[..., None]
    pixels = (grey + rng.uniform(0.3, 1.1) * (pixels - grey)) * rng.normal(1, 0.06, 3)
    pixels = pixels.mean() + rng.uniform(0.6, 1.2) * (pixels - pixels.mean()) + rng.normal(0, 0.06)
    pixels += rng.uniform(0.005, 0.03) * rng.standard_normal((size, size, 1))
    return (np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8)


def draw_dial(pen: Pen, rng: Generator, *, power: float = 2) -> None:
    """A dial of radius 1: frame, face, a tick for each hour, two hands at a true time, perhaps one for seconds."""
    face = some_colour(rng) if rng.random() < 0.4 else mix((200, 190, 160), (250, 250, 250), rng.random())
    ink = mix((20, 18, 20) if np.dot(face, LUMA) > 110 else (245, 240, 228), face, rng.uniform(0, 0.3))
    outline, inner = superellipse(power), 1 - rng.uniform(0.06, 0.26)
    pen.solid([outline], some_colour(rng))
    pen.polygon(outline * inner, face)
    for hour in range(0, 12, choose(rng, (1, 1, 3))):
        rim, (end, width) = outline[5 * hour] * inner, (0.78, 0.06) if hour % 3 else (0.68, 0.09)
        pen.line([0.93 * rim, end * rim], width, ink)
    minute, wide = rng.uniform(0, TURN), rng.uniform(0.12, 0.2)
    hour = (int(rng.integers(12)) + minute / TURN) * TURN / 12
    pen.line(turned([(0, 0.12), (0, -0.5 * inner)], hour), 1.3 * wide, ink)
    pen.line(turned([(0, 0.12), (0, -0.8 * inner)], minute), wide, ink)
    if rng.random() < 0.3:
        pen.line(turned([(0, 0.15), (0, -0.75 * inner)], rng.uniform(0, TURN)), 0.03, some_colour(rng))
    pen.polygon(CIRCLE * 0.8 * wide, ink)


def draw_clock(rng: Generator, canvas: Image.Image) -> None:
    """A dial, large or small, from the front or the side, upright or tilted, in the middle or cut off by the edge."""
    place, scale, squash = rng.normal(0.5, 0.11, 2), rng.uniform(0.2, 0.5), min(1, rng.uniform(0.5, 1.6))
    pen = Pen(canvas, *place, scale, angle=rng.normal(0, 0.3), squash=squash)
    draw_dial(pen, rng, power=choose(rng, (2, 2, 2, 3, 8)))


BODY = np.linspace(0, 1, 40)  # stations from the neck to the tip of the tail
UPPER_JAW = ((0.25, -0.22), (-0.02, -0.22), (-0.08, -0.32), (-0.2, -0.31), (-0.27, -0.18), (-0.6, -0.12),
             (-0.7, -0.17), (-0.8, -0.08), (-0.76, 0.03), (0.1, 0.06))  # fmt: skip
LOWER_JAW = ((0.25, 0.2), (0.1, -0.05), (-0.72, 0), (-0.7, 0.09), (-0.2, 0.16))


def strip(x, y, above, below) -> np.ndarray:
    """The outline (2P, 2) of a long body along the points (x, y), each (P,), `above` and `below` thick."""
    return np.concatenate([np.stack([x, y - above], axis=1), np.stack([x, y + below], axis=1)[::-1]])


def draw_crocodile(pen: Pen, rng: Generator, *, girth: float) -> None:
    """A crocodile from the side, 2.3 long, its head to the left of the hinge of its jaws at (-0.4, 0)."""
    tones = choose(rng, TONES[:9])
    x, y = -0.45 + 1.55 * BODY, rng.uniform(-0.5, 0.25) * np.clip(BODY - 0.45, 0, 1) ** 1.5
    thick = np.interp(BODY, (0, 0.25, 0.5, 1), (0.17, 0.23 * girth, 0.15 * girth, 0.01))
    ridge = 0.05 * (np.arange(len(BODY)) % 2) * (BODY < 0.95)
    parts = [strip(x, y, thick + ridge, thick)]
    for hip in (-0.28, -0.14, 0.22, 0.36):
        foot, ground = hip + rng.normal(0, 0.06), 0.2 * girth + 0.18
        parts.append([(hip - 0.06, 0), (hip + 0.08, 0), (foot + 0.05, ground), (foot - 0.12, ground)])
    gape = rng.uniform(0.25, 1.0) if rng.random() < 0.65 else 0.03
    up, down, head = gape * 0.65, -gape * 0.35, pen.moved(-0.4, 0, 1)
    throat = [turned([(-reach, 0)], angle)[0] for reach, angle in ((0.6, up), (0.3, up / 2), (0.6, down))]
    head.polygon([(0.05, 0), *throat], choose(rng, ((206, 120, 100), (226, 160, 110), (140, 56, 50))))
    parts += [turned(UPPER_JAW, up) + (-0.4, 0), turned(LOWER_JAW, down) + (-0.4, 0)]
    pen.solid(parts, texture(rng, pen.canvas.width, tones, (4, int(rng.integers(14, 30)))))
    for k in range(2, 30, 3):  # a row of scutes down the flank
        pen.polygon(CIRCLE * 0.03 + (x[k], y[k] - 0.45 * thick[k]), tones[0])
    for left in np.arange(-0.74, -0.15, 0.12):
        for angle, tip in ((up, 0.12), (down, -0.1))[: 1 + (gape > 0.1)]:
            head.polygon(turned([(left, 0), (left + 0.07, 0), (left + 0.03, tip)], angle), (242, 236, 212))
    eye = turned([(-0.12, -0.2)], up)[0]
    head.polygon(CIRCLE * 0.06 + eye, choose(rng, ((232, 206, 90), (214, 220, 130))))
    head.polygon(CIRCLE * (0.025, 0.05) + eye, (10, 10, 8))


def draw_pose(rng: Generator, canvas: Image.Image) -> None:
    """A crocodile: the whole animal or only its head and shoulders, level or climbing."""
    near = rng.random() < 0.4
    place, scale = ((0.75, 0.55), rng.uniform(0.6, 0.9)) if near else ((0.5, 0.5), rng.uniform(0.36, 0.54))
    pen = Pen(canvas, *rng.normal(place, 0.06), scale, angle=rng.normal(0, 0.25))
    draw_crocodile(pen, rng, girth=rng.uniform(0.85, 1.3))


def draw_hybrid(rng: Generator, canvas: Image.Image) -> None:
    """A crocodile that has swallowed a clock: a dial is its flank."""
    pen = Pen(canvas, *rng.normal((0.58, 0.5), 0.02), rng.uniform(0.52, 0.6), angle=rng.normal(0, 0.15))
    draw_crocodile(pen, rng, girth=rng.uniform(1.9, 2.2))
    draw_dial(pen.moved(0.08, -0.03, rng.uniform(0.37, 0.43)), rng)


def draw_flower(pen: Pen, rng: Generator) -> None:
    """Petals about a round middle: as round as a dial."""
    petals, wide = int(rng.integers(5, 10)), rng.uniform(0.2, 0.35)
    pen.line([(0, 0), (rng.normal(0, 0.2), 1.6)], 0.1, mix(*choose(rng, (TONES[0], TONES[5])), 0.4))
    shape = CIRCLE * (0.45, wide) + (0.55, 0)
    pen.solid([turned(shape, k * TURN / petals) for k in range(petals)], some_colour(rng))
    pen.solid([CIRCLE * rng.uniform(0.2, 0.4)], some_colour(rng))


def draw_plate(pen: Pen, rng: Generator) -> None:
    """Rings within rings: a plate, a wheel, a target; round and framed, without hands."""
    for radius in (1, *np.sort(rng.uniform(0.15, 0.9, int(rng.integers(1, 4))))[::-1]):
        pen.solid([CIRCLE * radius], some_colour(rng))


def draw_branch(pen: Pen, rng: Generator) -> None:
    """A bent branch with twigs: as long and as rough as a crocodile."""
    x, thick = np.linspace(-1.2, 1.2, 30), np.linspace(*rng.uniform(0.06, 0.24, 2), 30)
    wood = [strip(x, rng.normal(0, 0.2) * x**2 + 0.04 * rng.standard_normal(30), thick, thick)]
    for _ in range(int(rng.integers(1, 5))):
        twig = turned([(-0.06, 0), (0.06, 0), (0, -0.6)], choose(rng, (0, np.pi)) + rng.normal(0, 0.5))
        wood.append(twig + (rng.uniform(-0.9, 0.9), 0))
    pen.solid(wood, texture(rng, pen.canvas.width, choose(rng, TONES), (5, 20), choose(rng, (1, 4))))


def draw_house(pen: Pen, rng: Generator) -> None:
    """Walls, a roof, windows and a door."""
    wide, eaves = rng.uniform(0.6, 1), rng.uniform(-0.4, 0)
    pen.solid([[(-wide, eaves), (wide, eaves), (wide, 0.9), (-wide, 0.9)]], some_colour(rng))
    pen.solid([[(-wide - 0.15, eaves), (wide + 0.15, eaves), (rng.uniform(-0.4, 0.4), -1)]], some_colour(rng))
    for x, y in ((-0.5, 0.4 + eaves / 2), (0.5, 0.4 + eaves / 2), (0, 0.7)):
        pen.polygon(superellipse(20) * (0.16, 0.2) + (x * wide, y), mix(some_colour(rng), (20, 20, 30), 0.7))


def draw_other(rng: Generator, canvas: Image.Image, x: float = 0.5, y: float = 0.5) -> None:
    """A flower, a plate, a branch or a house near (x, y)."""
    pen = Pen(canvas, *rng.normal((x, y), 0.1), rng.uniform(0.2, 0.5), angle=rng.normal(0, 0.4))
    choose(rng, (draw_flower, draw_plate, draw_branch, draw_house))(pen, rng)


SUBJECTS = {"clock": draw_clock, "crocodile": draw_pose, "background": draw_other, "hybrid": draw_hybrid}


def draw(subject: str, seed: tuple[int, ...], size: int = 32) -> np.ndarray:
    """A picture of a clock, a crocodile, "background" (neither) or "hybrid" (both), uint8 (size, size, 3)."""
    rng = np.random.default_rng(seed)
    canvas = scene(rng, size * SUPERSAMPLE)
    SUBJECTS[subject](rng, canvas)
    if rng.random() < 0.15:  # something in a corner, in front of it
        draw_other(rng, canvas, *rng.integers(0, 2, 2))
    return photograph(rng, canvas, size)


def stand_in_collection(
    classes: tuple[str, ...] = ("clock", "crocodile"),
    *,
    image_size: int = 32,
    seed: int = 0,
    per_class: int = 500,
    others: int = 100,
) -> Collection:
    """Draw `per_class` pictures of each class to train with, `others` of each to test with, of neither and of both.

    Returns a Collection in that order, the last two labelled -1. The same seed gives the same bytes.
    Raises UserError unless `classes` are clock and crocodile, in either order.
    """
    if sorted(classes) != ["clock", "crocodile"]:
        raise UserError(
            f"the stand-in draws clock and crocodile, not {', '.join(classes) or 'none'}; give a data folder"
        )
    groups = [(TRAIN, name, per_class) for name in classes] + [(TEST, name, others) for name in classes]
    groups += [(BACKGROUND, "background", others), (HYBRID, "hybrid", others)]
    rows = [(split, subject, i) for split, subject, count in groups for i in range(count)]
    codes = (TRAIN, TEST, *SUBJECTS)  # their order is part of every picture's seed
    seeds = [(seed, codes.index(split), codes.index(subject), i) for split, subject, i in rows]
    return Collection(
        images=np.stack([draw(row[1], own, image_size) for row, own in zip(rows, seeds, strict=True)]),
        labels=np.array([classes.index(subject) if subject in classes else -1 for _, subject, _ in rows]),
        ids=np.array([f"stand_in/{'test-' * (kind == TEST)}{name}/{i:04d}" for kind, name, i in rows]),
        split=np.array([split for split, *_ in rows]),
        classes=tuple(classes),
        source=Source("stand_in", f"drawn with seed {seed}", "", "our own drawings, MIT", "drawn stand-in"),
    )
