"""`clockodile sample`: files, seeds, and what happens when a word is wrong."""

import json
import re
import shlex
import shutil

import numpy as np
import pytest
from made_photos import write_photos
from PIL import Image
from tiny_flows import calls_counted, trained_run, use_tiny_plans
from tiny_nets import with_short_plans

from clockodile.app import cli
from clockodile.app import sample as module
from clockodile.core import atomic_files, store
from clockodile.core.workspace import open_run
from clockodile.data.dataset import as_images, prepare_dataset
from clockodile.hybrids import mixing
from clockodile.hybrids.generators import trained as trained_nets
from clockodile.hybrids.generators.table import GENERATORS
from clockodile.hybrids.selection import SELECTOR, WITNESS


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run folder with a flow, its guides and its chooser."""
    run = trained_run(tmp_path_factory.mktemp("trained"))
    atomic_files.write_json(run.dir / "run.json", {"settings": {"recipe": "folder"}})
    return run.dir


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch, run, trained):
    """Where the test works; the run's flow is also the one that comes with the package."""
    use_tiny_plans(monkeypatch)
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained, run.dir, dirs_exist_ok=True)
    monkeypatch.setattr(store, "shipped_weights", lambda: run.dir / "generators")
    return tmp_path


def sample(capsys, *words):
    code = cli.main(["sample", *map(str, words)])
    return code, capsys.readouterr().err


def pixels(path):
    return np.asarray(Image.open(path))


def test_pictures_and_a_sheet(place, capsys, run):
    code, told = sample(capsys, run.dir, "--n", 3, "--method", "flow", "--out", "new")
    assert code == 0 and "striped (mix 0) and dotted (mix 1)" in told
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
    assert sample(capsys, "--pretrained", "--n", 2, "--method", "flow", "--grid", "--out", "new")[0] == 0
    assert pixels(place / "new/grid.png").shape == (2 * 34 * 4, 7 * 34 * 4, 3)


def test_fewer_pictures_later_leave_none_of_the_old(place, capsys):
    sample(capsys, "--pretrained", "--n", 4, "--method", "flow", "--out", "new")
    sample(capsys, "--pretrained", "--n", 2, "--method", "flow", "--mix", 1, "--out", "new")
    names = {path.name for path in (place / "new").iterdir()}
    assert names == {"0000.png", "0001.png", "contact_sheet.png", "sample.json"}
    record = json.loads((place / "new/sample.json").read_text())
    assert record["mix"] == 1 and record["finished"] and set(record["files"]) == names - {"sample.json"}


def test_somebody_elses_pictures_are_left_alone(place, capsys):
    (place / "mine").mkdir()
    Image.new("RGB", (4, 4)).save(place / "mine/0001.png")
    code, told = sample(capsys, "--pretrained", "--n", 2, "--out", "mine")
    assert code == 2 and "0001.png" in told and pixels(place / "mine/0001.png").shape == (4, 4, 3)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--pretrained", "--n", "100001", "--mix", "1.5", "--out", "x"], "at most 100000"),
        (["--pretrained", "--mix", "1.5", "--out", "x"], "--mix"),
        (["--pretrained", "--mix", "nan", "--out", "x"], "--mix"),
        (["--pretrained", "--seed", "-1", "--out", "x"], "--seed"),
        (["--pretrained", "--n", "0", "--out", "x"], "--n"),
        (["--pretrained", "--method", "flo", "--out", "x"], "flow_guided"),
        (["--pretrained", "--method", "pixel_blend", "--out", "x"], "photographs"),
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


@pytest.mark.parametrize("name", ["flow", "guidance_classifier", "selector"])
def test_damaged_weights_are_named(name, place, capsys, run):
    (run.dir / f"generators/{name}.safetensors").write_bytes(b"no")
    code, told = sample(capsys, run.dir, "--out", "x")
    assert code == 2 and f"{name}.safetensors" in told


@pytest.mark.parametrize("name", ["FLOW_VERSION", "GUIDES_VERSION"])
def test_weights_of_another_version_get_one_line(name, place, capsys, run, monkeypatch):
    monkeypatch.setattr(module, name, 1_000)
    code, told = sample(capsys, run.dir, "--out", "x")
    assert code == 2 and "another version or other data; run notebook 04" in told


def test_the_judge_of_another_network_does_not_choose(place, capsys, run, monkeypatch):
    monkeypatch.setattr(module, "SELECTOR", WITNESS)
    monkeypatch.setitem(module.NAMES, WITNESS, module.NAMES[SELECTOR])
    code, told = sample(capsys, run.dir, "--out", "x")
    assert code == 2 and "selector.safetensors is of another version" in told


CLASSIC = {name: found for name, found in GENERATORS.items() if not module.needs_the_flow(found)}
TRAINED = [name for name, found in GENERATORS.items() if found.trained]


# --- generators without the flow -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def noted(tmp_path_factory):
    """What only a notebook, with less training than usual, left in a run folder, and what every method draws there."""
    place = tmp_path_factory.mktemp("noted")
    run = open_run(
        recipe="folder", data_dir=str(write_photos(place / "my photos")), seed=3, run_dir=str(place / "run")
    )
    short, data = with_short_plans(run), prepare_dataset(run)
    drawn = {name: as_images(found.prepare(short, data)(range(2))) for name, found in CLASSIC.items()}
    shutil.rmtree(place / "my photos")
    return run.dir, drawn


@pytest.fixture
def noted_run(noted, place):
    """A copy of that folder."""
    return shutil.copytree(noted[0], place / "noted run")


def contents(folder):
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("settings", [None, {"recipe": "clocks_crocodiles", "seed": 4}], ids=["card", "run"])
@pytest.mark.parametrize("method", CLASSIC)
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
    for name in ("generators/gan.safetensors", "splits.csv", "dataset.npz"):
        (noted_run / name).unlink()
        before = contents(noted_run)
        code, told = sample(capsys, noted_run, "--method", "gan", "--out", "x")
        assert code == 2 and f"{noted_run / name} is missing" in told and contents(noted_run) == before
        words = shlex.split(re.search("`(.*)`", told)[1])
        photos = str(noted[0].parent / "my photos")
        assert words[:6] == ["clockodile", "run", "--only", "04", "--out", str(noted_run)]
        assert words[6:-3] == "--recipe folder --profile full --seed 3 --source auto --data-dir".split()
        assert words[-3:] == [photos, "-p", "effort=0.1"]
    (noted_run / "data_card.json").unlink()
    code, told = sample(capsys, noted_run, "--method", "gan", "--out", "x")
    assert code == 2 and "data_card.json is missing" in told and "--profile full" in told


@pytest.mark.parametrize("method", TRAINED)
def test_a_net_of_other_photographs_or_another_version_draws_nothing(method, noted_run, capsys, monkeypatch):
    path, real = noted_run / f"generators/{method}.safetensors", trained_nets.known_photographs
    for name, other in {
        "VERSION": 1_000,
        "known_photographs": lambda data: real(data).rows(slice(1, None)),
    }.items():
        with monkeypatch.context() as patch:
            patch.setattr(trained_nets, name, other)
            code, told = sample(capsys, noted_run, "--method", method, "--out", "x")
        assert code == 2 and f"{path} is of another version or other data; run notebook 04" in told


# --- interrupted -------------------------------------------------------------------------------------------


@pytest.fixture
def parts_of_two(monkeypatch):
    monkeypatch.setattr(module, "PART", 2)


@pytest.mark.usefixtures("parts_of_two")
def test_finished_pictures_survive_an_interruption(place, capsys):
    words = ["--pretrained", "--n", 5, "--method", "flow", "--out"]
    sample(capsys, *words, "whole")
    with calls_counted(module, "flow_pictures", most=2):
        code, told = sample(capsys, *words, "new")
    assert code == 130 and "stopped; 4 of 5 pictures are finished and kept in new" in told
    names = [f"000{i}.png" for i in range(4)]
    assert {path.name for path in (place / "new").iterdir()} == {*names, "sample.json"}
    for name in names:
        assert np.array_equal(pixels(place / "new" / name), pixels(place / "whole" / name))
    noted = atomic_files.read_json(place / "new/sample.json")
    assert not noted["finished"] and set(noted["files"]) == set(names), (
        "it claims no picture that is not there"
    )
    assert sample(capsys, *words, "new")[0] == 0, "its own pictures may be replaced"
    assert contents(place / "new").keys() == {
        place / "new" / path.name for path in (place / "whole").iterdir()
    }


@pytest.mark.usefixtures("parts_of_two")
def test_an_interruption_spares_what_was_there_until_it_is_replaced(place, capsys):
    words = ["--pretrained", "--method", "flow", "--out", "new", "--n"]
    sample(capsys, *words, 6)
    before = contents(place / "new")
    for parts in (0, 1):
        with calls_counted(module, "flow_pictures", most=parts):
            assert sample(capsys, *words, 4, "--seed", 50)[0] == 130
        replaced = {path.name for path, content in contents(place / "new").items() if before[path] != content}
        assert replaced == ({"0000.png", "0001.png", "sample.json"} if parts else set())
        assert contents(place / "new").keys() == before.keys()
    sample(capsys, *words, 1)
    assert {path.name for path in (place / "new").iterdir()} == {
        "0000.png",
        "contact_sheet.png",
        "sample.json",
    }


def test_the_contact_sheet_has_the_first_pictures(place, capsys, monkeypatch):
    monkeypatch.setattr(module, "PART", 2)
    monkeypatch.setattr(module, "ON_SHEET", 3)
    sample(capsys, "--pretrained", "--n", 5, "--method", "flow", "--out", "new")
    assert pixels(place / "new/contact_sheet.png").shape == (34 * 4, 3 * 34 * 4, 3)
    assert (place / "new/0004.png").is_file()


# --- the methods of the flow -------------------------------------------------------------------------------


@pytest.mark.parametrize("grid", [False, True])
def test_every_method_of_the_flow_gets_its_candidates_and_its_guidance(grid, place, capsys, monkeypatch):
    asked, real = [], mixing.mix_once

    def noted(*words, classifier_guidance=0.0, **options):
        asked.append(classifier_guidance)
        return real(*words, classifier_guidance=classifier_guidance, **options)

    monkeypatch.setattr(mixing, "mix_once", noted)
    for method, row in module.methods().items():
        if module.needs_the_flow(row.generator):
            words = ["--pretrained", "--n", 1, "--method", method, "--out", method]
            assert sample(capsys, *words, *(["--grid"] if grid else []))[0] == 0
            guidance = mixing.CLASSIFIER_GUIDANCE if "guided" in method else 0.0
            candidates = mixing.N_CANDIDATES if row.best else 1
            drawn = candidates + (len(module.GRID_MIXES) if grid else 0)
            assert asked == [guidance] * drawn, "grids are made of first candidates"
            asked.clear()


def test_a_hybrid_is_the_best_of_several_walks_and_a_pure_picture_the_first(place, capsys):
    def pictures(*words):
        for method in ("flow_guided_best", "flow_guided"):
            options = ["--n", 8, "--method", method, "--out", f"{method}{words}", *words]
            assert sample(capsys, "--pretrained", *options)[0] == 0
        both = [
            sorted((place / f"{method}{words}").glob("0*.png"))
            for method in ("flow_guided_best", "flow_guided")
        ]
        return [[pixels(path) for path in paths] for paths in both]

    best, first = pictures("--mix", 1)
    assert np.array_equal(best, first)
    best, first = pictures()
    assert not np.array_equal(best, first), "other tries are taken too"
