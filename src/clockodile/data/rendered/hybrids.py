"""Kinds of thing that is both: functions `(rng, side) -> canvas`; one listed twice is drawn twice as often."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from clockodile.data.rendered.clock_parts import draw_dial, readable_dial
from clockodile.data.rendered.colours import HIDES, Generator, mix, pick
from clockodile.data.rendered.crocodile_parts import (
    crocodile_above,
    crocodile_head,
    crocodile_side,
    lie,
    open_mouth,
)
from clockodile.data.rendered.pen import Pen
from clockodile.data.rendered.scenes import INDOORS, OUTDOORS, either_way, scene
from clockodile.data.rendered.shapes import CIRCLE, STATIONS, TURN, ribbon, ring_spine, superellipse
from clockodile.data.rendered.surfaces import hide, solid_polygon


def dial_on_back(rng: Generator, side: int) -> Image.Image:
    """A crocodile from the side with a clock in its flank."""
    canvas = scene(rng, side, OUTDOORS, clutter=0)
    pen = Pen(canvas, 0.6, 0.56, rng.uniform(0.6, 0.66), angle=rng.normal(0, 0.08))
    crocodile_side(pen, rng, hide(rng, side), 1.7, **lie(rng))
    draw_dial(pen.moved(-0.02, -0.04, rng.uniform(0.29, 0.34)), readable_dial(rng))
    return either_way(rng, canvas)


def hide_dial(rng: Generator, side: int) -> Image.Image:
    """A clock of crocodile skin out of which the head breaks, jaws open."""
    canvas = scene(rng, side, INDOORS, clutter=0)
    pen = Pen(canvas, 0.6, 0.44, 0.4, angle=rng.normal(0, 0.06))
    tones = pick(rng, HIDES[:4])
    dial = replace(readable_dial(rng), ink=(250, 246, 225), bezel=tones[0], second_hand=False)
    draw_dial(pen, dial, hide(rng, side, tones, scale=1.8))
    pale = (mix(*tones, 0.4), mix(tones[1], (255, 255, 255), 0.2))
    jaws_out = pen.moved(0.0, 0.72, 1.12)
    crocodile_head(jaws_out, rng, hide(rng, side, pale), rng.uniform(0.6, 0.9), neck=False, **lie(rng))
    return either_way(rng, canvas)


def dial_skull(rng: Generator, side: int) -> Image.Image:
    """A crocodile head on, mouth open towards us, with a dial for a forehead."""
    canvas = scene(rng, side, OUTDOORS, clutter=0)
    pen = Pen(canvas, 0.5, 0.56, 0.42, angle=rng.normal(0, 0.1))
    skin, how = hide(rng, side, scale=1.4), lie(rng)
    open_mouth(pen.moved(0, 0.15, 1.05), rng, skin, **how)
    solid_polygon(pen, superellipse(2.6) * (1.0, 0.7) + (0, -0.45), skin, **how)
    for s in (-1, 1):
        solid_polygon(pen, CIRCLE * (0.24, 0.2) + (s * 0.78, -0.95), skin, **how)
        pen.disc(s * 0.8, -0.95, 0.11, (225, 200, 90))
    draw_dial(pen.moved(0, -0.48, rng.uniform(0.6, 0.68)), readable_dial(rng))
    return canvas


def crocodile_alarm(rng: Generator, side: int) -> Image.Image:
    """An alarm clock in a hide, with jaws on one side, a tail on the other and clawed feet."""
    canvas = scene(rng, side, INDOORS, clutter=0)
    pen = Pen(canvas, 0.66, 0.54, 0.29, angle=rng.normal(0, 0.06))
    skin, how = hide(rng, side), lie(rng)
    sweep = np.linspace(0, 1, 20)
    tail = np.stack([0.5 + 1.1 * sweep, 0.5 - 1.2 * sweep**2], axis=1)
    solid_polygon(pen, ribbon(tail, 0.36 * (1 - sweep) + 0.02), skin, **how)
    crocodile_head(pen.moved(-0.9, -0.2, 1.1), rng, skin, rng.uniform(0.4, 0.7), neck=False, **how)
    for s in (-1, 1):
        solid_polygon(pen, [(s * 0.3, 0.6), (s * 0.7, 0.6), (s * 0.95, 1.2), (s * 0.4, 1.2)], skin, **how)
    solid_polygon(pen, CIRCLE * 1.05, skin, **how)
    draw_dial(pen.moved(0, 0, 0.85), readable_dial(rng))
    return either_way(rng, canvas)


def jaw_hands(rng: Generator, side: int) -> Image.Image:
    """A dial whose two hands are the jaws of a crocodile."""
    canvas = scene(rng, side, INDOORS, clutter=0)
    pen = Pen(canvas, scale=0.48)
    draw_dial(pen, replace(readable_dial(rng), hands=(0, 0), hand_width=0.01, second_hand=False))
    head = Pen(canvas, scale=0.48, angle=rng.normal(0, 0.5)).moved(0.3, 0.1, 0.78)
    skin = hide(rng, side, pick(rng, HIDES[:4]))  # the darker hides: these hands are read on a light face
    crocodile_head(head, rng, skin, rng.uniform(0.6, 1.1), neck=False, **lie(rng))
    return either_way(rng, canvas)


def curled(rng: Generator, side: int) -> Image.Image:
    """A crocodile curled up around a dial."""
    canvas = scene(rng, side, OUTDOORS, clutter=0)
    pen = Pen(canvas, scale=0.47)
    draw_dial(pen.moved(0, 0, rng.uniform(0.58, 0.62)), readable_dial(rng))
    spine = ring_spine(0.78, rng.uniform(0, TURN), rng.uniform(4.6, 5.2))
    crocodile_above(pen, rng, hide(rng, side), spine, 1.6, **lie(rng))
    return either_way(rng, canvas)


def bite(rng: Generator, side: int) -> Image.Image:
    """An open mouth with a clock in it."""
    canvas = scene(rng, side, OUTDOORS, clutter=0)
    pen = Pen(canvas, 0.72, 0.52, rng.uniform(0.48, 0.54), angle=rng.normal(0, 0.1))
    crocodile_head(pen, rng, hide(rng, side, scale=1.3), rng.uniform(1.0, 1.25), tilt=0.5, **lie(rng))
    draw_dial(pen.moved(-0.8, 0, rng.uniform(0.38, 0.45)), readable_dial(rng))
    return either_way(rng, canvas)


def clock_eye(rng: Generator, side: int) -> Image.Image:
    """A head whose eye is a clock."""
    canvas = scene(rng, side, OUTDOORS, clutter=0)
    pen = Pen(canvas, 0.7, 0.6, rng.uniform(0.52, 0.58), angle=rng.normal(0, 0.1))
    crocodile_head(pen, rng, hide(rng, side, scale=1.3), rng.uniform(0.3, 0.6), tilt=0.3, **lie(rng))
    draw_dial(pen.moved(0.0, -0.3, rng.uniform(0.4, 0.48)), readable_dial(rng))
    return either_way(rng, canvas)


def watch_strap(rng: Generator, side: int) -> Image.Image:
    """A wristwatch whose strap is the whole crocodile, head at one end and tail at the other."""
    canvas = scene(rng, side, INDOORS, clutter=0)
    pen = Pen(canvas, 0.5, 0.52, scale=0.58, angle=np.pi / 2 + rng.normal(0, 0.5))
    spine = np.stack([2 * STATIONS - 1, 0.1 * np.sin(TURN * STATIONS)], axis=1)
    crocodile_above(pen, rng, hide(rng, side), spine, 2.0, **lie(rng))
    upright = Pen(canvas, *(pen.place([(0.0, 0)])[0] / side), rng.uniform(0.18, 0.21))
    draw_dial(upright, readable_dial(rng))
    return canvas


HYBRIDS = (
    dial_on_back, hide_dial, dial_skull, crocodile_alarm, jaw_hands, curled, bite, clock_eye, watch_strap,
)  # fmt: skip
