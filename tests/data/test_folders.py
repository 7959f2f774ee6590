"""Class folders in every state people leave them in."""

import os
import struct
import unicodedata
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_folders import ANY, PETS, SIZE, check_contract, pets, photo, put

from clockodile.core.errors import UserError
from clockodile.data import folders
from clockodile.data.folders import background_state, folder_collection, folder_state, suited_side, with_background

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
    put_bytes(root / "cat" / "odd.png", whole[:12] + header + struct.pack(">I", zlib.crc32(header)) + whole[33:])


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
    for name in ("鰐 🐊 é.png", unicodedata.normalize("NFD", "cafè") + " 2.png", " leading.png", "50% #1.png"):
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


def converted(name, build, pixels):
    return Case(name, build, {}, pixels, ("cat/odd",), rows=9)


def saved(image, name="odd.png", **options):
    return lambda root: put(root / "cat" / name, image, **options)


CASES = (
    refused("unreadable", unreadable, "truncated or damaged"),
    refused("truncated", truncated, "truncated or damaged"),
    refused("zero-byte", lambda root: put_bytes(root / "cat/odd.png", b""), "empty file (0 bytes)"),
    refused("text", lambda root: put_bytes(root / "cat/odd.png", b"Dear diary,\n" * 9), "not an image"),
    refused("1x1", saved(Image.new("RGB", (1, 1))), "too small: 1x1 pixels"),
    refused("enormous", enormous, "too large: over 128 million pixels"),
    converted("greyscale", saved(GREY), np.dstack([GREY] * 3)),
    converted("palette", palette, COLOURS[INDEX]),
    converted("RGBA", saved(np.dstack([photo(7), ALPHA])), np.where(ALPHA[..., None] == 0, 255, photo(7))),
    converted("CMYK", saved(Image.fromarray(CMYK, "CMYK"), "odd.tif"), 255 - CMYK[..., :3]),
    converted("16-bit", saved(DEEP), np.dstack([np.rint(DEEP / 257)] * 3)),
    converted("1-bit", saved(Image.fromarray(ALPHA).convert("1")), np.dstack([ALPHA] * 3)),
    Case(
        "animated",
        animated,
        {"cat/odd.gif": ("first of 4 frames", True)},
        np.full((SIZE, SIZE, 3), COLOURS[0]),
        ("cat/odd",),
        rows=9,
    ),
    converted("EXIF-rotated", rotated, photo(7)),
    Case("unicode and spaces", odd_names, ids=("cat/鰐 🐊 é", "cat/cafè 2", "cat/ leading", "cat/50% #1"), rows=12),
    refused("symlink loop", loop, "link to a folder", "cat/odd"),
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
    Case("very unequal", unequal, {"dog": ("very unequal classes: 4 images here, 21 in 'cat'", True)}, rows=25),
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
            assert str(root) in str(caught.value) and "; add" in str(caught.value) and "\n" not in str(caught.value)
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


def test_a_class_folder_may_be_a_link(tmp_path):
    root = pets(tmp_path / "my photos")
    expected = folder_collection(PETS, root, SIZE)
    (root / "dog").rename(tmp_path / "hounds")
    (root / "dog").symlink_to(tmp_path / "hounds")
    found = folder_collection(PETS, root, SIZE)
    assert np.array_equal(found.images, expected.images) and found.ids.tolist() == expected.ids.tolist()


# --- which folders ------------------------------------------------------------------------------------------


def test_ids_order_and_pixels(tmp_path):
    for number in (10, 9, 100):
        put(tmp_path / "pets" / "dog" / f"{number}.png", photo(number))
        put(tmp_path / "pets" / "cat" / f"{number}.png", photo(number + 200))
    collection = folder_collection(PETS, tmp_path, SIZE)
    check_contract(collection)
    assert collection.ids.tolist() == ["cat/9", "cat/10", "cat/100", "dog/9", "dog/10", "dog/100"]
    assert collection.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert np.array_equal(collection.images[4], photo(10)) and np.array_equal(collection.images[0], photo(209))


def test_the_same_images_at_either_place_give_the_same_collection(tmp_path):
    deep = folder_collection(PETS, pets(tmp_path / "a" / "pets").parent, SIZE)
    flat = folder_collection(PETS, pets(tmp_path / "b"), SIZE)
    assert np.array_equal(deep.images, flat.images) and deep.ids.tolist() == flat.ids.tolist()
    assert deep.source.where == "a/pets" and flat.source.where == "b"  # a report is passed on: no private paths


@pytest.mark.parametrize("recipe", [PETS, ANY], ids=lambda recipe: recipe.name)
@pytest.mark.parametrize("given", ["absolute", "relative", "dots", "link"])
def test_no_text_of_a_collection_holds_a_private_path(tmp_path, monkeypatch, recipe, given):
    root = tmp_path / "private" / "photos"
    holder = pets(root / recipe.name if recipe.classes else root)
    put_bytes(holder / "cat" / "bad.png", b"bad")
    (root.parent / "link").symlink_to(root)
    monkeypatch.chdir(root.parent)
    paths = {"relative": Path("photos"), "dots": root / ".." / "photos", "link": root.parent / "link"}
    collection = folder_collection(recipe, paths.get(given, root), SIZE)
    assert collection.source.where == (f"photos/{recipe.name}" if recipe.classes else "photos")
    texts = [collection.source.where, collection.source.why, *collection.ids.tolist()]
    texts += [text for note in collection.notes for text in (note.path, note.reason)]
    assert not any(text.startswith("/") or "private" in text for text in texts)


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
    put(tmp_path / "cifar100_other" / "apple" / "9.png", photo(51))  # twice: background may repeat itself
    collection = folder_collection(PETS, tmp_path, SIZE)
    check_contract(collection)
    assert collection.ids[8:].tolist() == ["cifar100_other/apple/7", "cifar100_other/apple/9", "background/1"]
    assert (collection.split[8:] == "background").all() and (collection.labels[8:] == -1).all()
    assert collection.notes == ()


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


def split_and_models(root):
    pets(root / "train"), pets(root / "test"), pets(root, classes=("models",))


def split_and_empty(root):
    pets(root / "train"), pets(root, classes=("test1",))
    (root / "models").mkdir()


def loose(root):
    put(root / "1.png")
    put(root / "2.png")


@pytest.mark.parametrize(
    ("recipe", "build", "message"),
    [
        (PETS, few, "in {root}/dog, 3 are needed; commonest refusal: empty file (0 bytes) (4 files); add"),
        (PETS, loose, "2 files lie directly in {root}, in no class folder; sort them"),
        (ANY, loose, "2 files lie directly in {root}, in no class folder; sort them"),
        (PETS, lambda root: root.mkdir(), "{root} should hold 'cat' and 'dog', but holds no folders; give data_dir"),
        (PETS, lambda root: pets(root, classes=("ape",)), "should hold 'cat' and 'dog', but holds 'ape'"),
        (PETS, lambda root: pets(root / "pets", classes=("cat",)), "no folder 'dog' in {root}/pets, only 'cat'; add"),
        (ANY, lambda root: pets(root, classes=("ape",)), "only one class folder, 'ape', in {root}; add a folder"),
        (
            ANY,
            lambda root: pets(root / "mine"),
            "only one class folder, 'mine', in {root}; point data_dir at {root}/mine",
        ),
        (
            ANY,
            lambda root: pets(root, classes=("train", "test")),
            "'test' and 'train' in {root}: parts of a split, not classes; move such folders elsewhere",
        ),
        (ANY, split_and_models, "'test' and 'train' in {root}: parts of a split, not classes; point data_dir at"),
        (ANY, split_and_empty, "'test1' and 'train' in {root}: parts of a split, not classes; point data_dir at"),
        (
            ANY,
            lambda root: pets(root, classes=("trainA", "trainB", "my_test_set")),
            "'my_test_set' and 'trainA' and 'trainB' in {root}: parts of a split",
        ),
        (
            ANY,
            lambda root: pets(root, classes=("cats", "dogs", "test")),
            "'test' in {root}: parts of a split, not classes; move such folders elsewhere, or rename",
        ),
        (
            ANY,
            lambda root: pets(root / "train") and pets(root, classes=("extra",)),
            "'train' in {root}: parts of a split, not classes; point data_dir at {root}/train",
        ),
        (ANY, lambda root: pets(root, 2), "class 'cat' has 2 usable images in {root}/cat, 3 are needed; add images"),
    ],
)
def test_a_folder_that_cannot_be_used_says_what_to_do(tmp_path, recipe, build, message):
    root = tmp_path / "data"
    build(root)
    with pytest.raises(UserError) as caught:
        folder_collection(recipe, root, SIZE)
    assert message.format(root=root) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "classes",
    [("car", "plane", "train"), ("trainers", "valley"), ("rapid test", "slow test"), ("contest", "train", "validity")],
    ids=str,
)
def test_classes_that_merely_sound_like_a_split(tmp_path, classes):
    assert folder_collection(ANY, pets(tmp_path, classes=classes), SIZE).classes == classes


# --- what must never vanish without a word ------------------------------------------------------------------


def test_a_folder_that_is_no_class_says_so_and_lists_its_files(tmp_path):
    pets(tmp_path)
    for number in range(3):
        put_bytes(tmp_path / "birds" / f"{number}.mov", b"film")
    (tmp_path / "empty").mkdir()
    collection = folder_collection(ANY, tmp_path, SIZE)
    assert collection.classes == ("cat", "dog")
    reasons = {note.path: note.reason for note in collection.notes}
    assert reasons.pop("birds") == reasons.pop("empty") == "no images in this folder; not a class"
    assert reasons == {f"birds/{number}.mov": "not an image type (.mov)" for number in range(3)}
    assert collection.warnings == (
        "folder 'birds' is no class: no file in it is an image; commonest refusal: not an image type (.mov) (3 files)",
        "folder 'empty' is no class: it holds no files",
    )


def test_a_class_of_which_most_is_missing_says_so(tmp_path):
    pets(tmp_path)
    for number in range(5):
        put_bytes(tmp_path / "dog" / f"bad{number}.png", b"")
    (warning,) = folder_collection(ANY, tmp_path, SIZE).warnings
    assert warning == ("class 'dog': 5 files are not used, 4 are; commonest refusal: empty file (0 bytes) (5 files)")


@pytest.fixture
def forbid(monkeypatch):
    """Folders that cannot be opened: the tests may run as root, whom chmod does not stop."""
    forbidden, scandir = set(), os.scandir

    def guarded(path):
        if Path(path) in forbidden:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    return forbidden.add


@pytest.mark.parametrize("recipe", [PETS, ANY], ids=lambda recipe: recipe.name)
@pytest.mark.parametrize("name", ["dog", "background"])
def test_a_class_folder_that_cannot_be_opened_is_an_error(tmp_path, forbid, recipe, name):
    pets(tmp_path, classes=("cat", "dog", "background"))
    forbid(tmp_path / name)
    with pytest.raises(UserError, match=f"{tmp_path}/{name} cannot be opened .permission denied.; allow it, or"):
        folder_collection(recipe, tmp_path, SIZE)


def test_a_folder_in_a_class_that_cannot_be_opened_is_said_aloud_and_counted(tmp_path, forbid):
    pets(tmp_path, 2)
    pets(tmp_path / "dog", 3, ("holiday",))
    forbid(tmp_path / "dog" / "holiday")
    with pytest.raises(UserError, match="'cat' has 2 usable images in .*cat, 3 are needed; add"):
        folder_collection(PETS, tmp_path, SIZE)
    pets(tmp_path, 3, ("cat",))
    with pytest.raises(UserError, match="'dog' has 2 .*refusal: folder cannot be opened .permission denied. .1 f"):
        folder_collection(PETS, tmp_path, SIZE)
    pets(tmp_path)
    assert folder_collection(PETS, tmp_path, SIZE).warnings == (
        "dog/holiday: folder cannot be opened (permission denied)",
    )


@pytest.mark.parametrize(
    ("mark", "content"),
    [("run.json", b'{"notebooks": {}}'), ("provenance/splits.csv.json", b'{"config": {}, "key": "", "sha256": ""}')],
)
@pytest.mark.parametrize("place", ["results", "cat/results", "."])
def test_what_this_program_made_is_no_photograph(tmp_path, mark, content, place):
    pets(tmp_path)
    pets(tmp_path / place, classes=("figures",))
    put_bytes(tmp_path / place / mark, content)
    collection = folder_collection(ANY, tmp_path, SIZE)
    assert collection.classes == ("cat", "dog") and len(collection.images) == 8
    made = [note.path for note in collection.notes if note.reason.startswith("made by this program")]
    assert made == ["figures" if place == "." else place]


# --- whether the files are those of before ------------------------------------------------------------------


def change_a_picture(root):
    put(root / "cat" / "1.png", photo(77))


def move_a_picture(root):
    (root / "cat" / "1.png").rename(root / "dog" / "moved.png")


@pytest.mark.parametrize("change", [change_a_picture, move_a_picture, lambda root: (root / "dog/2.png").unlink()])
def test_a_change_of_the_files_is_seen_without_reading_them(tmp_path, change):
    before = folder_collection(ANY, pets(tmp_path), SIZE).source.files
    put_bytes(tmp_path / "cat" / "notes.txt", b"no image")
    assert folder_state(ANY, tmp_path) == before != ""
    change(tmp_path)
    assert folder_state(ANY, tmp_path) != before


def sized(root, *sides):
    """Two classes of pictures of these sides."""
    for name in ("cat", "dog"):
        for number, side in enumerate(sides):
            put(root / name / f"{number}.png", Image.new("RGB", (side, side + 30), (number, side, 0)))
    return root


@pytest.mark.parametrize(
    ("sides", "side"), [((20, 30, 40), 32), ((50, 70, 300), 64), ((96, 96, 20), 96), ((2000, 900, 500), 96)]
)
def test_the_middle_photograph_decides_how_large_pictures_are(tmp_path, sides, side):
    found, why = suited_side(ANY, sized(tmp_path, *sides))
    assert found == side and f"made {side} pixels a side" in why and "take long" not in why


def test_it_is_said_of_how_many_the_square_shows_less_than_half(tmp_path):
    assert "less than half" not in suited_side(ANY, sized(tmp_path, 40, 30, 31))[1]
    put(tmp_path / "cat" / "panorama.png", Image.new("RGB", (81, 40)))
    put(tmp_path / "dog" / "tower.png", Image.new("RGB", (40, 80)))  # just half
    assert "of 1 in 8 photographs the square shows less than half" in suited_side(ANY, tmp_path)[1]


def test_many_photographs_are_made_smaller_so_that_a_run_stays_quick(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "MOST_VALUES", 6 * 64**2)
    side, why = suited_side(ANY, sized(tmp_path, 200, 300, 400))
    assert side == 64 and "-p image_size=96" in why


def test_a_file_that_is_no_image_does_not_decide_the_size(tmp_path):
    (sized(tmp_path, 70, 70) / "cat" / "broken.png").write_bytes(b"no")
    assert suited_side(ANY, tmp_path)[0] == 64


def test_a_folder_of_other_things_is_added(tmp_path):
    collection = folder_collection(PETS, pets(tmp_path / "photos"), SIZE)
    streets = tmp_path / "streets"
    for number in range(3):
        put(streets / "night" / f"{number}.png", photo(77 + number))
    (streets / "notes.txt").write_text("x")
    both = with_background(collection, streets)
    check_contract(both)
    assert both.ids[both.split == "background"].tolist() == [f"background/streets/night/{k}" for k in range(3)]
    reasons = {note.path: note.reason for note in both.notes}
    assert "streets/notes.txt" in reasons
    before = background_state(streets)
    put(streets / "new.png")
    assert background_state(streets) != before
    with pytest.raises(UserError, match="background: no picture in .* can be used; it holds no files"):
        (tmp_path / "empty").mkdir()
        with_background(collection, tmp_path / "empty")
