"""How the rendered stand-in draws: a pen, surfaces, solid shapes, a clock dial, a crocodile, and a camera.

Pictures are PIL images of side x side pixels, four times larger than wanted; `photograph` reduces them to
what a small sensor would have seen. Points are float (P, 2) in a pen's coordinates, x right and y down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

Colour = tuple[int, int, int]  # red, green, blue in 0..255
Generator = np.random.Generator

SUPERSAMPLE = 4  # canvas pixels a side for each final pixel; fewer leaves jagged hands and teeth
TURN = 2 * np.pi
SOFT_EDGE = 0.03  # of the side: how far shading reaches into a solid and its shadow out of it
LIGHT = (-0.01, -0.03)  # towards the lamp, in fractions of the side: above and a little to the left
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601, as in JPEG
MOUTHS = ((226, 140, 110), (230, 170, 90), (205, 110, 100), (240, 200, 150), (150, 60, 50))
TEETH = (240, 232, 205)
# Dark and light tone of a hide. Clocks, rocks and leaves borrow them: colour alone must not give the class.
HIDES = (
    ((38, 44, 24), (128, 134, 84)),
    ((48, 40, 26), (150, 126, 86)),
    ((46, 50, 54), (148, 152, 152)),
    ((18, 20, 22), (92, 94, 94)),
    ((92, 80, 56), (204, 190, 152)),
    ((30, 50, 40), (110, 140, 110)),
    ((64, 50, 22), (182, 150, 74)),
    ((36, 46, 62), (118, 136, 160)),
    ((62, 34, 22), (172, 110, 76)),
)
# The seven strokes of a digit, from corner to corner of a box one wide and two high.
STROKES = {
    "a": ((0, 0), (1, 0)), "b": ((1, 0), (1, 1)), "c": ((1, 1), (1, 2)), "d": ((0, 2), (1, 2)),
    "e": ((0, 1), (0, 2)), "f": ((0, 0), (0, 1)), "g": ((0, 1), (1, 1)),
}  # fmt: skip
DIGITS = ("abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgedc", "abc", "abcdefg", "abcdfg")


# ---- choices and colours ---------------------------------------------------------------------------------


def pick(rng: Generator, options: Sequence):
    """One of `options`, all equally likely."""
    return options[int(rng.integers(len(options)))]


def chance(rng: Generator, probability: float) -> bool:
    """True with this probability."""
    return bool(rng.random() < probability)


def mix(a: Colour, b: Colour, t: float) -> Colour:
    """The colour a fraction `t` in [0, 1] of the way from `a` to `b`."""
    return tuple(round(x + (y - x) * t) for x, y in zip(a, b, strict=True))


def jitter(rng: Generator, colour: Colour, amount: float = 18) -> Colour:
    """`colour` with brightness and each channel moved by a normal of `amount` levels."""
    shift = rng.normal(0, amount) + rng.normal(0, amount / 2, 3)
    return tuple(int(v) for v in np.clip(colour + shift, 0, 255))


def any_colour(rng: Generator) -> Colour:
    """Any colour, half of them pulled towards grey as most painted things are."""
    colour = tuple(int(v) for v in rng.integers(15, 245, 3))
    grey = (round(float(np.mean(colour))),) * 3
    return mix(colour, grey, rng.uniform(0, 0.8) if chance(rng, 0.6) else 0)


def turned(points, angle: float) -> np.ndarray:
    """Points (P, 2) turned about the origin by `angle` radians, clockwise on screen."""
    c, s = np.cos(angle), np.sin(angle)
    return np.asarray(points, dtype=float) @ np.array([[c, s], [-s, c]])


def superellipse(power: float = 2, n: int = 44) -> np.ndarray:
    """Outline (n, 2) of radius 1: a circle at power 2, a rounded square at 6, a square beyond 20."""
    angle = np.linspace(0, TURN, n, endpoint=False)
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.sign(points) * np.abs(points) ** (2 / power)


CIRCLE = superellipse()


# ---- pen -------------------------------------------------------------------------------------------------


class Pen:
    """Draws in local coordinates: origin at (x, y) and unit length `scale`, in fractions of the image's side.

    `squash` narrows local x, as a dial seen from the side; then everything turns by `angle` radians.
    """

    def __init__(self, image: Image.Image, x=0.5, y=0.5, scale=0.4, *, angle=0.0, squash=1.0):
        self.image, self.draw = image, ImageDraw.Draw(image)
        self.unit = scale * image.width
        self.origin = np.array([x, y]) * image.width
        stretch = np.array([[squash], [1.0]])
        self.matrix = self.unit * stretch * turned(np.eye(2), angle)

    def on(self, image: Image.Image) -> Pen:
        """The same pen drawing on another image, such as a mask."""
        other = object.__new__(Pen)
        other.__dict__.update(self.__dict__, image=image, draw=ImageDraw.Draw(image))
        return other

    def moved(self, x: float, y: float, scale: float = 1.0) -> Pen:
        """A pen whose origin is at local (x, y) and whose unit is `scale` times this one's."""
        other = self.on(self.image)
        other.origin = self.place([(x, y)])[0]
        other.unit, other.matrix = self.unit * scale, self.matrix * scale
        return other

    def place(self, points) -> np.ndarray:
        """Local points (P, 2) as canvas pixels (P, 2)."""
        return np.asarray(points, dtype=float) @ self.matrix + self.origin

    def polygon(self, points, colour) -> None:
        self.draw.polygon(self.place(points).ravel().tolist(), fill=colour)

    def line(self, points, width: float, colour) -> None:
        """A stroke through `points`, `width` in local units."""
        pixels = max(1, round(width * self.unit))
        self.draw.line(self.place(points).ravel().tolist(), fill=colour, width=pixels, joint="curve")

    def disc(self, x: float, y: float, radius: float, colour, *, tall: float = 1.0) -> None:
        """A filled circle, or an ellipse `tall` times as high as wide."""
        self.polygon(CIRCLE * (radius, radius * tall) + (x, y), colour)

    def box(self, left: float, top: float, right: float, bottom: float, colour) -> None:
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], colour)


# ---- surfaces and solids ---------------------------------------------------------------------------------


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


def directions(spine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors along a spine (P, 2) and across it, both (P, 2)."""
    along = np.gradient(spine, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    return along, np.stack([along[:, 1], -along[:, 0]], axis=1)


def ribbon(spine, above, below=None) -> np.ndarray:
    """Outline (2P, 2) of a body along `spine` (P, 2), `above` (P,) wide on one side, `below` on the other."""
    spine = np.asarray(spine, dtype=float)
    _, across = directions(spine)
    below = above if below is None else below
    return np.concatenate([spine + across * above[:, None], (spine - across * below[:, None])[::-1]])


# ---- clock parts -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Dial:
    """How one clock face looks; lengths are fractions of the dial's radius."""

    face: Colour
    ink: Colour  # hands and numerals
    bezel: Colour
    accent: Colour  # second hand, picture on the face
    power: float  # outline, see superellipse
    rim: float  # width of the bezel
    numerals: int  # how many of the twelve are written: 0, 4 or 12
    ticks: int  # marks around the rim: 0, 12 or 60
    hands: tuple[float, float]  # where hour and minute hand point, radians clockwise from twelve
    hand_width: float
    second_hand: bool
    picture: bool  # a coloured patch in the middle, as on children's clocks


FACES = ((246, 246, 242), (238, 230, 205), (222, 222, 224), (250, 250, 250), (200, 190, 160), (30, 30, 34))
BEZELS = ((30, 30, 32), (120, 78, 40), (180, 150, 80), (190, 194, 198), (170, 30, 34), (30, 50, 110))


def random_dial(rng: Generator) -> Dial:
    """A dial with a readable face: the ink is dark on a light face and light on a dark one."""
    face = any_colour(rng) if chance(rng, 0.3) else jitter(rng, pick(rng, FACES), 10)
    bright = float(np.dot(face, LUMA)) > 115
    ink = mix((20, 18, 20) if bright else (240, 238, 228), face, rng.uniform(0, 0.35))
    minute = rng.uniform(0, TURN)
    hour = (int(rng.integers(12)) + minute / TURN) / 12 * TURN
    return Dial(
        face=face,
        ink=ink,
        bezel=any_colour(rng) if chance(rng, 0.35) else jitter(rng, pick(rng, BEZELS), 12),
        accent=any_colour(rng),
        power=pick(rng, (2, 2, 2, 2, 2, 3, 6, 12)),
        rim=rng.uniform(0.05, 0.26),
        numerals=pick(rng, (0, 4, 12, 12)),
        ticks=pick(rng, (0, 12, 12, 60)),
        hands=(hour, minute),
        hand_width=rng.uniform(0.05, 0.11),
        second_hand=chance(rng, 0.35),
        picture=chance(rng, 0.2),
    )


def write_digits(pen: Pen, text: str, x: float, y: float, height: float, colour, *, weight=0.16) -> None:
    """Seven-stroke digits centred on (x, y); a colon is two dots. Strokes are `weight` heights wide."""
    pitch = 0.75 * height
    for k, char in enumerate(text):
        left = x + (k - (len(text) - 1) / 2) * pitch - height / 4
        if char == ":":
            for dot in (0.3, 0.7):
                pen.disc(left + height / 4, y + (dot - 0.5) * height, weight * height * 0.7, colour)
            continue
        for stroke in DIGITS[int(char)]:
            ends = np.array(STROKES[stroke]) * height / 2 + (left, y - height / 2)
            pen.line(ends, weight * height, colour)


def hand(pen: Pen, angle: float, length: float, width: float, colour) -> None:
    """A tapered clock hand from a little behind the centre out to `length`."""
    shoulder = 0.9 * width, -0.7 * length
    shape = [(-width, 0.12), (width, 0.12), shoulder, (0, -length), (-shoulder[0], shoulder[1])]
    pen.polygon(turned(shape, angle), colour)


def draw_marks(pen: Pen, dial: Dial) -> None:
    """Ticks and numerals. On a square dial they follow the outline, not a circle."""
    inner = 1 - dial.rim
    outline = superellipse(dial.power, 60) * inner  # point 0 is at three o'clock, then clockwise
    step = 60 // dial.ticks if dial.ticks else 61
    for k in range(0, 60 if dial.ticks else 0, step):
        width = 0.06 if k % 15 == 0 else 0.035
        pen.line([outline[k] * 0.95, outline[k] * (0.83 if k % 5 == 0 else 0.9)], width, dial.ink)
    for k in range(0, dial.numerals):
        hour = (k + 1) * 12 // dial.numerals
        x, y = outline[(hour * 5 + 45) % 60] * 0.7
        write_digits(pen, str(hour), x, y, 0.2, dial.ink, weight=0.24)


def draw_hands(pen: Pen, dial: Dial) -> None:
    """Hour, minute and perhaps second hand, with a cap."""
    hour, minute = dial.hands
    hand(pen, hour, 0.5 * (1 - dial.rim), dial.hand_width * 1.15, dial.ink)
    hand(pen, minute, 0.8 * (1 - dial.rim), dial.hand_width * 0.8, dial.ink)
    if dial.second_hand:
        hand(pen, hour + minute * 7, 0.82 * (1 - dial.rim), 0.025, dial.accent)
    pen.disc(0, 0, dial.hand_width * 1.3, dial.ink)


def draw_dial(pen: Pen, dial: Dial, face: Image.Image | None = None) -> None:
    """A whole dial of radius 1 about the pen's origin; `face` textures it, otherwise it is painted."""
    outline = superellipse(dial.power)
    solid_polygon(pen, outline, dial.bezel, relief=0.45)
    mask = new_mask(pen.image)
    pen.on(mask).polygon(outline * (1 - dial.rim), 255)
    pen.image.paste(face or dial.face, mask=mask)
    if dial.picture:
        pen.disc(0.05, 0.1, 0.34, dial.accent, tall=1.2)
        pen.disc(0.02, -0.22, 0.2, mix(dial.accent, dial.face, 0.5))
    draw_marks(pen, dial)
    draw_hands(pen, dial)


# ---- crocodile parts -------------------------------------------------------------------------------------

STATIONS = np.linspace(0, 1, 56)  # along a body, from the tip of the snout to the tip of the tail


def profile(*knots: tuple[float, float]) -> np.ndarray:
    """Widths (56,) at STATIONS through (station, width) knots."""
    return np.interp(STATIONS, *zip(*knots, strict=True))


FROM_ABOVE = profile((0, 0.05), (0.03, 0.07), (0.1, 0.075), (0.16, 0.13), (0.21, 0.13), (0.26, 0.11),
                     (0.38, 0.2), (0.5, 0.19), (0.58, 0.11), (0.75, 0.06), (1, 0.005))  # fmt: skip
BACK = profile((0, 0.045), (0.04, 0.05), (0.14, 0.05), (0.18, 0.12), (0.22, 0.13), (0.27, 0.1), (0.34, 0.13),
               (0.44, 0.16), (0.56, 0.12), (0.75, 0.06), (1, 0.01))  # fmt: skip
BELLY = profile((0, 0.045), (0.16, 0.06), (0.22, 0.1), (0.34, 0.12), (0.46, 0.15), (0.56, 0.1), (0.75, 0.05),
                (1, 0.005))  # fmt: skip
UPPER_JAW = ((0.3, 0), (0, 0), (-0.5, -0.02), (-1.12, 0), (-1.25, -0.06), (-1.2, -0.16), (-1.05, -0.17),
             (-0.9, -0.12), (-0.5, -0.19), (-0.3, -0.4), (-0.12, -0.42), (0, -0.32),
             (0.3, -0.34))  # fmt: skip
LOWER_JAW = ((0.3, 0), (0, 0), (-1.05, 0), (-1.12, 0.06), (-0.95, 0.13), (-0.3, 0.22), (0.3, 0.34))


def wavy_spine(rng: Generator, bend: float = 0.5) -> np.ndarray:
    """A centred spine (56, 2) of length 2 that turns to and fro by some `bend` radians a unit."""
    step = 2 / len(STATIONS)
    turning = rng.normal(0, bend) + 2 * bend * np.sin(TURN * (STATIONS * rng.uniform(0.4, 1) + rng.random()))
    heading = np.cumsum(turning) * step
    spine = np.cumsum(np.stack([np.cos(heading), np.sin(heading)], axis=1), axis=0) * step
    return spine - spine.mean(axis=0)


def ring_spine(radius: float, start: float, sweep: float) -> np.ndarray:
    """A spine (56, 2) along a circle, for a crocodile curled up."""
    angle = start + sweep * STATIONS
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def crocodile_above(pen: Pen, rng: Generator, skin: Image.Image, spine: np.ndarray, girth=1.0, **how) -> None:
    """A crocodile seen from above along `spine` (56, 2): legs spread, scutes down its back, two eyes."""
    mask = new_mask(pen.image)
    on_mask = pen.on(mask)
    along, across = directions(spine)
    for station, lean in ((17, -0.12), (30, 0.12)):
        for side in (-1, 1):
            knee = spine[station] + side * across[station] * 0.28 * girth + lean * along[station]
            foot = knee + side * across[station] * 0.06 + rng.normal(0, 0.07, 2) - 0.08 * along[station]
            on_mask.line([spine[station], knee, foot], 0.08 * girth, 255)
    on_mask.polygon(ribbon(spine, FROM_ABOVE * girth), 255)
    solid(pen.image, mask, skin, **how)
    for k in range(16, 48, 3):
        for side in (-1, 1):
            scute = spine[k] + side * across[k] * 0.3 * FROM_ABOVE[k] * girth
            pen.disc(*scute, 0.018 * girth, (26, 26, 20))
    for side in (-1, 1):
        eye = spine[10] + side * across[10] * 0.075 * girth
        pen.disc(*eye, 0.035 * girth, pick(rng, ((12, 12, 8), (210, 190, 90))))


def crocodile_side(pen: Pen, rng: Generator, skin: Image.Image, girth: float = 1.0, **how) -> None:
    """A crocodile seen from the side, snout at x = -1, tail at x = 1: serrated back, legs, a toothed grin."""
    x = np.linspace(-1, 1, len(STATIONS))
    tail, head = np.clip(STATIONS - 0.55, 0, 1), np.clip(0.3 - STATIONS, 0, 1)
    droop = rng.uniform(-0.15, 0.2) * tail - rng.uniform(0, 0.2) * head
    saw = 0.035 * (np.arange(len(STATIONS)) % 2) * (STATIONS > 0.26) * (STATIONS < 0.97)
    mask = new_mask(pen.image)
    on_mask = pen.on(mask)
    on_mask.polygon(ribbon(np.stack([x, droop], axis=1), BACK * girth + saw, BELLY * girth), 255)
    for hip in (-0.38, -0.3, 0.1, 0.2):
        stride = rng.normal(0, 0.05)
        on_mask.line([(hip, 0.08), (hip + 0.05, 0.2 * girth), (hip + stride, 0.3)], 0.09 * girth, 255)
        on_mask.line([(hip + stride + 0.03, 0.3), (hip + stride - 0.09, 0.31)], 0.05, 255)
    solid(pen.image, mask, skin, **how)
    grin = [(-0.98, droop[0] + 0.01), (-0.8, droop[5] + 0.02), (-0.64, droop[10] - 0.01)]
    pen.line(grin, 0.02, (20, 18, 14))
    for t in np.linspace(-0.95, -0.7, 6):
        pen.polygon([(t, droop[2] + 0.01), (t + 0.03, droop[2] + 0.01), (t + 0.015, droop[2] + 0.06)], TEETH)
    pen.disc(-0.65, droop[10] - 0.09 * girth, 0.025, (225, 200, 90))


def row_of_teeth(pen: Pen, rng: Generator, angle: float, down: int, colour) -> None:
    """Uneven teeth along a jaw that leaves the origin leftwards at `angle`, pointing down (1) or up (-1)."""
    size = rng.uniform(0.06, 0.14)
    for x in np.arange(-1.12, rng.uniform(-0.6, -0.25), 0.12):
        tip = x + 0.04 + rng.normal(0, 0.015), down * size * rng.uniform(0.5, 1.2)
        pen.polygon(turned([(x, 0), (x + 0.08, 0), tip], angle), colour)


def open_throat(pen: Pen, rng: Generator, up: float, down: float) -> None:
    """The flesh between two jaws that leave the origin leftwards at angles `up` and `down`."""
    middle = (up + down) / 2
    corner, top, bottom = turned([(-0.25, 0)], middle), turned([(-1, 0.03)], up), turned([(-1, 0)], down)
    pen.polygon([(0.1, 0), *top, *corner, *bottom], jitter(rng, pick(rng, MOUTHS)))
    pen.polygon(turned([(0.1, 0.05), (-0.4, 0.12), (-0.4, -0.12)], middle), (70, 24, 22))


def crocodile_head(pen: Pen, rng: Generator, skin: Image.Image, gape, *, neck=True, tilt=0.6, **how) -> None:
    """A head from the side, its jaws leftwards from a hinge at the origin and open by `gape` radians.

    The upper jaw is lifted by `tilt` of the gape, the lower one drops by the rest. `neck` adds a body behind.
    """
    up, down = gape * tilt, -gape * (1 - tilt)
    is_open = gape > 0.15
    if is_open:
        open_throat(pen, rng, up, down)
    mask = new_mask(pen.image)
    on_mask = pen.on(mask)
    if neck:
        on_mask.polygon([(-0.05, -0.3), (0.5, -0.36), (3, -0.5), (3, 0.75), (0.5, 0.5), (0, 0.22)], 255)
    on_mask.polygon(turned(UPPER_JAW, up), 255)
    on_mask.polygon(turned(LOWER_JAW, down), 255)
    solid(pen.image, mask, skin, **how)
    teeth = mix(TEETH, (120, 105, 80), rng.uniform(0, 0.8))
    row_of_teeth(pen, rng, up, 1, teeth)
    if is_open:
        row_of_teeth(pen, rng, down, -1, teeth)
    else:
        pen.line(turned([(-1.15, 0.01), (-0.6, 0.03), (-0.1, 0)], up), 0.035, (24, 20, 16))
    eye = turned([(-0.2, -0.33)], up)[0]
    pen.disc(*eye, 0.075, pick(rng, ((225, 200, 90), (200, 210, 120), (20, 18, 12))))
    pen.disc(*eye, 0.035, (10, 10, 8), tall=1.6)


# ---- camera ----------------------------------------------------------------------------------------------


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
