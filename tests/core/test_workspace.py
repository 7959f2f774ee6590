import pytest

from clockodile.core.errors import UserError
from clockodile.core.workspace import check_range, open_run


def test_profile_and_folders_come_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("CLOCKODILE_PROFILE", "full")
    monkeypatch.setenv("CLOCKODILE_DATA", str(tmp_path))
    monkeypatch.setenv("CLOCKODILE_RUNS", str(tmp_path / "runs"))
    run = open_run()
    assert run.profile.name == "full"
    assert run.data_dir == tmp_path
    assert run.dir == tmp_path / "runs" / "clocks_crocodiles-full"


def test_what_is_given_beats_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("CLOCKODILE_PROFILE", "full")
    assert open_run(profile="quick").profile.name == "quick"


def test_two_users_folders_get_two_run_folders(tmp_path):
    names = ("a/cats and dogs", "b/cats and dogs", "b/cars")
    for name in names:
        (tmp_path / name).mkdir(parents=True)
    runs = [open_run(recipe="folder", data_dir=str(tmp_path / name)).dir.name for name in names]
    assert len(set(runs)) == 3
    assert runs[0].startswith("cats_and_dogs-") and runs[2].startswith("cars-")


def test_numbers_out_of_range_are_one_line():
    check_range("tolerance", 0.2, 0, 1)
    with pytest.raises(UserError, match="parameter 'epochs' is -1; give one from 0 to 10"):
        check_range("epochs", -1, 0, 10)


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"recipe": "clock"}, "unknown recipe 'clock'"),
        ({"profile": "quik"}, "did you mean 'quick'"),
        ({"source": "web"}, "unknown source 'web'"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"data_dir": "/nowhere/at/all"}, "data_dir: there is no folder"),
        ({"recipe": "folder"}, "needs your images"),
    ],
)
def test_mistakes_are_one_line(given, line, monkeypatch):
    monkeypatch.delenv("CLOCKODILE_DATA", raising=False)
    with pytest.raises(UserError, match=line) as caught:
        open_run(**given)
    assert "\n" not in str(caught.value)


def test_a_notebook_shows_the_line_without_a_traceback():
    assert UserError("what is wrong")._render_traceback_() == ["clockodile: what is wrong"]


def test_a_pair_is_two_names(tmp_path):
    def pair_of(given):
        return open_run(run_dir=str(tmp_path), pair=given).pair

    assert pair_of("") == pair_of(" ") == () and pair_of("clock, crocodile") == ("clock", "crocodile")
    assert pair_of((1, 0)) == (1, 0), "a notebook's cell that is run twice"
    for wrong in ("clock", "clock,", "a,b,c", "a, a", ","):
        with pytest.raises(UserError, match="two classes with a comma"):
            pair_of(wrong)


def test_other_things_may_lie_anywhere_but_among_a_class(tmp_path, monkeypatch):
    photos, outside = tmp_path / "photos", tmp_path / "streets"
    for folder in (photos / "cats", photos / "dogs" / "old", photos / "rest", outside):
        folder.mkdir(parents=True)
    given = {"recipe": "folder", "data_dir": str(photos), "run_dir": str(tmp_path / "run")}
    assert open_run(**given).background is None
    assert open_run(**given, background=str(outside)).background == outside
    beside = open_run(**given, background=str(photos / "rest"))
    assert beside.background is None and "rest" in beside.recipe.background  # read as a folder of that name
    monkeypatch.setenv("CLOCKODILE_BACKGROUND", str(outside))
    assert open_run(**given).background == outside
    for wrong, words in {
        photos / "dogs" / "old": "lies among the photographs of a class",
        tmp_path: "holds the data folder",
        tmp_path / "nowhere": "there is no folder",
    }.items():
        with pytest.raises(UserError, match=words):
            open_run(**given, background=str(wrong))


def test_two_recipes_on_one_folder_get_two_run_folders(tmp_path):
    runs = {open_run(recipe=name, data_dir=str(tmp_path)).dir for name in ("folder", "faces")}
    assert len(runs) == 2


def test_other_classes_of_the_same_data_set(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOCKODILE_RUNS", str(tmp_path))
    run = open_run(classes="bee, apple")
    assert run.recipe.classes == ("bee", "apple") and run.recipe.title == "Bee or apple?"
    assert run.dir.name == "clocks_crocodiles-bee_apple-quick" and run.classes == "bee, apple"
    assert open_run(classes=" ").recipe == open_run().recipe
    assert open_run(classes="a,b,c,d").recipe.title == "A, b and 2 others"
    for wrong in ("bee", "bee,", "bee,bee", ","):
        with pytest.raises(UserError, match="two or more different classes"):
            open_run(classes=wrong)
