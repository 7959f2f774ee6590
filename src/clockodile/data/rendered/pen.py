"""A pen that draws flat shapes in coordinates of its own: moved, turned, narrowed."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from clockodile.data.rendered.shapes import CIRCLE, turned


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
