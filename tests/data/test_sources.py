"""Class folders in every state people leave them in, and the choice among the sources."""

import struct
import unicodedata
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from clockodile.data import rendered, sources
from clockodile.data.cifar import Refused
from clockodile.data.collection import Collection, Source
from clockodile.data.sources import collect, folder_collection
from clockodile.errors import UserError
from clockodile.recipes import Recipe

SIZE = 16
PETS = Recipe(
    name="pets",
    title="Cats or dogs?",
    sources=("folder", "cifar100", "rendered"),
    classes=("cat", "dog"),
    min_per_class=3,
)
ANY = replace(PETS, name="any", classes=(), sources=("folder",))


def photo(seed):
    """A random image, uint8 (SIZE, SIZE, 3), another one for each seed."""
    return np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


def put(path, image=None, **options):
    """Save an image, an array, or a new random picture named after its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = photo(zlib.crc32(str(path).encode())) if image is None else image
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(path, **options)


def pets(root, count=4, classes=("cat", "dog")):
    """Class folders of `count` pictures each, 0.png upwards."""
    for label, name in enumerate(classes):
        for number in range(count):
            put(root / name / f"{number}.png", photo(1000 * label + number))
    return root


# --- every kind of bad or odd file, one case each -----------------------------------------------------------


def put_bytes(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def truncated(root):
    put(root / "cat" / "odd.png")
    whole = (root / "cat" / "odd.png").read_bytes()
    (root / "cat" / "odd.png").write_bytes(whole[: len(whole) // 2])


def enormous(root):
    """A small PNG whose header announces 40,000 x 40,000 pixels."""
    put(root / "cat" / "odd.png")
    whole = (root / "cat" / "odd.png").read_bytes()
    header = b"IHDR" + struct.pack(">II", 40_000, 40_000) + whole[24:29]
    put_bytes(
        root / "cat" / "odd.png", whole[:12] + header + struct.pack(">I", zlib.crc32(header)) + whole[33:]
    )


def unreadable(root):
    put_bytes(root / "cat" / "odd.png", b"\x89PNG\r\n\x1a\n" + b"garbage " * 20)


GREY = photo(7)[..., 0]
COLOURS = np.array([[230, 20, 30], [20, 220, 40], [10, 30, 240], [250, 250, 10]], np.uint8)
INDEX = np.indices((SIZE, SIZE)).sum(axis=0).astype(np.uint8) % 4
ALPHA = np.where(INDEX % 2 == 0, 0, 255).astype(np.uint8)
DEEP = np.linspace(0, 65535, SIZE * SIZE).reshape(SIZE, SIZE).astype(np.uint16)
CMYK = np.stack([INDEX * 60, 255 - INDEX * 60, INDEX * 10, 0 * INDEX], axis=2).astype(np.uint8)


def palette(root):
    image = Image.fromarray(INDEX)
    image.putpalette(COLOURS.flatten().tolist())
    put(root / "cat" / "odd.png", image)


def animated(root):
    frames = [Image.fromarray(np.full((SIZE, SIZE, 3), colour, np.uint8)) for colour in COLOURS]
    put(root / "cat" / "odd.gif", frames[0], save_all=True, append_images=frames[1:])


def rotated(root):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its left side: to be turned clockwise
    put(root / "cat" / "odd.png", np.ascontiguousarray(np.rot90(photo(7))), exif=exif)


def odd_names(root):
    for name in (
        "鰐 🐊 é.png",
        unicodedata.normalize("NFD", "cafè") + " 2.png",
        " leading.png",
        "50% #1.png",
    ):
        put(root / "cat" / name)


def loop(root):
    (root / "cat" / "odd").symlink_to(root)


def hidden(root):
    put(root / "cat" / ".odd.png")
    put(root / "cat" / ".odd" / "1.png")
    put_bytes(root / "cat" / "Thumbs.db", b"x")
    put_bytes(root / ".DS_Store", b"x")


def nested(root):
    put(root / "cat" / "2024" / "in the garden" / "odd.png", photo(7))


def one_class(root):
    for path in (root / "dog").iterdir():
        path.unlink()
    (root / "dog").rmdir()


def empty_class(root):
    for path in (root / "dog").iterdir():
        path.unlink()


def in_two_classes(root):
    put(root / "cat" / "odd.png", photo(7))
    put(root / "dog" / "odd.bmp", photo(7))


def unequal(root):
    pets(root, 21, ("cat",))


@dataclass
class Case:
    """What is put into a folder of four cats and four dogs, and what must come of it."""

    name: str
    build: Callable[[Path], None]
    notes: dict = field(default_factory=dict)  # path -> (words in the reason, used)
    pixels: np.ndarray | None = None  # of the picture whose id ends in "odd"
    ids: tuple[str, ...] = ()  # that must be there
    error: str = ""  # words in the UserError, if there is one
    rows: int = 8


def refused(name, build, reason, path="cat/odd.png"):
    return Case(name, build, {path: (reason, False)})


def converted(name, build, reason, pixels, path="cat/odd.png"):
    return Case(name, build, {path: (reason, True)}, pixels, ("cat/odd",), rows=9)


def saved(image, name="odd.png", **options):
    return lambda root: put(root / "cat" / name, image, **options)


CASES = (
    refused("unreadable", unreadable, "truncated or damaged"),
    refused("truncated", truncated, "truncated or damaged"),
    refused("zero-byte", lambda root: put_bytes(root / "cat/odd.png", b""), "empty file (0 bytes)"),
    refused("text", lambda root: put_bytes(root / "cat/odd.png", b"Dear diary,\n" * 9), "not an image"),
    refused("1x1", saved(Image.new("RGB", (1, 1))), "too small: 1x1 pixels"),
    refused("enormous", enormous, "too large: over 89 million pixels"),
    converted("greyscale", saved(GREY), "greyscale", np.dstack([GREY] * 3)),
    converted("palette", palette, "palette", COLOURS[INDEX]),
    converted(
        "RGBA",
        saved(np.dstack([photo(7), ALPHA])),
        "transparent parts laid on white",
        np.where(ALPHA[..., None] == 0, 255, photo(7)),
    ),
    converted(
        "CMYK", saved(Image.fromarray(CMYK, "CMYK"), "odd.tif"), "CMYK", 255 - CMYK[..., :3], "cat/odd.tif"
    ),
    converted("16-bit", saved(DEEP), "16-bit", np.dstack([np.rint(DEEP / 257)] * 3)),
    converted("1-bit", saved(Image.fromarray(ALPHA).convert("1")), "1-bit", np.dstack([ALPHA] * 3)),
    converted("animated", animated, "first of 4 frames", np.full((SIZE, SIZE, 3), COLOURS[0]), "cat/odd.gif"),
    converted("EXIF-rotated", rotated, "turned upright by its EXIF tag", photo(7)),
    Case(
        "unicode and spaces",
        odd_names,
        ids=("cat/鰐 🐊 é", "cat/cafè 2", "cat/ leading", "cat/50% #1"),
        rows=12,
    ),
    refused("symlink loop", loop, "link to a folder that is read already", "cat/odd"),
    Case(
        "hidden files",
        hidden,
        {
            "cat/.odd.png": ("hidden", False),
            "cat/.odd": ("hidden", False),
            "cat/Thumbs.db": ("operating system", False),
            ".DS_Store": ("operating system", False),
        },
    ),
    Case("nested folders", nested, pixels=photo(7), ids=("cat/2024/in the garden/odd",), rows=9),
    Case("one class only", one_class, error="no folder 'dog' in"),
    Case("an empty class", empty_class, error="class 'dog' has 0 usable images"),
    Case(
        "same image in two classes",
        in_two_classes,
        {
            "cat/odd.png": ("same image in 'cat' and 'dog'; left out", False),
            "dog/odd.bmp": ("same image in 'cat' and 'dog'; left out", False),
        },
    ),
    Case(
        "very unequal", unequal, {"dog": ("very unequal classes: 4 images here, 21 in 'cat'", True)}, rows=25
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_folder_with_something_odd_in_it(tmp_path, case):
    root = pets(tmp_path / "my photos")
    case.build(root)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing may leak out of Pillow
        if case.error:
            with pytest.raises(UserError, match=case.error) as caught:
                folder_collection(PETS, root, SIZE)
            assert (
                str(root) in str(caught.value)
                and "; add" in str(caught.value)
                and "\n" not in str(caught.value)
            )
            return
        collection = folder_collection(PETS, root, SIZE)
    check_contract(collection)
    assert len(collection.images) == case.rows
    assert set(case.ids) <= set(collection.ids.tolist())
    notes = {note.path: note for note in collection.notes}
    assert set(notes) == set(case.notes)
    for path, (reason, used) in case.notes.items():
        assert reason in notes[path].reason and notes[path].used == used
    if case.pixels is not None:
        row = next(row for row, name in enumerate(collection.ids) if name.endswith("odd"))
        assert np.abs(collection.images[row].astype(int) - case.pixels).max() == 0


def check_contract(collection: Collection):
    """What every source promises."""
    count = len(collection.images)
    assert collection.images.dtype == np.uint8 and collection.images.shape[1:] == (SIZE, SIZE, 3)
    assert collection.labels.dtype == np.int64 and len(collection.labels) == count
    assert (
        len(set(collection.ids.tolist())) == len(collection.ids) == count and collection.ids.dtype.kind == "U"
    )
    assert len(collection.split) == count and set(collection.split.tolist()) <= {
        "train",
        "test",
        "background",
        "hybrid",
    }
    assert ((collection.labels >= 0) == np.isin(collection.split, ("train", "test"))).all()
    train = collection.labels[collection.split == "train"]
    assert (np.diff(train) >= 0).all() and set(train.tolist()) == set(range(len(collection.classes)))
    for note in collection.notes:
        assert not Path(note.path).is_absolute() and "\n" not in note.reason


# --- which folders ------------------------------------------------------------------------------------------


def test_ids_order_and_pixels(tmp_path):
    for number in (10, 9, 100):
        put(tmp_path / "pets" / "dog" / f"{number}.png", photo(number))
        put(tmp_path / "pets" / "cat" / f"{number}.png", photo(number + 200))
    collection = folder_collection(PETS, tmp_path, SIZE)
    check_contract(collection)
    assert collection.ids.tolist() == ["cat/9", "cat/10", "cat/100", "dog/9", "dog/10", "dog/100"]
    assert collection.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert np.array_equal(collection.images[4], photo(10)) and np.array_equal(
        collection.images[0], photo(209)
    )


def test_the_same_images_at_either_place_give_the_same_collection(tmp_path):
    deep = folder_collection(PETS, pets(tmp_path / "a" / "pets").parent, SIZE)
    flat = folder_collection(PETS, pets(tmp_path / "b"), SIZE)
    assert np.array_equal(deep.images, flat.images) and deep.ids.tolist() == flat.ids.tolist()
    assert (
        deep.source.where == "a/pets" and flat.source.where == "b"
    )  # a report is passed on: no private paths


def test_files_that_differ_in_suffix_alone_keep_it(tmp_path):
    pets(tmp_path)
    put(tmp_path / "cat" / "0.bmp")
    ids = folder_collection(PETS, tmp_path, SIZE).ids.tolist()
    assert ids[:2] == ["cat/0.bmp", "cat/0.png"] and "cat/1" in ids


def test_an_image_twice_in_one_class_is_kept(tmp_path):
    pets(tmp_path)
    put(tmp_path / "cat" / "copy.png", photo(0))
    collection = folder_collection(PETS, tmp_path, SIZE)
    assert len(collection.images) == 9 and collection.notes == ()


@pytest.mark.parametrize("name", ["Cat", "cats", "CATS", " cat "])
def test_spellings_of_a_class_folder(tmp_path, name):
    collection = folder_collection(PETS, pets(tmp_path, classes=(name, "dog")), SIZE)
    assert collection.classes == ("cat", "dog") and (collection.labels == 0).sum() == 4
    note = next(note for note in collection.notes if note.path == name)
    assert note.used and "taken for class 'cat'" in note.reason


def test_an_exact_name_wins_and_two_near_ones_are_an_error(tmp_path):
    collection = folder_collection(PETS, pets(tmp_path / "a", classes=("cat", "Cats", "dog")), SIZE)
    assert len(collection.images) == 4 + 4 and "cat/0" in collection.ids
    assert [(note.path, note.used) for note in collection.notes] == [("Cats", False)]
    with pytest.raises(UserError, match="'cates' and 'cats' in .* could both be class 'cat'; rename one"):
        folder_collection(PETS, pets(tmp_path / "b", classes=("cats", "cates", "dog")), SIZE)


def test_background_beside_and_above_the_class_folders(tmp_path):
    pets(tmp_path / "pets")
    put(tmp_path / "pets" / "background" / "1.png", photo(50))
    put(tmp_path / "cifar100_other" / "apple" / "7.png", photo(51))
    put(tmp_path / "cifar100_other" / "apple" / "8.png", photo(0))  # is cat 0
    put(tmp_path / "cifar100_other" / "apple" / "9.png", photo(51))  # twice: background may repeat itself
    collection = folder_collection(PETS, tmp_path, SIZE)
    check_contract(collection)
    assert collection.ids[8:].tolist() == ["cifar100_other/apple/7", "cifar100_other/apple/9", "background/1"]
    assert (collection.split[8:] == "background").all() and (collection.labels[8:] == -1).all()
    (note,) = collection.notes
    assert note.path == "cifar100_other/apple/8.png" and "same image in class 'cat'" in note.reason


def test_what_lies_beside_the_classes_is_listed(tmp_path):
    pets(tmp_path)
    put(tmp_path / "bird" / "1.png")
    put(tmp_path / "stray.png")
    notes = {note.path: note.reason for note in folder_collection(PETS, tmp_path, SIZE).notes}
    assert notes == {"bird": "no class of this recipe", "stray.png": "lies in no class folder"}


def test_a_recipe_without_names_takes_every_folder(tmp_path):
    pets(tmp_path, classes=("zebra", "ape", "neither", "class 10", "class 2", ".trash"))
    (tmp_path / "empty").mkdir()
    put_bytes(tmp_path / "docs" / "read me.txt", b"x")
    collection = folder_collection(ANY, tmp_path, SIZE)
    check_contract(collection)
    assert collection.classes == ("ape", "class 2", "class 10", "zebra")
    assert (collection.split == "background").sum() == 4
    reasons = {note.path: note.reason for note in collection.notes}
    assert reasons["empty"] == reasons["docs"] == "no images in this folder; not a class"
    assert reasons[".trash"] == "hidden"


def few(root):
    pets(root, 5)
    for number in range(1, 5):
        put_bytes(root / "dog" / f"{number}.png", b"")


def loose(root):
    put(root / "1.png")
    put(root / "2.png")


@pytest.mark.parametrize(
    ("recipe", "build", "message"),
    [
        (
            PETS,
            few,
            "in {root}/dog, 3 are needed; commonest refusal: empty file (0 bytes) (4 files); add",
        ),
        (PETS, loose, "2 files lie directly in {root}, in no class folder; sort them"),
        (ANY, loose, "2 files lie directly in {root}, in no class folder; sort them"),
        (
            PETS,
            lambda root: root.mkdir(),
            "{root} should hold 'cat' and 'dog', but holds no folders; give data_dir",
        ),
        (PETS, lambda root: pets(root, classes=("ape",)), "should hold 'cat' and 'dog', but holds 'ape'"),
        (
            PETS,
            lambda root: pets(root / "pets", classes=("cat",)),
            "no folder 'dog' in {root}/pets, only 'cat'; add",
        ),
        (
            ANY,
            lambda root: pets(root, classes=("ape",)),
            "only one class folder, 'ape', in {root}; add a folder",
        ),
        (
            ANY,
            lambda root: pets(root / "mine"),
            "only one class folder, 'mine', in {root}; point data_dir at {root}/mine",
        ),
        (ANY, lambda root: pets(root, classes=("train", "test")), "are parts of a split, not classes; point"),
        (
            ANY,
            lambda root: pets(root, 2),
            "class 'cat' has 2 usable images in {root}/cat, 3 are needed; add images",
        ),
    ],
)
def test_a_folder_that_cannot_be_used_says_what_to_do(tmp_path, recipe, build, message):
    root = tmp_path / "data"
    build(root)
    with pytest.raises(UserError) as caught:
        folder_collection(recipe, root, SIZE)
    assert message.format(root=root) in str(caught.value) and "\n" not in str(caught.value)


# --- choosing -----------------------------------------------------------------------------------------------


def run(recipe=PETS, data_dir=None, source="auto"):
    return SimpleNamespace(recipe=recipe, data_dir=data_dir, source=source, seed=3)


@pytest.fixture
def stand_in(monkeypatch):
    """Replaces the rendered source by four black images and the download by a refusal."""

    def draw(classes, *, image_size, seed, why):
        assert classes == ("cat", "dog") and seed == 3
        ids, split = np.array(list("abcd")), np.array(["train"] * 4)
        black = np.zeros((4, image_size, image_size, 3), np.uint8)
        return Collection(
            black,
            np.array([0, 0, 1, 1]),
            ids,
            split,
            classes,
            Source("rendered", "", why, "ours", "rendered"),
        )

    def refuse(recipe, **options):
        raise Refused("the name example.org cannot be looked up")

    monkeypatch.setattr(rendered, "rendered_collection", draw)
    monkeypatch.setattr(sources, "cifar100_collection", refuse)


def test_auto_takes_the_folder_that_was_given(tmp_path, stand_in):
    said = []
    collection = collect(run(data_dir=pets(tmp_path)), image_size=SIZE, log=said.append)
    check_contract(collection)
    assert collection.source.kind == "folder" and collection.source.why == "a data folder was given"
    assert said == ["source 'folder' taken (a data folder was given): 8 images"]


def test_auto_never_falls_through_from_a_folder_that_was_given(tmp_path, stand_in):
    with pytest.raises(UserError, match="should hold 'cat' and 'dog'"):
        collect(run(data_dir=tmp_path), image_size=SIZE)


def test_auto_ends_at_the_stand_in_and_says_why(stand_in, caplog):
    with caplog.at_level("INFO", "clockodile"):
        collection = collect(run(), image_size=SIZE)
    check_contract(collection)
    assert collection.source.kind == "rendered" and collection.source.stamp == "rendered"
    for words in ("no data folder was given", "cifar100: the name example.org cannot be looked up"):
        assert words in collection.source.why and words in caplog.text
    assert "source 'rendered' taken" in caplog.text


def test_a_named_source_is_used_or_fails(tmp_path, stand_in):
    assert (
        collect(run(source="rendered", data_dir=tmp_path), image_size=SIZE).source.why == "asked for by name"
    )
    with pytest.raises(
        UserError, match="cifar100: the name example.org cannot be looked up.*; give data_dir"
    ):
        collect(run(source="cifar100"), image_size=SIZE)
    with pytest.raises(UserError, match="folder: no data folder was given"):
        collect(run(source="folder"), image_size=SIZE)


def test_image_size_comes_from_the_recipe_unless_given(tmp_path):
    pets(tmp_path)
    assert collect(run(replace(PETS, image_size=24), tmp_path)).images.shape[1:] == (24, 24, 3)
    assert collect(run(PETS, tmp_path), image_size=8).images.shape[1:] == (8, 8, 3)
