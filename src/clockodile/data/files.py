"""Reading people's images: every file becomes a square of uint8 RGB, or a phrase that says why it did not.

Nothing here trusts a file: not its name, its suffix, its header or its size.
"""

from __future__ import annotations

import os
import stat
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from clockodile.core.errors import os_reason

# A closed list: others of Pillow's readers start programs (EPS) or accept almost any bytes (TGA).
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "DIB", "TIFF", "PPM", "AVIF", "JPEG2000")
SIGNATURES = {
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"RIFF": "WebP",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
}
MIN_SIDE = 8  # pixels; below this there is nothing to recognise, and icons and tracking pixels are common
MAX_PIXELS = 89_000_000  # just under Pillow's own warning limit; decoded, that is 270 MB
TURNS = {  # EXIF orientation -> what makes the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class InvalidImage(Exception):
    """A file that cannot be used; the text is the reason, one phrase for its note."""


# --- opening one file ---------------------------------------------------------------------------------------


_header_lock = threading.Lock()


@contextmanager
def _quietly() -> Iterator[None]:
    """Pillow warns about odd headers; our note says it better. Filters are global, hence the lock."""
    with _header_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _check_file(path: str | Path) -> None:
    """Raise Rejected for what must not even be opened; reading a pipe would wait for ever."""
    try:
        info = os.stat(path)
    except OSError as error:
        raise InvalidImage("broken link" if os.path.islink(path) else os_reason(error)) from error
    if not stat.S_ISREG(info.st_mode):
        raise InvalidImage("not a regular file")
    if info.st_size == 0:
        raise InvalidImage("empty file (0 bytes)")


def _open_header(file) -> Image.Image:
    """The image in an open file, not decoded. Raises Rejected for no image, one too small or too large."""
    start = file.read(12)
    file.seek(0)
    try:
        with _quietly():
            image = Image.open(file, formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise InvalidImage(f"too large: over {MAX_PIXELS // 10**6} million pixels") from error
    except Exception as error:  # Pillow's readers raise whatever the damage led to
        kind = next((name for mark, name in SIGNATURES.items() if start.startswith(mark)), "")
        if start[4:8] == b"ftyp" and not start[8:].startswith(b"avi"):  # iPhone photos renamed to .jpg
            raise InvalidImage(
                "not an image type this program reads (HEIC photo; export it as JPEG)"
            ) from error
        if kind:
            raise InvalidImage(f"truncated or damaged: starts like a {kind} file") from error
        if isinstance(error, UnidentifiedImageError):
            raise InvalidImage("not an image, whatever its name says") from error
        raise InvalidImage("truncated or damaged") from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise InvalidImage(f"too large: over {MAX_PIXELS // 10**6} million pixels")
    if min(width, height) < MIN_SIDE:
        raise InvalidImage(f"too small: {width}x{height} pixels, at least {MIN_SIDE} a side are needed")
    return image


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1 to 8; 1 (upright) when the tag is missing or damaged."""
    try:
        with _quietly():
            return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # a damaged tag says nothing about the pixels
        return 1


def _upright(image: Image.Image) -> tuple[Image.Image, str]:
    """Decode, then turn as the EXIF tag says. Pillow turns TIFFs itself and drops their tag."""
    before = _orientation(image)
    image.load()
    after = _orientation(image)
    turned = after in TURNS or (after != before and before in TURNS)
    if after in TURNS:
        image = image.transpose(TURNS[after])
    return image, "turned upright by its EXIF tag" if turned else ""


def _frames(image: Image.Image) -> str:
    """A note when there are more frames than we use; MPO is a photo and its preview, as phones store it."""
    try:
        count = getattr(image, "n_frames", 1)
    except Exception:  # the later frames are damaged; we do not need them
        return "first frame used, the others are damaged"
    return f"first of {count} frames used" if count > 1 and image.format != "MPO" else ""


# --- making it uint8 RGB ------------------------------------------------------------------------------------


def _grey_range(values: np.ndarray, top: int) -> tuple[float, float, str]:
    """The values that become 0 and 255, and what to call that: the type's own range where it has one."""
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind == "f":
        if 0 <= low and high <= 255:
            top = 1 if high <= 1 else 255
            return 0, top, f"float greyscale, 0 to {top} scaled to 0 to 255"
        return low, max(high, low + 1e-12), f"float greyscale, {low:g} to {high:g} scaled to 0 to 255"
    if 0 <= low and high <= top:
        return 0, top, f"{top.bit_length()}-bit greyscale scaled to 8 bits"
    return low, max(high, low + 1), f"integer greyscale, {low:g} to {high:g} scaled to 0 to 255"


def _deep_grey_to_rgb(image: Image.Image, top: int) -> tuple[Image.Image, str]:
    """16-bit, 32-bit and float greyscale, scaled by range: clipping would turn most of it white."""
    values = np.asarray(image)
    finite = np.isfinite(values)
    if not finite.any():
        raise InvalidImage("no finite pixel values")
    low, high, note = _grey_range(values[finite], top)
    scaled = (np.where(finite, values, low).astype(np.float64) - low) * (255 / (high - low))
    grey = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):  # a single grey value that means "nothing here"
        grey[values == transparent] = 255
        note += "; transparent parts laid on white"
    return Image.fromarray(grey).convert("RGB"), note


def _on_white(image: Image.Image) -> tuple[Image.Image, str]:
    """Transparent pixels carry arbitrary colours; paper is white."""
    image = image.convert("RGBA")
    if image.getchannel("A").getextrema()[0] == 255:
        return image.convert("RGB"), ""
    paper = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(paper, image).convert("RGB"), "transparent parts laid on white"


NAMES = {"1": "1-bit", "L": "greyscale", "LA": "greyscale", "P": "palette", "PA": "palette"}


def _to_rgb(image: Image.Image, depth: str) -> tuple[Image.Image, str]:
    """Any Pillow mode as 8-bit RGB, and what was done. depth: the decoder's name of the stored format."""
    mode = image.mode
    if mode.startswith(("I", "F")):
        return _deep_grey_to_rgb(image, 4095 if ";12" in depth else 65535)
    notes = [f"{NAMES[mode]} made RGB"] if mode in NAMES else []
    if mode == "CMYK":
        notes.append("CMYK made RGB without its colour profile")
    elif mode not in (*NAMES, "RGB", "RGBA"):
        notes.append(f"{mode} made RGB")
    if ";16" in depth:
        notes.append("16 bits a channel scaled to 8")
    if image.has_transparency_data:
        image, note = _on_white(image)
        notes.append(note)
    return image.convert("RGB"), "; ".join(filter(None, notes))


def to_square(image: Image.Image, size: int) -> np.ndarray:
    """The centred square of an RGB image, scaled to uint8 (size, size, 3); bit-exact if it has that size."""
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    if side != width or side != height:
        image = image.crop((left, top, left + side, top + side))
    if side > size:  # reducing_gap: a box filter first, many times faster on photographs
        image = image.resize((size, size), Image.Resampling.LANCZOS, reducing_gap=3.0)
    elif side < size:
        image = image.resize((size, size), Image.Resampling.BICUBIC)
    return np.array(image)


# --- reading one, reading many ------------------------------------------------------------------------------


def read_image(path: str | Path, size: int) -> tuple[np.ndarray, str]:
    """One file as uint8 (size, size, 3) and a note on what was changed, empty if nothing but crop and scale.

    Greyscale, palette, CMYK, 1-bit, 16-bit and float become RGB; transparency is laid on white; of an
    animation the first frame is used; EXIF orientation is applied. Raises Rejected, and nothing else, for a
    bad file.
    """
    _check_file(path)
    try:
        with open(path, "rb") as file:
            image = _open_header(file)
            depth = " ".join(str(tile[-1]) for tile in getattr(image, "tile", ()))
            image.draft(None, (4 * size, 4 * size))  # JPEG alone: decode at a half, a quarter or an eighth
            frames = image
            image, turned = _upright(image)
            pixels, converted = _to_rgb(image, depth)
            enlarged = "enlarged from {}x{}".format(*image.size) if min(image.size) < size else ""
            notes = (_frames(frames), turned, converted, enlarged)
            return to_square(pixels, size), "; ".join(filter(None, notes))
    except InvalidImage:
        raise
    except PermissionError as error:
        raise InvalidImage("permission denied") from error
    except Exception as error:  # Pillow's readers raise whatever the damage led to
        raise InvalidImage("truncated or damaged") from error


def _read_or_reason(path: Path, size: int) -> tuple[np.ndarray | None, str]:
    try:
        return read_image(path, size)
    except InvalidImage as reason:
        return None, str(reason)


def _read_all(paths: Sequence[Path], size: int) -> Iterator[tuple[np.ndarray | None, str]]:
    """Decoding runs side by side, opening does not: threads help photographs and hinder thumbnails."""
    sample = paths[:: max(1, len(paths) // 20)]
    large = sum(path.is_file() and path.stat().st_size > 50_000 for path in sample)
    if 2 * large <= len(sample):
        yield from (_read_or_reason(path, size) for path in paths)
        return
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        yield from pool.map(lambda path: _read_or_reason(path, size), paths)


def read_images(
    paths: Sequence[Path], size: int, *, log: Callable[[str], None] | None = None
) -> list[tuple[np.ndarray | None, str]]:
    """`read_image` for many files: (pixels, note) for each, or (None, reason) where it was rejected.

    Full-size photographs live one to a thread at a time. log: told every ten seconds how far it is.
    """
    results, told = [], time.monotonic()
    for result in _read_all(paths, size):
        results.append(result)
        if log is not None and time.monotonic() - told > 10:
            told = time.monotonic()
            log(f"read {len(results)} of {len(paths)} images")
    return results
