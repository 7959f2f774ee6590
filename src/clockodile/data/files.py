"""Reading people's images: every file becomes a square of uint8 RGB, or a phrase that says why it did not.

Nothing here trusts a file: not its name, its suffix, its header or its size.
"""

from __future__ import annotations

import functools
import io
import logging
import os
import stat
import threading
import time
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

from clockodile.core.errors import os_reason
from clockodile.data.scan import printable

log = logging.getLogger("clockodile")

# A closed list: others of Pillow's readers start programs (EPS) or accept almost any bytes (TGA).
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "DIB", "TIFF", "PPM", "AVIF", "JPEG2000")
# how files of most formats begin
SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*")
MIN_SIDE = 8  # pixels; below this there is nothing to recognise, and icons and tracking pixels are common
MAX_PIXELS = 128_000_000  # phones make 108 million; decoded, that is 390 MB
MAX_JPEG_PIXELS = 256_000_000  # phones make 200 million, and JPEG is decoded at an eighth of its size
SRGB = ImageCms.createProfile("sRGB")
SAME_COLOUR = 3  # grey levels of 255: profiles that change less are sRGB under another name
DEPTHS = (8, 10, 12, 14, 16)  # bits a value that cameras and scanners deliver, whatever the file stores
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
    """Without Pillow's warnings and size limit: our own say it better. Both are global, hence the lock."""
    with _header_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


@functools.cache
def _register_heif() -> None:
    """Have Pillow read HEIC, the format of iPhones, once a first such file turns up. Raises InvalidImage."""
    try:
        import pillow_heif
    except ImportError:
        raise InvalidImage("HEIC needs the package pillow-heif, which is not installed") from None
    pillow_heif.register_heif_opener()


def _check_png(file) -> None:
    """Raise InvalidImage when the checksum of a PNG's pixel data is wrong, which Pillow does not look at."""
    file.seek(8)
    while len(head := file.read(8)) == 8:
        data, checksum = file.read(int.from_bytes(head[:4], "big")), file.read(4)
        if head[4:] == b"IDAT" and checksum != zlib.crc32(data, zlib.crc32(b"IDAT")).to_bytes(4, "big"):
            raise InvalidImage("truncated or damaged: the checksum of its pixels is wrong")
    file.seek(0)


def _check_file(path: str | Path) -> None:
    """Raise InvalidImage for what must not even be opened; reading a pipe would wait for ever."""
    try:
        info = os.stat(path)
    except OSError as error:
        raise InvalidImage("broken link" if os.path.islink(path) else os_reason(error)) from error
    if not stat.S_ISREG(info.st_mode):
        raise InvalidImage("not a regular file")
    if info.st_size == 0:
        raise InvalidImage("empty file (0 bytes)")


def _open_header(file) -> Image.Image:
    """The image in an open file, not decoded. Raises InvalidImage for no image, one too small or too large."""
    start = file.read(12)
    file.seek(0)
    heif = start[4:8] == b"ftyp" and not start[8:].startswith(b"avi")  # also iPhone photos renamed to .jpg
    if heif:
        _register_heif()
    try:
        with _quietly():
            image = Image.open(file, formats=(*FORMATS, "HEIF") if heif else FORMATS)
    except Exception as error:  # Pillow's readers raise whatever the damage led to
        if isinstance(error, UnidentifiedImageError) and not heif and not start.startswith(SIGNATURES):
            raise InvalidImage("not an image, whatever its name says") from error
        raise InvalidImage("truncated or damaged") from error
    width, height = image.size
    most = MAX_JPEG_PIXELS if image.format in ("JPEG", "MPO") else MAX_PIXELS
    if width * height > most:
        raise InvalidImage(f"too large: over {most // 10**6} million pixels")
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


def _bits(high: float) -> int | None:
    """The smallest depth that holds the value `high`: 12-bit data in a 16-bit file must not become black."""
    return next((bits for bits in DEPTHS if high < 2**bits), None)


def _grey_range(values: np.ndarray) -> tuple[float, float, str]:
    """The values that become 0 and 255, and what to call that: the range of the data's depth where it has one."""
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind == "f":
        if 0 <= low and high <= 255:
            low, high = 0, 1 if high <= 1 else 255
    elif 0 <= low and (bits := _bits(high)):
        return 0, 2**bits - 1, f"{bits}-bit greyscale (largest value {high:g}) scaled to 8 bits"
    return low, high if high > low else low + 1, f"greyscale, {low:g} to {high:g} scaled to 0 to 255"


def _deep_grey_to_rgb(image: Image.Image) -> tuple[Image.Image, str]:
    """16-bit, 32-bit and float greyscale, scaled by range: clipping would turn most of it white."""
    values = np.asarray(image)
    finite = np.isfinite(values)
    if not finite.any():
        raise InvalidImage("no finite pixel values")
    low, high, note = _grey_range(values[finite])
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


def _deep_colours(image: Image.Image) -> tuple[Image.Image, str]:
    """RGB of which Pillow kept the upper 8 of 16 bits, made brighter when the data use fewer of them."""
    bits = _bits(256 * max(top for _, top in image.getextrema())) or 16
    scale = 255 / max(2 ** (bits - 8) - 1, 1)
    brighter = image.point([min(255, round(scale * value)) for value in range(256)] * 3)
    return brighter, f"{bits} of 16 bits a channel scaled to 8"


def _to_rgb(image: Image.Image, depth: str) -> tuple[Image.Image, str]:
    """Any Pillow mode as 8-bit RGB, and what was done; CMYK stays when a colour profile says how it becomes RGB.

    depth: the decoder's name of the stored format.
    """
    mode = image.mode
    if mode.startswith(("I", "F")):
        return _deep_grey_to_rgb(image)
    notes = [f"{NAMES[mode]} made RGB"] if mode in NAMES else []
    if mode == "CMYK" and image.info.get("icc_profile"):
        return image, "CMYK made RGB"
    if mode == "CMYK":
        notes.append("CMYK made RGB without its colour profile")
    elif mode not in (*NAMES, "RGB", "RGBA"):
        notes.append(f"{mode} made RGB")
    if ";16" in depth:
        image, note = _deep_colours(image) if mode == "RGB" else (image, "16 bits a channel scaled to 8")
        notes.append(note)
    if image.has_transparency_data:
        image, note = _on_white(image)
        notes.append(note)
    return image.convert("RGB"), "; ".join(filter(None, notes))


def _to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, str]:
    """A small RGB or CMYK image with the colours that its ICC profile means, and a note if that changed any."""
    plain = image.convert("RGB")
    if not profile:
        return plain, ""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        name = printable(ImageCms.getProfileDescription(source).strip())
        meant = image.convert("L") if source.profile.xcolor_space.strip() == "GRAY" else image
        meant = ImageCms.profileToProfile(meant, source, SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return plain, "colour profile ignored: damaged or of another kind of image"
    if image.mode == "RGB" and np.abs(np.int16(meant) - np.int16(plain)).max() <= SAME_COLOUR:
        return plain, ""
    return meant, f"colours made sRGB by its profile ({name})"


def to_square(image: Image.Image, size: int) -> Image.Image:
    """The centred square of an image, scaled to size x size pixels; bit-exact if it has that size."""
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    # a box filter first, many times faster on photographs; cut out by it, for `crop` has a size limit of its own
    factor = max(side // (3 * size), 1)
    image = image.reduce(factor, (left, top, left + side, top + side))
    kernel = Image.Resampling.LANCZOS if side > size else Image.Resampling.BICUBIC
    return image.resize((size, size), kernel, (0, 0, side / factor, side / factor))


# --- reading one, reading many ------------------------------------------------------------------------------


# a file and a size to its pixels and a note, as read_image
Read = Callable[[Path, int], tuple[np.ndarray, str]]


def read_image(
    path: str | Path, size: int, *, cut: Callable | None = None, least: int = 0
) -> tuple[np.ndarray, str]:
    """One file as uint8 (size, size, 3) and a note on what was changed, empty if nothing but crop and scale.

    Greyscale, palette, CMYK, 1-bit, 16-bit and float become RGB; colours with an ICC profile become sRGB; transparency
    is laid on white; of an animation the first frame is used; EXIF orientation is applied. cut: (upright RGB or CMYK
    image, size) -> (its square of that size, a note); it may raise InvalidImage. least: pixels that a side of what it
    is given must have where the file has them. Raises InvalidImage, and nothing else, for a bad file.
    """
    _check_file(path)
    try:
        with open(path, "rb") as file:
            image = _open_header(file)
            if image.format == "PNG":
                _check_png(file)
            depth = " ".join(str(tile[-1]) for tile in getattr(image, "tile", ()))
            side = max(4 * size, least)
            image.draft(None, (side, side))  # JPEG at a half, a quarter or an eighth; HEIC's thumbnail
            frames = image
            image, turned = _upright(image)
            enlarged = "enlarged from {}x{}".format(*image.size) if min(image.size) < size else ""
            pixels, converted = _to_rgb(image, depth)
            square, chosen = cut(pixels, size) if cut else (to_square(pixels, size), "")
            pixels, coloured = _to_srgb(square, image.info.get("icc_profile"))
            notes = (_frames(frames), turned, converted, coloured, enlarged, chosen)
            return np.array(pixels), "; ".join(filter(None, notes))
    except InvalidImage:
        raise
    except PermissionError as error:
        raise InvalidImage("permission denied") from error
    except Exception as error:  # Pillow's readers raise whatever the damage led to
        raise InvalidImage("truncated or damaged") from error


def short_side(path: str | Path) -> int:
    """Pixels of an image's shorter side, from its header alone. Raises InvalidImage for a file that cannot be used."""
    _check_file(path)
    try:
        with open(path, "rb") as file:
            return min(_open_header(file).size)
    except OSError as error:
        raise InvalidImage(os_reason(error)) from error


def read_images(
    paths: Sequence[Path], size: int, read: Read = read_image
) -> list[tuple[np.ndarray | None, str]]:
    """`read` for many files: (pixels, note) for each, or (None, reason) where it was rejected.

    Full-size photographs live one to a thread at a time. How far it is, is logged every ten seconds.
    """

    def read_or_reason(path: Path) -> tuple[np.ndarray | None, str]:
        try:
            return read(path, size)
        except InvalidImage as reason:
            return None, str(reason)

    # decoding runs side by side, opening does not: more threads help photographs and hinder thumbnails
    sample = paths[:: max(1, len(paths) // 20)]
    large = sum(path.is_file() and path.stat().st_size > 50_000 for path in sample)
    threads = min(4, os.cpu_count() or 1) if 2 * large > len(sample) else 1
    results, told = [], time.monotonic()
    with ThreadPoolExecutor(threads) as pool:
        for result in pool.map(read_or_reason, paths):
            results.append(result)
            if time.monotonic() - told > 10:
                told = time.monotonic()
                log.info("read %d of %d images", len(results), len(paths))
    return results
