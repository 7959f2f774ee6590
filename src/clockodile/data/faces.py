"""Photographs of people as a source: of each the one clearly largest face, cut out with a margin, then scaled.

A detector is a function: photograph in, boxes out. The usual one comes with scikit-image and needs no download, a
cascade of boosted classifiers on local binary patterns (Viola & Jones, 2001; Liao et al., 2007). Where facenet-pytorch
is installed (`pip install --no-deps facenet-pytorch`: it asks for an old torch), its MTCNN, a chain of three small nets
(Zhang et al., 2016), is used instead.
"""

import importlib
import importlib.util
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image
from skimage.feature import Cascade

from clockodile.data.files import InvalidImage, read_image, to_square

Box = tuple[int, int, int]  # a square: top, left, side, in pixels
Detector = Callable[[np.ndarray], list[Box]]  # photograph uint8 (H, W, 3) -> boxes, in any order

LOOK_AT = 640  # pixels of the shorter side at which faces are looked for
MARGIN = 0.25  # of a box's side that is added on each of its sides: hair and chin belong to a face
CLEARLY = 1.5  # a face is clearly the largest when its side is so many times that of the next
SAME = 0.3  # share of the smaller box: boxes that overlap more are one face, found twice
SMALLEST = 1 / 8  # of the shorter side: smaller patterns are more often cushions than faces
AGREE = 10  # neighbouring windows that must agree; with fewer, books and curtains count too
NO_FACE, SEVERAL = "no face found", "several faces, none clearly the largest"  # how the reasons begin


@cache
def _cascade() -> Cascade:
    return Cascade(skimage.data.lbp_frontal_face_cascade_filename())


def cascade_boxes(photograph: np.ndarray) -> list[Box]:
    """Frontal, upright faces by scikit-image's cascade."""
    grey, side = np.asarray(Image.fromarray(photograph).convert("L")), min(photograph.shape[:2])
    least = max(24, round(side * SMALLEST))  # the cascade's own window has 24 pixels
    if side < least:
        return []
    found = _cascade().detect_multi_scale(
        grey, scale_factor=1.1, step_ratio=1, min_size=(least, least), max_size=(side, side), min_neighbor_number=AGREE
    )
    return [(one["r"], one["c"], one["width"]) for one in found]


@cache
def _mtcnn():
    return importlib.import_module("facenet_pytorch").MTCNN(keep_all=True, device="cpu")


def mtcnn_boxes(photograph: np.ndarray) -> list[Box]:
    """Faces by facenet-pytorch's MTCNN, which is sure of them at nine in ten; a box becomes the square around it."""
    boxes, sure = _mtcnn().detect(Image.fromarray(photograph))
    if boxes is None:
        return []
    found = []
    for (left, top, right, bottom), p in zip(boxes, sure, strict=True):
        side = max(right - left, bottom - top)
        if p >= 0.9 and side >= SMALLEST * min(photograph.shape[:2]):
            corner = ((top + bottom - side) / 2, (left + right - side) / 2)
            found.append(tuple(round(float(value)) for value in (*corner, side)))
    return found


def detector() -> tuple[str, Detector]:
    """What finds faces here, and what it is called."""
    if importlib.util.find_spec("facenet_pytorch"):
        return "MTCNN", mtcnn_boxes
    return "a cascade of local binary patterns", cascade_boxes


def overlap_share(one: Box, other: Box) -> float:
    """Area that two boxes share, as a share of the smaller one's."""
    high, wide = (
        max(0, min(one[axis] + one[2], other[axis] + other[2]) - max(one[axis], other[axis])) for axis in (0, 1)
    )
    return high * wide / min(one[2], other[2]) ** 2


def faces_in(image: Image.Image, find: Detector | None = None) -> list[Box]:
    """The faces in an upright photograph, the largest first, each once. find: None for `detector()`'s."""
    factor = max(1.0, min(image.size) / LOOK_AT)
    small = image.convert("RGB").resize([max(1, round(side / factor)) for side in image.size])
    kept = []
    for box in sorted((find or detector()[1])(np.asarray(small)), key=lambda box: -box[2]):
        if all(overlap_share(box, other) <= SAME for other in kept):
            kept.append(box)
    return [tuple(round(value * factor) for value in box) for box in kept]


def chosen_face(boxes: list[Box]) -> Box:
    """The one clearly largest face. boxes: the largest first. Raises InvalidImage, saying why, when there is none."""
    if not boxes:
        raise InvalidImage(f"{NO_FACE}: crop the photograph to the face, or leave it out")
    if len(boxes) > 1 and boxes[0][2] < CLEARLY * boxes[1][2]:
        raise InvalidImage(f"{SEVERAL}: {len(boxes)} were found; crop the photograph to the one that is meant")
    return boxes[0]


def with_margin(box: Box, width: int, height: int) -> Box:
    """The box with its margin, pushed into the photograph; smaller where that is smaller."""
    top, left, side = box
    wanted = min(round(side * (1 + 2 * MARGIN)), width, height)
    corner = (at - (wanted - side) // 2 for at in (top, left))
    top, left = (max(0, min(at, most - wanted)) for at, most in zip(corner, (height, width), strict=True))
    return top, left, wanted


def cut_face(image: Image.Image, size: int, *, find: Detector | None = None) -> Image.Image:
    """The square around the clearly largest face, size x size pixels.

    Raises InvalidImage when no face was found, or several and none clearly largest.
    """
    top, left, side = with_margin(chosen_face(faces_in(image, find)), *image.size)
    return to_square(image.crop((left, top, left + side, top + side)), size)


read_face = partial(read_image, cut=cut_face, least=LOOK_AT)


def look(path: Path) -> tuple[Image.Image, list[Box]]:
    """A photograph, upright, and the faces found in it. Raises InvalidImage for a file that cannot be read."""
    seen = []

    def watch(image: Image.Image, size: int) -> Image.Image:
        seen.append((image.convert("RGB"), faces_in(image)))
        return to_square(image, size)

    read_image(path, 8, cut=watch, least=LOOK_AT)
    return seen[0]
