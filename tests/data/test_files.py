"""Reading single files: conversions judged by pixel values, and what is refused."""

import os
import struct
import sys
import warnings
import zlib

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from clockodile.data import files
from clockodile.data.files import InvalidImage, image_sides, read_image, read_images


def noise(height, width, channels=3, seed=0):
    """Random uint8 (height, width, channels)."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def smooth(height, width):
    """A picture without fine detail, uint8 (height, width, 3): red grows to the right, green downwards."""
    y, x = np.mgrid[0:height, 0:width]
    red, green = 255 * x / (width - 1), 255 * y / (height - 1)
    return np.stack([red, green, 0 * x + 60], axis=2).round().astype(np.uint8)


# --- sizes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "bmp", "ppm", "tiff"])
def test_an_image_of_the_right_size_passes_bit_exact(tmp_path, suffix):
    pixels = noise(32, 32)
    Image.fromarray(pixels).save(tmp_path / f"a.{suffix}")
    read, note = read_image(tmp_path / f"a.{suffix}", 32)
    assert np.array_equal(read, pixels) and note == ""


@pytest.mark.parametrize("shape", [(32, 50), (50, 32), (32, 33)])
def test_the_centred_square_is_kept(tmp_path, shape):
    pixels = noise(*shape)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    top, left = (shape[0] - 32) // 2, (shape[1] - 32) // 2
    assert np.array_equal(read_image(tmp_path / "a.png", 32)[0], pixels[top : top + 32, left : left + 32])


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_scaling_down_is_antialiased(tmp_path, suffix):
    board = np.indices((640, 800)).sum(axis=0) % 2 * 255  # a one-pixel chessboard: nearest neighbour gives 0 or 255
    Image.fromarray(board.astype(np.uint8)).convert("RGB").save(tmp_path / f"a.{suffix}", quality=95)
    read, _ = read_image(tmp_path / f"a.{suffix}", 32)
    assert read.shape == (32, 32, 3) and np.abs(read.astype(int) - 128).max() <= 3


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_large_photo_keeps_its_layout(tmp_path, suffix):
    Image.fromarray(smooth(1200, 1600)).save(tmp_path / f"a.{suffix}", quality=95)
    read = read_image(tmp_path / f"a.{suffix}", 40)[0].astype(float)
    wanted = smooth(1200, 1600)[:, 200:1400].reshape(40, 30, 40, 30, 3).mean(axis=(1, 3))
    assert np.abs(read - wanted)[2:-2, 2:-2].max() < 4


def test_a_small_image_is_enlarged_and_noted(tmp_path):
    Image.new("RGB", (10, 12), (10, 200, 30)).save(tmp_path / "a.png")
    read, note = read_image(tmp_path / "a.png", 32)
    assert (read == (10, 200, 30)).all() and note == "enlarged from 10x12"


# --- modes beyond those in the table of test_folders --------------------------------------------------------


def test_16_bit_greyscale_is_scaled_not_clipped(tmp_path):
    values = np.linspace(0, 65535, 1024).reshape(32, 32).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    Image.fromarray(values).save(tmp_path / "a.tiff")
    for name in ("a.png", "a.tiff"):
        read, note = read_image(tmp_path / name, 32)
        assert np.abs(read[..., 0] - values / 257).max() <= 1 and note == ""


@pytest.mark.parametrize("high", [60, 1000, 4095, 9000])
def test_few_bits_in_a_deep_file_do_not_become_black(tmp_path, high):
    values = np.linspace(0, high, 1024).reshape(32, 32).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    Image.fromarray(values.astype(np.int32)).save(tmp_path / "a.tiff")
    for name in ("a.png", "a.tiff"):
        read, note = read_image(tmp_path / name, 32)
        assert np.abs(read[..., 0] - values * (255 / high)).max() <= 1 and note == ""


def test_a_transparent_value_of_deep_grey_becomes_white(tmp_path):
    values = np.linspace(0, 4095, 1024).reshape(32, 32).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png", transparency=int(values[3, 4]))
    read, _ = read_image(tmp_path / "a.png", 32)
    assert read[3, 4].tolist() == [255] * 3 and read[3, 5, 0] < 30


def test_12_bits_a_channel_do_not_become_black(tmp_path):
    values = np.random.default_rng(0).integers(0, 4096, (32, 32, 3)).astype(">u2")
    (tmp_path / "a.png").write_bytes(png(32, 32, 16, 2, values.tobytes()))
    read, _ = read_image(tmp_path / "a.png", 32)
    assert np.abs(read - values / 16).max() <= 17


def test_16_bits_a_channel(tmp_path):
    """Pillow cannot write such a PNG, so we do."""
    values = np.random.default_rng(0).integers(0, 65536, (32, 32, 3)).astype(">u2")
    (tmp_path / "a.png").write_bytes(png(32, 32, 16, 2, values.tobytes()))
    read, _ = read_image(tmp_path / "a.png", 32)
    assert np.abs(read - values / 257).max() <= 1


def png(width, height, depth, colour, raw):
    """The bytes of a PNG from raw rows without filter bytes."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = len(raw) // height
    rows = b"".join(b"\0" + raw[i * row : (i + 1) * row] for i in range(height))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 200), (-3, 5), (0, 4000)])
def test_float_tiff(tmp_path, low, high):
    values = np.linspace(low, high, 1024, dtype=np.float32).reshape(32, 32)
    Image.fromarray(values).save(tmp_path / "a.tiff")
    read, _ = read_image(tmp_path / "a.tiff", 32)
    assert np.abs(read[..., 0] - (values - low) / (high - low) * 255).max() <= 1


def test_a_deep_picture_of_one_value_is_of_one_shade(tmp_path):
    for values in (np.full((32, 32), 5000, np.float32), np.full((32, 32), -70_000, np.int32)):
        Image.fromarray(values).save(tmp_path / "a.tiff")
        assert np.ptp(read_image(tmp_path / "a.tiff", 32)[0]) == 0


def test_float_tiff_with_holes(tmp_path):
    values = np.linspace(0, 1, 1024, dtype=np.float32).reshape(32, 32)
    values[3, 4], values[5, 6] = np.nan, np.inf
    Image.fromarray(values).save(tmp_path / "a.tiff")
    read, _ = read_image(tmp_path / "a.tiff", 32)
    assert read[3, 4, 0] == read[5, 6, 0] == 0 and read[-1, -1, 0] == 255
    Image.fromarray(values * np.nan).save(tmp_path / "a.tiff")
    with pytest.raises(InvalidImage, match="no finite pixel values"):
        read_image(tmp_path / "a.tiff", 32)


def test_transparent_palette_and_grey_alpha_lie_on_white(tmp_path):
    grey, alpha = noise(32, 32, 1)[..., 0], noise(32, 32, 1, seed=1)[..., 0]
    Image.fromarray(np.dstack([grey, alpha]), "LA").save(tmp_path / "la.png")
    wanted = 255 + (grey.astype(float) - 255) * alpha / 255
    assert np.abs(read_image(tmp_path / "la.png", 32)[0] - wanted[..., None]).max() <= 1

    index = (np.indices((32, 32)).sum(axis=0) % 2).astype(np.uint8)
    image = Image.fromarray(index)
    image.putpalette([200, 0, 0, 0, 0, 200])
    for name, kwargs in {"p.png": {"transparency": 1}, "p.gif": {"transparency": 1}}.items():
        image.save(tmp_path / name, **kwargs)
        read, _ = read_image(tmp_path / name, 32)
        assert (read[index == 1] == 255).all() and (read[index == 0] == (200, 0, 0)).all()


def test_an_opaque_alpha_channel_is_no_change(tmp_path):
    pixels = noise(32, 32)
    Image.fromarray(pixels).convert("RGBA").save(tmp_path / "a.png")
    read, note = read_image(tmp_path / "a.png", 32)
    assert np.array_equal(read, pixels) and note == ""


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation(tmp_path, orientation, suffix):
    turns = {  # how each orientation is stored, by the EXIF standard: row 0 and column 0 are the visual ...
        1: lambda a: a,  # top, left
        2: np.fliplr,  # top, right
        3: lambda a: np.rot90(a, 2),  # bottom, right
        4: np.flipud,  # bottom, left
        5: lambda a: a.swapaxes(0, 1),  # left, top
        6: lambda a: np.rot90(a, 1),  # right, top
        7: lambda a: np.rot90(a, 2).swapaxes(0, 1),  # right, bottom
        8: lambda a: np.rot90(a, -1),  # left, bottom
    }
    pixels = smooth(48, 40)
    stored = Image.fromarray(np.ascontiguousarray(turns[orientation](pixels)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless = {"lossless": True} if suffix == "webp" else {"quality": 95} if suffix == "jpg" else {}
    stored.save(tmp_path / f"a.{suffix}", exif=exif, **lossless)
    read, note = read_image(tmp_path / f"a.{suffix}", 40)
    assert np.abs(read.astype(int) - pixels[4:44]).max() <= (12 if suffix == "jpg" else 0)
    assert note == ""


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tiff"])
def test_the_first_of_several_frames(tmp_path, suffix):
    frames = [Image.new("RGB", (32, 32), colour) for colour in ((250, 0, 0), (0, 250, 0), (0, 0, 250))]
    lossless = {"lossless": True} if suffix == "webp" else {}
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:], **lossless)
    read, note = read_image(tmp_path / f"a.{suffix}", 32)
    assert (read == (250, 0, 0)).all() and "first of 3 frames used" in note


# --- what phones make ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("orientation", "suffix"), [(1, "heic"), (6, "HEIF"), (3, "jpg")])
def test_iphone_photos_are_read_whatever_their_suffix(tmp_path, orientation, suffix):
    pixels, exif = smooth(90, 120), Image.Exif()
    exif[0x0112] = orientation
    heif = pillow_heif.from_pillow(Image.fromarray(pixels))
    heif.save(tmp_path / "plain.heic", quality=90)
    heif.save(tmp_path / f"a.{suffix}", quality=90, exif=exif.tobytes(), format="HEIF")
    read, note = read_image(tmp_path / f"a.{suffix}", 32)
    turns = {1: 0, 6: -1, 3: 2}[orientation]
    upright = np.rot90(read_image(tmp_path / "plain.heic", 32)[0], turns)
    assert note == "" and np.abs(read - upright.astype(int)).max() <= 4
    assert np.abs(read_image(tmp_path / "plain.heic", 90)[0] - pixels[:, 15:105].astype(int)).mean() < 3


def test_the_package_that_reads_iphone_photos_is_named_when_it_is_missing(tmp_path, monkeypatch):
    pillow_heif.from_pillow(Image.fromarray(smooth(40, 40))).save(tmp_path / "a.heic")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    files._register_heif.cache_clear()
    for read in (lambda path: read_image(path, 32), image_sides):
        with pytest.raises(InvalidImage, match="HEIC needs the package pillow-heif, which is not installed"):
            read(tmp_path / "a.heic")


def test_photos_of_108_million_pixels_are_read(tmp_path):
    Image.new("L", (12_000, 9_000), 90).save(tmp_path / "a.jpg", quality=20)
    Image.new("1", (12_000, 9_000), 1).save(tmp_path / "a.png", compress_level=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nor may Pillow's own limit be heard
        assert np.abs(read_image(tmp_path / "a.jpg", 32)[0].astype(int) - 90).max() <= 2
        assert (read_image(tmp_path / "a.png", 32)[0] == 255).all()
    assert Image.MAX_IMAGE_PIXELS < 90_000_000, "the limit of other code in this process stays"


def test_a_jpeg_that_announces_too_much_is_refused(tmp_path):
    Image.new("L", (16, 16)).save(tmp_path / "a.jpg")
    whole = bytearray((tmp_path / "a.jpg").read_bytes())
    place = whole.index(b"\xff\xc0") + 5
    whole[place : place + 4] = struct.pack(">HH", 60_000, 60_000)
    (tmp_path / "a.jpg").write_bytes(whole)
    with pytest.raises(InvalidImage, match="too large: over 256 million pixels"):
        read_image(tmp_path / "a.jpg", 32)


# --- colour profiles ----------------------------------------------------------------------------------------


def profile(*, swapped=False) -> bytes:
    """The bytes of an sRGB profile, or of one whose red is green and whose green is red."""
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    if not swapped:
        return plain
    return plain.replace(b"rXYZ", b"tmp_").replace(b"gXYZ", b"rXYZ").replace(b"tmp_", b"gXYZ")


@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff", "webp"])
def test_colours_follow_the_profile(tmp_path, suffix):
    lossless = {"lossless": True} if suffix == "webp" else {"quality": 95} if suffix == "jpg" else {}
    image = Image.new("RGB", (40, 50), (200, 40, 90))
    image.save(tmp_path / f"a.{suffix}", icc_profile=profile(swapped=True), **lossless)
    read, _ = read_image(tmp_path / f"a.{suffix}", 32)
    assert np.abs(read.astype(int) - (40, 200, 90)).max() <= 4


def test_an_srgb_profile_changes_nothing_and_a_damaged_one_is_ignored(tmp_path):
    pixels = noise(32, 32)
    for name, icc in {"a.png": profile(), "b.png": profile(swapped=True)[:200], "c.png": b"nonsense"}.items():
        Image.fromarray(pixels).save(tmp_path / name, icc_profile=icc)
        read, note = read_image(tmp_path / name, 32)
        assert np.array_equal(read, pixels) and note == ""


def test_a_profile_of_another_kind_of_image_is_ignored(tmp_path):
    Image.new("CMYK", (32, 32), (0, 255, 255, 0)).save(tmp_path / "a.jpg", icc_profile=profile(), quality=95)
    read, _ = read_image(tmp_path / "a.jpg", 32)
    assert np.abs(read.astype(int) - (255, 0, 0)).max() <= 4


# --- refusals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "webp", "bmp", "tiff", "ppm"])
@pytest.mark.parametrize("share", [0.002, 0.1, 0.5, 0.9])
def test_a_cut_off_file_is_rejected_in_every_format(tmp_path, suffix, share):
    Image.fromarray(noise(64, 64)).save(tmp_path / f"a.{suffix}")
    whole = (tmp_path / f"a.{suffix}").read_bytes()
    (tmp_path / f"a.{suffix}").write_bytes(whole[: max(1, int(len(whole) * share))])
    with pytest.raises(InvalidImage):
        read_image(tmp_path / f"a.{suffix}", 32)


def test_a_png_whose_pixels_were_damaged_is_rejected(tmp_path):
    whole = bytearray(png(32, 32, 8, 2, noise(32, 32).tobytes()))
    for place in (60, len(whole) // 2, len(whole) - 30):
        damaged = whole.copy()
        damaged[place] ^= 4
        (tmp_path / "a.png").write_bytes(damaged)
        with pytest.raises(InvalidImage, match="truncated or damaged"):
            read_image(tmp_path / "a.png", 32)


def test_damaged_bytes_never_raise_anything_else(tmp_path):
    rng = np.random.default_rng(0)
    for suffix in ("png", "jpg", "gif", "tiff", "webp", "heic"):
        Image.fromarray(noise(24, 24)).save(tmp_path / f"a.{suffix}")
        whole = np.frombuffer((tmp_path / f"a.{suffix}").read_bytes(), np.uint8)
        for _ in range(40):
            damaged = whole.copy()
            damaged[rng.integers(0, min(len(whole), 200), 8)] = rng.integers(0, 256, 8)
            (tmp_path / f"b.{suffix}").write_bytes(damaged.tobytes())
            try:
                pixels, _ = read_image(tmp_path / f"b.{suffix}", 32)
                assert pixels.shape == (32, 32, 3) and pixels.dtype == np.uint8
            except InvalidImage as reason:
                assert str(reason) and "\n" not in str(reason)


@pytest.mark.parametrize(("width", "height"), [(11_400, 11_400), (30_000, 30_000)])
def test_an_enormous_image_is_refused_by_its_header_without_a_warning(tmp_path, width, height):
    (tmp_path / "a.png").write_bytes(header_only(width, height))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InvalidImage, match="too large: over 128 million pixels"):
            read_image(tmp_path / "a.png", 32)


def header_only(width, height):
    """A PNG that announces width x height pixels and holds three."""
    whole = png(1, 1, 8, 2, b"abc")
    kind = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return whole[:12] + kind + struct.pack(">I", zlib.crc32(kind)) + whole[33:]


def test_what_cannot_be_opened_is_rejected(tmp_path, monkeypatch):
    (tmp_path / "broken.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "self.png").symlink_to(tmp_path / "self.png")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "heic.jpg").write_bytes(b"\0\0\0\x18ftypheic" + b"\0" * 50)
    (tmp_path / "closed.png").write_bytes(png(8, 8, 8, 2, b"abc" * 64))
    for name, reason in {
        "broken.png": "broken link",
        "self.png": "broken link",
        "pipe.png": "not a regular file",
        "heic.jpg": "truncated or damaged",
        "gone.png": "no such file",
    }.items():
        with pytest.raises(InvalidImage, match=reason):
            read_image(tmp_path / name, 32)

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files, "open", refuse, raising=False)  # the tests may run as root, whom chmod does not stop
    with pytest.raises(InvalidImage, match="permission denied"):
        read_image(tmp_path / "closed.png", 32)


def test_read_images_keeps_the_order_with_and_without_threads(tmp_path):
    for number in range(12):
        Image.new("RGB", (300, 300), (number, 0, 0)).save(tmp_path / f"{number}.bmp")  # 270 kB: threads
        Image.new("RGB", (32, 32), (number, 0, 0)).save(tmp_path / f"{number}.png")
    (tmp_path / "5.bmp").write_bytes(b"BM")
    (tmp_path / "5.png").write_bytes(b"")
    for suffix in ("bmp", "png"):
        results = read_images([tmp_path / f"{number}.{suffix}" for number in range(12)], 32)
        assert [int(pixels[0, 0, 0]) for pixels, _ in results if pixels is not None] == [*range(5), *range(6, 12)]
        assert results[5][0] is None and results[5][1]
