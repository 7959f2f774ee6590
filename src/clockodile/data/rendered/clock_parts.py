"""What clocks are made of: digits, hands, marks, and the whole dial."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from clockodile.data.rendered.colours import LUMA, Colour, Generator, any_colour, chance, jitter, mix, pick
from clockodile.data.rendered.pen import Pen
from clockodile.data.rendered.shapes import TURN, superellipse, turned
from clockodile.data.rendered.surfaces import new_mask, solid_polygon

# The seven strokes of a digit, from corner to corner of a box one wide and two high.
STROKES = {
    "a": ((0, 0), (1, 0)), "b": ((1, 0), (1, 1)), "c": ((1, 1), (1, 2)), "d": ((0, 2), (1, 2)),
    "e": ((0, 1), (0, 2)), "f": ((0, 0), (0, 1)), "g": ((0, 1), (1, 1)),
}  # fmt: skip
DIGITS = ("abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgedc", "abc", "abcdefg", "abcdfg")
FACES = ((246, 246, 242), (238, 230, 205), (222, 222, 224), (250, 250, 250), (200, 190, 160), (30, 30, 34))
BEZELS = ((30, 30, 32), (120, 78, 40), (180, 150, 80), (190, 194, 198), (170, 30, 34), (30, 50, 110))


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


def readable_dial(rng: Generator) -> Dial:
    """A round, plain, light dial with bold hands, since half a hybrid's picture has to be enough."""
    face, ink = jitter(rng, pick(rng, FACES[:4]), 6), jitter(rng, (24, 20, 20), 8)
    dial = replace(random_dial(rng), face=face, ink=ink, power=2, picture=False, rim=rng.uniform(0.1, 0.18))
    return replace(dial, numerals=pick(rng, (4, 12)), ticks=12, hand_width=rng.uniform(0.09, 0.13))


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


def thick_dial(pen: Pen, dial: Dial, depth: float) -> None:
    """A dial on a case whose side shows on the left or right."""
    solid_polygon(pen.moved(depth, 0.02), superellipse(dial.power), mix(dial.bezel, (0, 0, 0), 0.5))
    draw_dial(pen, dial)
