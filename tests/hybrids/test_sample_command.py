"""`clockodile sample`: files, seeds, and what happens when a word is wrong."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from tiny_flows import trained_run, use_tiny_plans

from clockodile import artifacts, atomic_files, cli
from clockodile.hybrids import sample_command
from clockodile.hybrids.eyes import CHOOSER, WITNESS
from clockodile.hybrids.sample_command import OF_THE_FLOW


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
    monkeypatch.setattr(artifacts, "shipped_weights", lambda: run.dir / "generators")
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
    assert json.loads((place / "new/sample.json").read_text())["mix"] == 1


def test_somebody_elses_pictures_are_left_alone(place, capsys):
    (place / "mine").mkdir()
    Image.new("RGB", (4, 4)).save(place / "mine/0001.png")
    code, told = sample(capsys, "--pretrained", "--n", 2, "--out", "mine")
    assert code == 2 and "0001.png" in told and pixels(place / "mine/0001.png").shape == (4, 4, 3)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--pretrained", "--mix", "1.5", "--out", "x"], "--mix"),
        (["--pretrained", "--mix", "nan", "--out", "x"], "--mix"),
        (["--pretrained", "--seed", "-1", "--out", "x"], "--seed"),
        (["--pretrained", "--n", "0", "--out", "x"], "--n"),
        (["--pretrained", "--method", "flo", "--out", "x"], "following"),
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


@pytest.mark.parametrize("name", ["flow", "guides", "chooser"])
def test_damaged_weights_are_named(name, place, capsys, run):
    (run.dir / f"generators/{name}.safetensors").write_bytes(b"no")
    code, told = sample(capsys, run.dir, "--out", "x")
    assert code == 2 and f"{name}.safetensors" in told


@pytest.mark.parametrize("name", ["FLOW_VERSION", "GUIDES_VERSION"])
def test_weights_of_another_version_get_one_line(name, place, capsys, run, monkeypatch):
    monkeypatch.setattr(sample_command, name, 1_000)
    code, told = sample(capsys, run.dir, "--out", "x")
    assert code == 2 and "another version; run notebook 04" in told


def test_the_judge_of_another_network_does_not_choose(place, capsys, run, monkeypatch):
    monkeypatch.setattr(sample_command, "CHOOSER", WITNESS)
    monkeypatch.setitem(sample_command.NAMES, WITNESS, sample_command.NAMES[CHOOSER])
    code, told = sample(capsys, run.dir, "--out", "x")
    assert code == 2 and "chooser.safetensors is of another version" in told


@pytest.mark.parametrize("grid", [False, True])
def test_every_method_of_the_flow_gets_its_tries_and_its_pull(grid, place, capsys, monkeypatch):
    asked = []

    def note(real):
        def noted(*words, follow, **options):
            asked.append((options.get("tries", 1), follow))
            return real(*words, follow=follow, **options)

        return noted

    for name in ("mix_best", "mix_line"):
        monkeypatch.setattr(sample_command, name, note(getattr(sample_command, name)))
    for method, how in OF_THE_FLOW.items():
        words = ["--pretrained", "--n", 1, "--method", method, "--out", method, *(["--grid"] if grid else [])]
        assert sample(capsys, *words)[0] == 0
        assert asked == [how, (1, how[1])][: 2 if grid else 1], "lines are made of first walks"
        asked.clear()
    assert len(set(OF_THE_FLOW.values())) == 4


def test_a_hybrid_is_the_best_of_several_walks_and_a_pure_picture_the_first(place, capsys):
    def pictures(*words):
        for method in ("following_best", "following"):
            options = ["--n", 8, "--method", method, "--out", f"{method}{words}", *words]
            assert sample(capsys, "--pretrained", *options)[0] == 0
        both = [
            sorted((place / f"{method}{words}").glob("0*.png")) for method in ("following_best", "following")
        ]
        return [[pixels(path) for path in paths] for paths in both]

    best, first = pictures("--mix", 1)
    assert np.array_equal(best, first)
    best, first = pictures()
    assert not np.array_equal(best, first), "other tries are taken too"
