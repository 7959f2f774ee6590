"""What crocodiles are made of: a body from above and from the side, a head, jaws and teeth."""

from __future__ import annotations

import numpy as np
from PIL import Image

from clockodile.data.rendered.colours import Generator, jitter, mix, pick
from clockodile.data.rendered.pen import Pen
from clockodile.data.rendered.shapes import STATIONS, directions, profile, ribbon, turned
from clockodile.data.rendered.surfaces import new_mask, solid, solid_polygon

MOUTHS = ((226, 140, 110), (230, 170, 90), (205, 110, 100), (240, 200, 150), (150, 60, 50))
TEETH = (240, 232, 205)
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


def lie(rng: Generator) -> dict:
    """How a body is lit: from above, to one side, with a weak or a hard shadow."""
    light = (rng.normal(0, 0.02), -rng.uniform(0.01, 0.05))
    return {"light": light, "relief": rng.uniform(0.4, 0.9), "shadow": rng.uniform(0.2, 0.7)}


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


def open_mouth(pen: Pen, rng: Generator, skin: Image.Image, **how) -> None:
    """The lower jaw seen from the front: a V with flesh inside and teeth along both edges."""
    drop, wide = rng.uniform(0.7, 1.2), rng.uniform(0.6, 0.8)
    solid_polygon(pen, [(-wide - 0.1, -0.2), (wide + 0.1, -0.2), (0.22, drop), (-0.22, drop)], skin, **how)
    flesh = jitter(rng, pick(rng, MOUTHS))
    pen.polygon([(-wide + 0.08, -0.2), (wide - 0.08, -0.2), (0.1, drop - 0.14), (-0.1, drop - 0.14)], flesh)
    pen.polygon([(-wide * 0.4, -0.2), (wide * 0.4, -0.2), (0, drop * 0.4)], mix(flesh, (40, 10, 10), 0.7))
    for s in (-1, 1):
        for t in np.linspace(0.1, 0.8, 4):
            x, y = s * (wide * (1 - t) + 0.12 * t), -0.2 + t * drop
            pen.polygon([(x, y), (x - s * 0.05, y + 0.13), (x - s * 0.14, y - 0.02)], TEETH)
