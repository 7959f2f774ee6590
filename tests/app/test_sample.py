"""`clockodile sample`: files, seeds, and what happens when a word is wrong."""

import json
import os
import re
import shlex
import shutil
import tempfile

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from made_photos import write_photos
from matplotlib.text import Text
from PIL import Image
from tiny_flows import calls_counted, tiny_package, use_tiny_plans
from tiny_nets import with_short_plans

from clockodile.app import cli
from clockodile.app import sample as module
from clockodile.app.output import only_writer
from clockodile.core import atomic_files, store
from clockodile.core.workspace import open_run
from clockodile.data.dataset import as_images, prepare_dataset
from clockodile.hybrids.generators.flow_of_run import Flow, fit_flow
from clockodile.hybrids.generators.table import GENERATORS, prepare


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Where the test works; a small flow comes with the package."""
    use_tiny_plans(monkeypatch)
    monkeypatch.setattr(module, "package_flow", lambda: tiny_package(("clock", "crocodile")))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sample(capsys, *words):
    code = cli.main(["sample", *map(str, words)])
    return code, capsys.readouterr().err


def pixels(path):
    return np.asarray(Image.open(path))


def names_in(folder):
    """What a user sees in a folder."""
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def record_of(folder):
    return json.loads((folder / "sample.json").read_text())


def test_pictures_and_a_sheet(place, capsys, noted_run):
    code, told = sample(capsys, noted_run, "--n", 3, "--method", "flow_placed", "--out", "new")
    assert code == 0 and "dotted (mix 0) and striped (mix 1)" in told
    assert {path.name for path in (place / "new").glob("*.png")} == {
        "0000.png",
        "0001.png",
        "0002.png",
        "contact_sheet.png",
    }
    assert pixels(place / "new/0000.png").shape == (32, 32, 3)


def test_a_picture_depends_on_its_own_seed(place, capsys):
    sample(capsys, "--pretrained", "--n", 3, "--out", "a")
    sample(capsys, "--pretrained", "--n", 2, "--seed", 1, "--out", "b")
    sample(capsys, "--pretrained", "--n", 3, "--out", "c")
    for one, other in (
        ("a/0001.png", "b/0000.png"),
        ("a/0002.png", "b/0001.png"),
        ("a/0000.png", "c/0000.png"),
    ):
        assert np.array_equal(pixels(place / one), pixels(place / other))
    assert not np.array_equal(pixels(place / "a/0000.png"), pixels(place / "a/0001.png"))


def test_the_grid_goes_from_class_to_class(place, capsys):
    assert (
        sample(capsys, "--pretrained", "--n", 2, "--method", "flow_placed", "--grid", "--out", "new")[0] == 0
    )
    height, width, _ = pixels(place / "new/grid.png").shape
    assert width > 7 * 96 and 2 * 96 < height < width, "two rows of seven, each tile large enough to be seen"


def test_fewer_pictures_later_leave_none_of_the_old(place, capsys):
    sample(capsys, "--pretrained", "--n", 4, "--method", "flow_placed", "--out", "new")
    sample(capsys, "--pretrained", "--n", 2, "--method", "flow_placed", "--mix", 1, "--out", "new")
    names = names_in(place / "new")
    assert names == {"0000.png", "0001.png", "contact_sheet.png", "sample.json"}
    record = record_of(place / "new")
    assert record["mix"] == 1 and record["finished"] and set(record["files"]) == names - {"sample.json"}
    assert record["files"]["0001.png"] == atomic_files.file_digest(place / "new/0001.png")[:16]


def test_somebody_elses_pictures_are_left_alone(place, capsys):
    (place / "mine").mkdir()
    Image.new("RGB", (4, 4)).save(place / "mine/0001.png")
    code, told = sample(capsys, "--pretrained", "--n", 2, "--out", "mine")
    assert code == 2 and "0001.png" in told and pixels(place / "mine/0001.png").shape == (4, 4, 3)


def own_photo(path):
    Image.new("RGB", (4, 4)).save(path)
    return path.read_bytes()


QUICK = ("--pretrained", "--method", "flow_placed", "--out", "new", "--n")


def test_a_picture_that_was_changed_or_exchanged_is_neither_replaced_nor_removed(place, capsys):
    sample(capsys, *QUICK, 4)
    edited, mine = own_photo(place / "new/0001.png"), own_photo(place / "new/0003.png")
    code, told = sample(capsys, *QUICK, 2)
    assert code == 2 and "0001.png was not made by this command, or changed since" in told
    (place / "new/0001.png").rename(place / "new/edited.png")
    assert sample(capsys, *QUICK, 2)[0] == 0
    assert names_in(place / "new") == {
        "0000.png",
        "0001.png",
        "0003.png",
        "edited.png",
        "contact_sheet.png",
        "sample.json",
    }
    assert (place / "new/edited.png").read_bytes() == edited
    assert (place / "new/0003.png").read_bytes() == mine, "0002.png was ours and goes, 0003.png is not"
    assert "0003.png" not in record_of(place / "new")["files"]


def test_a_photo_that_comes_while_pictures_are_drawn_is_not_overwritten(place, capsys, monkeypatch):
    real = Flow.placed

    def slow(*words, **options):
        own_photo(place / "new/0000.png")
        return real(*words, **options)

    monkeypatch.setattr(Flow, "placed", slow)
    code, told = sample(capsys, *QUICK, 1)
    assert code == 2 and "0000.png" in told and pixels(place / "new/0000.png").shape == (4, 4, 3)


def test_a_record_that_names_other_files_does_not_get_them_removed(place, capsys):
    (place / "new").mkdir()
    mine = {name: own_photo(place / name) for name in ("new/holiday.jpg", "0007.png")}
    checksum = atomic_files.file_digest(place / "0007.png")[:16]
    files = dict.fromkeys(("holiday.jpg", "../0007.png"), checksum)
    atomic_files.write_json(place / "new/sample.json", {"files": files, "unfinished": {"1.png": []}})
    left = place / "new/.unfinished-x.png"  # by a process that was killed
    left.touch()
    os.utime(left, (0, 0))
    assert sample(capsys, *QUICK, 1)[0] == 0 and not left.exists()
    assert {name: (place / name).read_bytes() for name in mine} == mine


@pytest.mark.parametrize("content", ["", "{}", '{"rate": 44100}', '{"files": ["0000.png"]}'])
def test_a_foreign_or_damaged_record_is_left_alone(content, place, capsys):
    (place / "new").mkdir()
    (place / "new/sample.json").write_text(content)
    code, told = sample(capsys, *QUICK, 1)
    assert code == 2 and "sample.json is damaged or not of this command" in told
    assert (place / "new/sample.json").read_text() == content and names_in(place / "new") == {"sample.json"}


def test_two_at_once_do_not_mix_their_pictures(place, capsys):
    (place / "new").mkdir()
    with only_writer(place / "new"):
        code, told = sample(capsys, *QUICK, 1)
    assert code == 2 and "another command is writing in new" in told and not names_in(place / "new")


def test_a_folder_that_cannot_be_written_is_noticed_before_anything_is_drawn(place, capsys, monkeypatch):
    def forbidden(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", forbidden)
    with calls_counted(Flow, "placed") as drawn:
        code, told = sample(capsys, *QUICK, 1)
    assert code == 2 and "cannot write in new: permission denied" in told and not drawn


def test_somebody_who_waits_is_told_how_far_it_is(place, capsys, monkeypatch):
    monkeypatch.setattr(module, "PART", 2)
    monkeypatch.setattr(module, "EVERY", 0)
    told = sample(capsys, *QUICK, 3, "--grid")[1].splitlines()
    assert told[:-1] == ["drawing 3 pictures", "2 of 3", "3 of 3", "drawing grid.png"]


def test_sheets_name_classes_mixes_and_seeds():
    pictures = np.zeros((2, 8, 8, 3), np.uint8)
    settings = {"classes": ["clock", "crocodile"], "method": "vae", "mix": 0.3, "seed": 41}
    sheet = module.contact_sheet(pictures, settings)
    said = {text.get_text() for text in sheet.findobj(Text)}
    assert {"clock and crocodile, mix 0.3; below each its seed (vae)", "41", "42"} <= said

    def make(seeds, mixes):
        return torch.zeros(len(mixes), len(seeds), 3, 8, 8)

    grid = module.grid_of(make, range(41, 43), settings)
    said = {text.get_text() for text in grid.findobj(Text)}
    assert {"clock (0)", "0.2", "0.5", "crocodile (1)", "seed 41", "seed 42"} <= said
    plt.close("all")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--pretrained", "--n", "100001", "--mix", "1.5", "--out", "x"], "at most 100000"),
        (["--pretrained", "--mix", "1.5", "--out", "x"], "--mix"),
        (["--pretrained", "--mix", "nan", "--out", "x"], "--mix"),
        (["--pretrained", "--seed", "-1", "--out", "x"], "--seed"),
        (["--pretrained", "--n", "0", "--out", "x"], "--n"),
        (["--pretrained", "--method", "flo", "--out", "x"], "flow_placed"),
        (["--pretrained", "--method", "pixel_blend", "--out", "x"], "pixel_blend needs photographs of both"),
        (["--pretrained", "--method", "vae", "--out", "x"], "vae needs the net of a run"),
        (
            ["--pretrained", "--method", "dense_autoencoder", "--out", "x"],
            "dense_autoencoder needs the net of a run",
        ),
        (["--pretrained", "--out", ""], "--out is empty"),
        (["--out", "x"], "--pretrained"),
        (["nowhere", "--out", "x"], "nowhere"),
        (["--pretrained"], "--out"),
    ],
)
def test_wrong_words_get_one_line(words, said, capsys, place):
    code, told = sample(capsys, *words)
    assert code == 2 and said in told and len(told.strip().splitlines()) == 1
    assert not (place / "x").exists()


def test_a_file_is_no_folder(place, capsys):
    (place / "file").write_text("")
    code, told = sample(capsys, "--pretrained", "--out", "file")
    assert code == 2 and "file" in told


@pytest.mark.parametrize("content", [b"no", None], ids=["damaged", "missing"])
def test_weights_that_cannot_be_read_are_named(content, place, capsys, noted_run):
    path = noted_run / "generators/flow.safetensors"
    path.write_bytes(content) if content else path.unlink()
    code, told = sample(capsys, noted_run, "--out", "x")
    assert code == 2 and f"{path} is missing or damaged; run notebook 04" in told


def test_weights_of_another_net_get_one_line(place, capsys, noted_run):
    folder = noted_run / "generators"
    (folder / "flow.safetensors").write_bytes((folder / "vae.safetensors").read_bytes())
    code, told = sample(capsys, noted_run, "--out", "x")
    assert code == 2 and "another version or other data; run notebook 04" in told
    assert not (place / "x").exists()


@pytest.mark.parametrize("method", ["flow_placed", "pixel_blend"])
def test_the_pair_that_the_run_was_asked_for_is_drawn(method, noted_run, place, capsys):
    for pair in (["dotted", "striped"], ["striped", "dotted"]):
        parameters = {"04": {"parameters": {"pair": ", ".join(pair)}}}
        atomic_files.write_json(noted_run / "run.json", {"notebooks": parameters})
        code, told = sample(capsys, noted_run, "--n", 1, "--method", method, "--out", "new")
        assert code == 0 and f"{pair[0]} (mix 0) and {pair[1]} (mix 1)" in told
    assert record_of(place / "new")["classes"] == ["striped", "dotted"]


TRAINED = [name for name, found in GENERATORS.items() if found.fit is not None]


# --- a run folder is only read -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def noted(tmp_path_factory):
    """What only a notebook, with less training than usual, left in a run folder, and what every method draws there."""
    place = tmp_path_factory.mktemp("noted")
    run = open_run(
        recipe="folder", data_dir=str(write_photos(place / "my photos")), seed=3, run_dir=str(place / "run")
    )
    short, data = with_short_plans(run), prepare_dataset(run)
    with pytest.MonkeyPatch.context() as patch:
        use_tiny_plans(patch)
        drawn = {
            name: as_images(draw(range(2))) for name, draw in prepare(list(GENERATORS), short, data).items()
        }
    shutil.rmtree(place / "my photos")
    return run.dir, drawn


@pytest.fixture
def noted_run(noted, place):
    """A copy of that folder."""
    return shutil.copytree(noted[0], place / "noted run")


def contents(folder):
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


@pytest.mark.parametrize("settings", [None, {"recipe": "clocks_crocodiles", "seed": 4}], ids=["card", "run"])
@pytest.mark.parametrize("method", GENERATORS)
def test_a_run_is_only_read(method, settings, noted, noted_run, place, capsys, monkeypatch):
    """Its data set and its nets are used as they are: with other settings, without photographs, with less training."""

    def never(*_, **__):
        raise AssertionError("something is trained")

    if settings:  # a run that was stopped before it had prepared its data
        atomic_files.write_json(noted_run / "run.json", {"settings": settings})
    monkeypatch.setattr(store, "fit_or_load", never)
    before = contents(noted_run)
    code, told = sample(capsys, noted_run, "--n", 2, "--method", method, "--grid", "--out", "new")
    assert code == 0 and "dotted (mix 0) and striped (mix 1)" in told
    assert contents(noted_run) == before
    assert np.array_equal([pixels(place / f"new/000{i}.png") for i in range(2)], noted[1][method])


def test_what_a_run_lacks_is_named_with_the_command_that_makes_it(noted, noted_run, capsys):
    settings = {"recipe": "folder", "profile": "full"}
    notebooks = {"04": {"parameters": {"effort": 0.1}}}
    atomic_files.write_json(noted_run / "run.json", {"settings": settings, "notebooks": notebooks})
    for name in ("generators/vae.safetensors", "splits.csv", "dataset.npz"):
        (noted_run / name).unlink()
        before = contents(noted_run)
        code, told = sample(capsys, noted_run, "--method", "vae", "--out", "x")
        assert code == 2 and f"{noted_run / name} is missing" in told and contents(noted_run) == before
        words = shlex.split(re.search("`(.*)`", told)[1])
        photos = str(noted[0].parent / "my photos")
        assert words[:6] == ["clockodile", "run", "--only", "04", "--out", str(noted_run)]
        assert words[6:-3] == "--recipe folder --profile full --seed 3 --source auto --data-dir".split()
        assert words[-3:] == [photos, "-p", "effort=0.1"]
    (noted_run / "data_card.json").unlink()
    code, told = sample(capsys, noted_run, "--method", "vae", "--out", "x")
    assert code == 2 and "data_card.json is missing" in told and "--profile full" in told


@pytest.mark.parametrize("method", TRAINED)
def test_a_net_of_other_photographs_draws_nothing(method, noted_run, capsys, monkeypatch):
    real = module.known_photographs
    monkeypatch.setattr(module, "known_photographs", lambda data: real(data).rows(slice(1, None)))
    code, told = sample(capsys, noted_run, "--method", method, "--out", "x")
    name = "flow" if GENERATORS[method].fit is fit_flow else method
    path = noted_run / f"generators/{name}.safetensors"
    assert code == 2 and f"{path} is of another version or other data; run notebook 04" in told


# --- interrupted -------------------------------------------------------------------------------------------


@pytest.fixture
def parts_of_two(monkeypatch):
    monkeypatch.setattr(module, "PART", 2)
    monkeypatch.setattr(module, "EVERY", 0)


@pytest.mark.usefixtures("parts_of_two")
def test_finished_pictures_survive_an_interruption(place, capsys):
    words = ["--pretrained", "--n", 5, "--method", "flow_placed", "--out"]
    sample(capsys, *words, "whole")
    with calls_counted(Flow, "placed", most=2):
        code, told = sample(capsys, *words, "new")
    assert code == 130 and "stopped; 4 of 5 pictures are finished and kept in new" in told
    names = [f"000{i}.png" for i in range(4)]
    assert names_in(place / "new") == {*names, "sample.json"}
    for name in names:
        assert np.array_equal(pixels(place / "new" / name), pixels(place / "whole" / name))
    noted = atomic_files.read_json(place / "new/sample.json")
    assert not noted["finished"] and not noted["unfinished"]
    assert set(noted["files"]) == set(names), "it claims no picture that is not there"
    assert sample(capsys, *words, "new")[0] == 0, "its own pictures may be replaced"
    assert names_in(place / "new") == names_in(place / "whole")


@pytest.mark.usefixtures("parts_of_two")
def test_an_interruption_spares_what_was_there_until_it_is_replaced(place, capsys):
    words = ["--pretrained", "--method", "flow_placed", "--out", "new", "--n"]
    sample(capsys, *words, 6)
    before = contents(place / "new")
    for parts in (0, 1):
        with calls_counted(Flow, "placed", most=parts):
            assert sample(capsys, *words, 4, "--seed", 50)[0] == 130
        replaced = {path.name for path, content in contents(place / "new").items() if before[path] != content}
        assert replaced == ({"0000.png", "0001.png", "sample.json"} if parts else set())
        assert contents(place / "new").keys() == before.keys()
    sample(capsys, *words, 1)
    assert names_in(place / "new") == {"0000.png", "contact_sheet.png", "sample.json"}


@pytest.mark.usefixtures("parts_of_two")
def test_a_killed_process_claims_no_picture_and_is_followed_by_the_next(place, capsys, monkeypatch):
    def killed(path):
        if path.name == "0003.png":
            raise SystemExit(137)
        return real(path)

    real = atomic_files.atomic
    with monkeypatch.context() as patch:
        patch.setattr(atomic_files, "atomic", killed)
        assert sample(capsys, *QUICK, 6)[0] == 137
    assert set(record_of(place / "new")["files"]) == {"0000.png", "0001.png"}
    mine = own_photo(place / "new/0003.png")
    assert sample(capsys, *QUICK, 6)[0] == 2 and (place / "new/0003.png").read_bytes() == mine
    (place / "new/0003.png").unlink()
    assert sample(capsys, *QUICK, 6)[0] == 0, "0002.png was made before the record could tell, and is ours"


def test_the_contact_sheet_has_the_first_pictures(place, capsys, monkeypatch):
    monkeypatch.setattr(module, "PART", 2)
    monkeypatch.setattr(module, "ON_SHEET", 3)
    shown, real = [], module.contact_sheet
    monkeypatch.setattr(module, "contact_sheet", lambda *words: shown.append(words[0]) or real(*words))
    sample(capsys, *QUICK, 5)
    assert (place / "new/0004.png").is_file()
    assert np.array_equal(shown[0], [pixels(place / f"new/000{i}.png") for i in range(3)])
