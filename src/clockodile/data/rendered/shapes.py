"""Outlines before anything is drawn: float points (P, 2), x right and y down.

A long body is a spine of 56 points, from the tip of the snout to the tip of the tail, and its width at each.
"""

from __future__ import annotations

import numpy as np

from clockodile.data.rendered.colours import Generator

TURN = 2 * np.pi
STATIONS = np.linspace(0, 1, 56)  # along a body, from the tip of the snout to the tip of the tail


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


def both_sides(right: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """A closed outline from its right half, listed from top to bottom."""
    return right + [(-x, y) for x, y in reversed(right)]


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


def profile(*knots: tuple[float, float]) -> np.ndarray:
    """Widths (56,) at STATIONS through (station, width) knots."""
    return np.interp(STATIONS, *zip(*knots, strict=True))


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
