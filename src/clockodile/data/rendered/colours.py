"""Random choices and the colours things are painted in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Colour = tuple[int, int, int]  # red, green, blue in 0..255
Generator = np.random.Generator
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601, as in JPEG
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
