from clockodile.app.commands import guess_recipe


def test_the_recipe_follows_from_the_folder(tmp_path):
    assert guess_recipe("") == ("clocks_crocodiles", "")
    mine = tmp_path / "mine"
    for name in ("clock", "cat"):
        (mine / name).mkdir(parents=True)
    recipe, why = guess_recipe(str(mine))
    assert recipe == "folder" and "does not hold clock and crocodile" in why
    (mine / "crocodile").mkdir()
    assert guess_recipe(str(mine))[0] == "clocks_crocodiles"
    mine.rename(tmp_path / "clocks_crocodiles")
    assert guess_recipe(str(tmp_path))[0] == "clocks_crocodiles"
