"""Reading people's images: every file becomes a square of uint8 RGB, or a phrase that says why it did not.

Nothing here trusts a file: not its name, its suffix, its header or its size.
"""

import functools
import io
import logging
import os
import stat
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from skimage.exposure import rescale_intensity

from clockodile.core.errors import os_reason

log = logging.getLogger("clockodile")

# A closed list: others of Pillow's readers start programs (EPS) or accept almost any bytes (TGA).
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "DIB", "TIFF", "PPM", "AVIF", "JPEG2000")
# how files of most formats begin
SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*")
MIN_SIDE = 8  # pixels; below this there is nothing to recognise, and icons and tracking pixels are common
MAX_PIXELS = 128_000_000  # phones make 108 million; decoded, that is 390 MB
MAX_JPEG_PIXELS = 256_000_000  # phones make 200 million, and JPEG is decoded at an eighth of its size
SRGB = ImageCms.createProfile("sRGB")


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
    """Raise what Pillow raises for a wrong checksum, which it does not look at when it decodes."""
    with _quietly():
        image = Image.open(file, formats=("PNG",))
    image.verify()


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


def _decode_upright(image: Image.Image) -> None:
    """Decode, then turn as the EXIF tag says."""
    image.load()
    with _quietly(), suppress(Exception):  # a damaged tag says nothing about the pixels
        ImageOps.exif_transpose(image, in_place=True)


def _frames(image: Image.Image) -> str:
    """A note when there are more frames than we use; MPO is a photo and its preview, as phones store it."""
    count = 1
    with suppress(Exception):  # the later frames are damaged; we do not need them
        count = getattr(image, "n_frames", 1)
    return f"first of {count} frames used" if count > 1 and image.format != "MPO" else ""


# --- making it uint8 RGB ------------------------------------------------------------------------------------


def _stretched(values: np.ndarray) -> Image.Image:
    """More than 8 bits a value as 8: the least value black, the greatest white. Files do not say where white is."""
    return Image.fromarray(rescale_intensity(values, out_range=np.uint8)).convert("RGB")


def _deep_grey_to_rgb(image: Image.Image) -> Image.Image:
    """16-bit, 32-bit and float greyscale; what is no finite number becomes black."""
    values = np.asarray(image)
    finite = np.isfinite(values)
    if not finite.any():
        raise InvalidImage("no finite pixel values")
    grey = _stretched(np.where(finite, values, values[finite].min()))
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):  # a single grey value that means "nothing here"
        grey.paste("white", mask=Image.fromarray(values == transparent))
    return grey


def _on_white(image: Image.Image) -> Image.Image:
    """Transparent pixels carry arbitrary colours; paper is white."""
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))


def _to_rgb(image: Image.Image, depth: str) -> Image.Image:
    """Any Pillow mode as 8-bit RGB; CMYK stays when a colour profile says how it becomes RGB.

    depth: the decoder's name of the stored format.
    """
    if image.mode.startswith(("I", "F")):
        return _deep_grey_to_rgb(image)
    if image.mode == "CMYK" and image.info.get("icc_profile"):
        return image
    if ";16" in depth and image.mode == "RGB":
        image = _stretched(np.asarray(image))  # Pillow kept the upper 8 of 16 bits
    if image.has_transparency_data:
        image = _on_white(image)
    return image.convert("RGB")


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """A small RGB or CMYK image with the colours that its ICC profile means; as it is where that is damaged."""
    if profile:
        with suppress(ImageCms.PyCMSError):
            return ImageCms.profileToProfile(image, io.BytesIO(profile), SRGB, outputMode="RGB")
    return image.convert("RGB")


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


def read_image(path: str | Path, size: int, *, cut: Callable | None = None, least: int = 0) -> tuple[np.ndarray, str]:
    """One file as uint8 (size, size, 3) and a note, if it had more frames or fewer pixels than that; else empty.

    Every mode becomes 8-bit RGB (deeper values are stretched to 0..255), with an ICC profile sRGB; transparency is laid
    on white; of an animation the first frame is used; EXIF orientation is applied. cut: (upright RGB or CMYK image,
    size) -> its square of that size; it may raise InvalidImage. least: pixels that a side of what it is given must have
    where the file has them. Raises InvalidImage, and nothing else, for a bad file.
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
            _decode_upright(image)
            enlarged = "enlarged from {}x{}".format(*image.size) if min(image.size) < size else ""
            square = (cut or to_square)(_to_rgb(image, depth), size)
            pixels = _to_srgb(square, image.info.get("icc_profile"))
            return np.array(pixels), "; ".join(filter(None, (_frames(image), enlarged)))
    except InvalidImage:
        raise
    except PermissionError as error:
        raise InvalidImage("permission denied") from error
    except Exception as error:  # Pillow's readers raise whatever the damage led to
        raise InvalidImage("truncated or damaged") from error


def image_sides(path: str | Path) -> tuple[int, int]:
    """Pixels of an image's shorter and longer side, from its header. Raises InvalidImage if it cannot be used."""
    _check_file(path)
    try:
        with open(path, "rb") as file:
            return tuple(sorted(_open_header(file).size))
    except OSError as error:
        raise InvalidImage(os_reason(error)) from error


def read_images(paths: Sequence[Path], size: int, read: Read = read_image) -> list[tuple[np.ndarray | None, str]]:
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
