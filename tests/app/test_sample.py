"""`clockodile sample`: files, seeds, and what happens when a word is wrong."""

import json
import os
import tempfile

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.text import Text
from PIL import Image
from tiny_flows import calls_counted, tiny_package, use_tiny_plans

from clockodile.app import cli
from clockodile.app import sample as module
from clockodile.app.output import only_writer
from clockodile.core import atomic_files
from clockodile.core.store import write_weights
from clockodile.hybrids.generators.flow_of_run import Flow


def write_flow(path, *classes):
    """The file of a small flow that knows these classes."""
    package = tiny_package(classes)
    write_weights(path, package.state, {"config": {}, "metrics": package.metrics, "seconds": 0.0})


def write_judge(path, classes, pair):
    """The file of a judge, as far as `sample` reads it."""
    about = {"classes": list(classes), "pair": list(pair)}
    write_weights(path, {"bias": torch.zeros(1)}, {"config": {}, "metrics": about, "seconds": 0.0})


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Where the test works; a small flow comes with the package."""
    use_tiny_plans(monkeypatch)
    write_flow(tmp_path / "weights/flow.safetensors", "clock", "crocodile")
    monkeypatch.setattr(module, "shipped_weights", lambda: tmp_path / "weights")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def noted_run(place):
    """What only notebooks left in a run folder, as far as `sample` reads it."""
    run = place / "noted run"
    write_flow(run / "generators/flow.safetensors", "dotted", "plain", "striped", "other things")
    write_judge(run / "judge.safetensors", ("dotted", "plain", "striped"), (0, 2))
    atomic_files.write_json(run / "run.json", {"notebooks": {}})
    return run


def sample(capsys, *words):
    code = cli.main(["sample", *map(str, words)])
    return code, capsys.readouterr().err


def pixels(path):
    return np.asarray(Image.open(path))


def names_in(folder):
    """What a user sees in a folder."""
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def contents(folder):
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


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
    for one, other in (("a/0001.png", "b/0000.png"), ("a/0002.png", "b/0001.png"), ("a/0000.png", "c/0000.png")):
        assert np.array_equal(pixels(place / one), pixels(place / other))
    assert not np.array_equal(pixels(place / "a/0000.png"), pixels(place / "a/0001.png"))


def test_the_grid_goes_from_class_to_class(place, capsys):
    assert sample(capsys, "--pretrained", "--n", 2, "--method", "flow_placed", "--grid", "--out", "new")[0] == 0
    height, width, _ = pixels(place / "new/grid.png").shape
    assert width > 7 * 96 and 2 * 96 < height < width, "two rows of seven, each tile large enough to be seen"


# --- nothing is overwritten --------------------------------------------------------------------------------------

QUICK = ("--pretrained", "--method", "flow_placed", "--out", "new", "--n")


def own_photo(path):
    Image.new("RGB", (40, 40)).save(path)
    return path.read_bytes()


@pytest.mark.parametrize(
    "words", [(2,), (5,), (4, "--mix", 1), (4, "--seed", 1), (4, "--method", "flow_both"), (4, "--out", "new/")]
)
def test_pictures_of_another_call_stay_as_they_are(words, place, capsys):
    sample(capsys, *QUICK, 4)
    before = contents(place / "new")
    code, told = sample(capsys, *QUICK, *words)
    if words == (4, "--out", "new/"):  # the same call
        assert code == 0
    else:
        assert code == 2 and "sample.json is there already; give another --out" in told
    assert contents(place / "new") == before


def test_pictures_of_another_net_stay_as_they_are(place, capsys):
    sample(capsys, *QUICK, 1)
    write_flow(place / "weights/flow.safetensors", "clock", "crocodile", "tree")
    code, told = sample(capsys, *QUICK, 1)
    assert code == 2 and "give another --out" in told


@pytest.mark.parametrize("name", ["0001.png", "contact_sheet.png", "grid.png"])
def test_somebody_elses_pictures_are_left_alone(name, place, capsys):
    (place / "new").mkdir()
    mine = own_photo(place / "new" / name)
    code, told = sample(capsys, *QUICK, 2, "--grid")
    assert code == 2 and f"{name} is there already; give another --out" in told
    assert names_in(place / "new") == {name} and (place / "new" / name).read_bytes() == mine


def test_other_files_in_the_folder_are_no_obstacle(place, capsys):
    (place / "new").mkdir()
    mine = own_photo(place / "new/0002.png")
    left = place / "new/.unfinished-x.png"  # by a process that was killed
    left.touch()
    os.utime(left, (0, 0))
    assert sample(capsys, *QUICK, 2)[0] == 0 and not left.exists()
    assert (place / "new/0002.png").read_bytes() == mine


def test_a_picture_that_was_exchanged_is_not_made_again(place, capsys):
    sample(capsys, *QUICK, 2)
    mine = own_photo(place / "new/0001.png")
    assert sample(capsys, *QUICK, 2)[0] == 0 and (place / "new/0001.png").read_bytes() == mine


def test_a_picture_that_was_damaged_is_named(place, capsys):
    sample(capsys, *QUICK, 1)
    (place / "new/contact_sheet.png").unlink()
    (place / "new/0000.png").write_bytes(b"no")
    code, told = sample(capsys, *QUICK, 1)
    assert code == 2 and "new holds a picture that cannot be read" in told


def test_a_photo_that_comes_while_pictures_are_drawn_is_not_overwritten(place, capsys, monkeypatch):
    real = Flow.placed

    def slow(*words, **options):
        own_photo(place / "new/0000.png")
        return real(*words, **options)

    monkeypatch.setattr(Flow, "placed", slow)
    assert sample(capsys, *QUICK, 2)[0] == 0 and pixels(place / "new/0000.png").shape == (40, 40, 3)


@pytest.mark.parametrize("content", ["", "{}", '{"rate": 44100}'])
def test_a_foreign_or_damaged_record_is_left_alone(content, place, capsys):
    (place / "new").mkdir()
    (place / "new/sample.json").write_text(content)
    code, told = sample(capsys, *QUICK, 1)
    assert code == 2 and "sample.json is there already" in told
    assert (place / "new/sample.json").read_text() == content and names_in(place / "new") == {"sample.json"}


def test_the_record_says_how_pictures_were_made(place, noted_run, capsys):
    sample(capsys, noted_run, "--method", "flow_placed", "--n", 1, "--mix", 0.25, "--seed", 7, "--out", "new")
    record = json.loads((place / "new/sample.json").read_text())
    net = atomic_files.file_digest(noted_run / "generators/flow.safetensors")[:16]
    assert record == {
        **{"method": "flow_placed", "mix": 0.25, "seed": 7, "n": 1, "classes": ["dotted", "striped"]},
        **{"run": str(noted_run), "net": net, "image_size": 32},
    }


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
    settings = {"classes": ["clock", "crocodile"], "method": "flow_placed", "mix": 0.3, "seed": 41}
    sheet = module.contact_sheet(pictures, settings)
    said = {text.get_text() for text in sheet.findobj(Text)}
    assert {"clock and crocodile, mix 0.3; below each its seed (flow_placed)", "41", "42"} <= said

    def make(seeds, mixes):
        return torch.zeros(len(mixes), len(seeds), 3, 8, 8)

    grid = module.grid_of(make, range(41, 43), settings)
    said = {text.get_text() for text in grid.findobj(Text)}
    assert {"clock (0)", "0.2", "0.5", "crocodile (1)", "seed 41", "seed 42"} <= said
    plt.close("all")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--pretrained", "--n", "100001", "--mix", "0.5", "--out", "x"], "whole number from 1 to 100000"),
        (["--pretrained", "--mix", "1.5", "--out", "x"], "--mix: give a number from 0 to 1, not '1.5'"),
        (["--pretrained", "--mix", "nan", "--out", "x"], "--mix"),
        (["--pretrained", "--seed", "-1", "--out", "x"], "--seed: give a whole number from 0 to 2147483647"),
        (["--pretrained", "--n", "0", "--out", "x"], "--n"),
        (["--pretrained", "--method", "flo", "--out", "x"], "flow_placed"),
        (["--pretrained", "--method", "pixel_blend", "--out", "x"], "flow_placed"),
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


# --- a run folder is only read -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", module.METHODS)
def test_a_run_is_only_read(method, noted_run, place, capsys):
    before = contents(noted_run)
    code, told = sample(capsys, noted_run, "--n", 2, "--method", method, "--grid", "--out", "new")
    assert code == 0 and "dotted (mix 0) and striped (mix 1)" in told
    assert contents(noted_run) == before


def test_the_pair_is_that_of_the_judge_on_pictures_of_the_flows_size(noted_run, capsys):
    write_judge(noted_run / "judge-32-pixels.safetensors", ("dotted", "plain", "striped"), (2, 1))
    told = sample(capsys, noted_run, "--n", 1, "--method", "flow_placed", "--out", "new")[1]
    assert "striped (mix 0) and plain (mix 1)" in told


@pytest.mark.parametrize("name", ["generators/flow", "judge"])
@pytest.mark.parametrize(
    ("content", "said"), [(b"no", "is damaged"), (None, "there is no file")], ids=["damaged", "missing"]
)
def test_what_cannot_be_read_is_named_with_the_command_that_makes_it(content, said, name, place, capsys, noted_run):
    path = noted_run / f"{name}.safetensors"
    path.write_bytes(content) if content else path.unlink()
    code, told = sample(capsys, noted_run, "--out", "x")
    assert code == 2 and said in told and str(path) in told and not (place / "x").exists()
    assert f"`clockodile run --only 04 --out '{noted_run}'` makes it, with that run's options" in told


def test_files_of_other_things_get_one_line(place, capsys, noted_run):
    flow, judge = noted_run / "generators/flow.safetensors", noted_run / "judge.safetensors"
    for path, other in ((judge, flow), (flow, judge)):
        kept = path.read_bytes()
        path.write_bytes(other.read_bytes())
        code, told = sample(capsys, noted_run, "--out", "x")
        assert code == 2 and f"{path} is of another version of clockodile; `clockodile run --only 04" in told
        path.write_bytes(kept)
    write_judge(judge, ("clock", "dotted"), (0, 1))
    code, told = sample(capsys, noted_run, "--out", "x")
    assert code == 2 and "the flow does not know 'clock'" in told and not (place / "x").exists()


# --- interrupted -------------------------------------------------------------------------------------------


@pytest.fixture
def parts_of_two(monkeypatch):
    monkeypatch.setattr(module, "PART", 2)
    monkeypatch.setattr(module, "EVERY", 0)


@pytest.mark.usefixtures("parts_of_two")
def test_an_interrupted_call_goes_on_where_it_was(place, capsys):
    words = ["--pretrained", "--n", 5, "--method", "flow_placed", "--out"]
    sample(capsys, *words, "whole")
    with calls_counted(Flow, "placed", most=2):
        assert sample(capsys, *words, "new")[0] == 130
    names = [f"000{i}.png" for i in range(4)]
    assert names_in(place / "new") == {*names, "sample.json"}
    before = contents(place / "new")
    with calls_counted(Flow, "placed") as drawn:
        assert sample(capsys, *words, "new")[0] == 0 and len(drawn) == 1
    assert contents(place / "new").items() > before.items()
    assert names_in(place / "new") == names_in(place / "whole")
    for path in (place / "whole").glob("0*.png"):
        assert np.array_equal(pixels(place / "new" / path.name), pixels(path))


@pytest.mark.usefixtures("parts_of_two")
def test_a_killed_process_is_followed_by_the_next(place, capsys, monkeypatch):
    def killed(path):
        if path.name == "0003.png":
            raise SystemExit(137)
        return real(path)

    real = module.atomic
    with monkeypatch.context() as patch:
        patch.setattr(module, "atomic", killed)
        assert sample(capsys, *QUICK, 6)[0] == 137
    assert names_in(place / "new") == {"0000.png", "0001.png", "0002.png", "sample.json"}
    before = contents(place / "new")
    assert sample(capsys, *QUICK, 6)[0] == 0 and contents(place / "new").items() > before.items()


def test_the_contact_sheet_has_the_first_pictures(place, capsys, monkeypatch):
    monkeypatch.setattr(module, "PART", 2)
    monkeypatch.setattr(module, "ON_SHEET", 3)
    shown, real = [], module.contact_sheet
    monkeypatch.setattr(module, "contact_sheet", lambda *words: shown.append(words[0]) or real(*words))
    sample(capsys, *QUICK, 5)
    assert (place / "new/0004.png").is_file()
    assert np.array_equal(shown[0], [pixels(place / f"new/000{i}.png") for i in range(3)])
