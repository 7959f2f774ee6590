import csv
import os
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
import torch
from PIL import Image

from clockodile.app import batch, cli
from clockodile.app import rank as module
from clockodile.core import atomic_files, store
from clockodile.data.files import InvalidImage

RED, BLUE, PURPLE, BLACK = (255, 0, 0), (0, 0, 255), (200, 0, 200), (0, 0, 0)
PHOTOS = {"b": BLUE, "r": RED, "sub/p": PURPLE, "k": BLACK}
asked = []  # how many pictures were looked at, a number a batch


def paint(path, colour) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (12, 10), colour).save(path)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A run folder whose judge finds evidence for "red" and "blue" in these colours, and photographs of both."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(batch, "PART", 2)  # fewer files than that are not kept
    asked.clear()

    def maps_of(images, network):
        asked.append(len(images))
        return [images.mean((1, 2))[:, :, None, None] / 255]

    monkeypatch.setattr(module, "maps_of", maps_of)

    def judge():
        weight = torch.tensor([[[1.0, 0, 0], [0, 0, 1.0]]])
        others = torch.linspace(0, 1, 100)[:, None].expand(100, 2)
        state = {"weight": weight, "bias": torch.zeros(1, 2), "background": others}
        return state, {"classes": ["red", "blue"], "pair": [0, 1], "image_size": 8, "note": "made for a test"}

    store.fit_or_load("judge", {"judge": "colours"}, "f", judge, run_dir=tmp_path / "run")
    atomic_files.write_json(tmp_path / "run/run.json", {"notebooks": {}})
    for name, colour in PHOTOS.items():
        paint(f"photos/{name}.png", colour)
    return tmp_path


def rank(capsys, *words):
    code = cli.main(["rank", *words])
    told = capsys.readouterr()
    return code, told.out, told.err


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_the_most_of_both_comes_first(capsys):
    code, out, err = rank(capsys, "run", "photos", "--top", "2")
    first, second = out.splitlines()
    assert code == 0 and "sub/p.png" in first and first.split()[2] == "neither" and len(out.splitlines()) == 2
    assert "4 ranked" in err and "made for a test" in err


def test_the_table_has_every_image_and_every_class(capsys):
    assert rank(capsys, "run", "photos", "--csv", "out.csv")[0] == 0
    table = rows("out.csv")
    assert list(table[0]) == [*("path", "rank", "score", "quadrant", "reason"), *("evidence_red", "evidence_blue")]
    assert [line["rank"] for line in table] == ["1", "2", "3", "4"]
    by_name = {Path(line["path"]).stem: line for line in table}
    assert by_name["r"]["quadrant"] == "red" and by_name["b"]["quadrant"] == "blue"
    assert float(by_name["p"]["score"]) == pytest.approx(200 / 255, abs=0.01)
    assert float(by_name["p"]["evidence_red"]) == float(by_name["p"]["score"])


def test_the_table_on_stdout_is_that_of_the_file(capsys):
    rank(capsys, "run", "photos", "--csv", "out.csv")
    assert rank(capsys, "run", "photos", "--csv", "-")[1] == Path("out.csv").read_text()


def test_the_page_holds_the_pictures_and_escapes_names(capsys):
    paint("photos/<b>.png", PURPLE)
    assert rank(capsys, "run", "photos", "--html", "page.html", "--top", "3")[0] == 0
    page = Path("page.html").read_text()
    assert page.count("data:image/png;base64,") == 3 and "&lt;b&gt;.png" in page and "<b>.png" not in page


def test_the_page_says_what_it_shows(capsys):
    paint("photos/a:b %.png", (255, 0, 255))
    Path("pages").mkdir()
    assert rank(capsys, "run", "photos", "--html", "pages/page.html", "--top", "4")[0] == 0
    page = Path("pages/page.html").read_text()
    assert "first 4 of 5 images; 1 of 5" in page and "0.90" in page and "colours" in page and "made for a test" in page
    assert "only blue" in page and page.count('alt="photos/') == 4
    for link in re.findall('href="([^"]*)"', page):
        assert Path("pages", unquote(link)).is_file()


def test_images_are_judged_once_and_again_when_they_change(capsys):
    rank(capsys, "run", "photos")
    assert sum(asked) == 4
    paint("photos/new.png", PURPLE)
    paint("photos/r.png", (250, 9, 9))
    Path("photos/k.png").unlink()
    code, out, err = rank(capsys, "run", "photos", "--csv", "-")
    assert sum(asked) == 6 and code == 0 and "2 of 4 images were judged before" in err
    assert "k.png" not in out and "new.png" in out


def test_an_interrupted_ranking_goes_on(capsys, monkeypatch):
    whole = rank(capsys, "run", "photos", "--csv", "-")[1]
    for path in Path("run/judged").iterdir():
        path.unlink()
    asked.clear()
    real = module.maps_of

    def interrupted(images, network):
        if asked:
            raise KeyboardInterrupt
        return real(images, network)

    monkeypatch.setattr(module, "maps_of", interrupted)
    code, out, err = rank(capsys, "run", "photos", "--csv", "-")
    assert code == 130 and not out and err.splitlines()[-1].startswith("clockodile: stopped")
    monkeypatch.setattr(module, "maps_of", real)
    asked.clear()
    assert rank(capsys, "run", "photos", "--csv", "-")[1] == whole and sum(asked) == 2


def test_bad_files_are_named_and_the_rest_is_ranked(capsys):
    Path("photos/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    code, out, err = rank(capsys, "run", "photos")
    assert code == 1 and "refused: photos/broken.png" in err and "4 ranked; 1 refused" in err


def test_a_mended_file_is_read_again(capsys):
    good = Path("photos/r.png").read_bytes()
    Path("photos/r.png").write_bytes(b"x" * len(good))
    changed = Path("photos/r.png").stat().st_mtime_ns
    assert rank(capsys, "run", "photos")[0] == 1
    Path("photos/r.png").write_bytes(good)
    os.utime("photos/r.png", ns=(changed, changed))
    assert rank(capsys, "run", "photos")[0] == 0


def test_equal_scores_keep_their_order_when_some_are_known(capsys):
    for name in "acegi":
        paint(f"same/{name}.png", PURPLE)
    before = rank(capsys, "run", "same", "--csv", "-")[1]
    paint("same/c.png", BLACK)
    rank(capsys, "run", "same")
    paint("same/c.png", PURPLE)
    assert rank(capsys, "run", "same", "--csv", "-")[1] == before
    assert rank(capsys, "run", "same", "--csv", "-")[1] == before


def test_a_picture_that_went_away_meanwhile_is_blank_on_the_page(capsys, monkeypatch):
    monkeypatch.setattr(module, "read_image", rejected)
    assert rank(capsys, "run", "photos", "--html", "page.html")[0] == 0
    assert Path("page.html").read_text().count("data:image/png;base64,") == 4


def rejected(path, size):
    raise InvalidImage("gone")


def test_a_name_that_is_no_text(capsys):
    try:
        Path("photos/p.png").rename(b"photos/caf\xe9.png".decode("utf-8", "surrogateescape"))
    except FileNotFoundError:
        Path("photos/sub/p.png").rename(b"photos/caf\xe9.png".decode("utf-8", "surrogateescape"))
    code, out, err = rank(capsys, "run", "photos", "--csv", "out.csv")
    assert code == 0 and b"caf" in Path("out.csv").read_bytes()


def test_what_came_with_the_package_ranks_without_a_run(capsys, place, monkeypatch):
    (place / "weights").mkdir()
    (place / "run/judge.safetensors").rename(place / "weights/judge.safetensors")
    monkeypatch.setattr(module, "shipped_weights", lambda: place / "weights")
    code, out, err = rank(capsys, "--pretrained", "photos")
    assert code == 0 and "sub/p.png" in out.splitlines()[0]
    assert list((place / "cache").rglob("judged/*.csv"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere", "photos"], "nowhere"),
        (["run"], "name the images"),
        (["run", "missing"], "missing"),
        (["run", "photos", "--top", "0"], "--top"),
        (["run", "photos", "--csv", "photos/r.png"], "image's name"),
        (["run", "photos", "--html", "no/where/page.html"], "cannot write"),
        (["run", "photos", "--html", "page.png"], "--html page.png: this is an image's name"),
        (["run", "photos", "--html", "-"], "--html"),
        (["run", "photos", "--csv", "out", "--html", "./out"], "both want"),
        (["--pretrained", "run", "photos"], "not both"),
    ],
)
def test_mistakes_are_one_line(capsys, words, said):
    code, out, err = rank(capsys, *words)
    assert code == 2 and not out and err.count("\n") == 1 and said in err and not asked


def test_a_run_without_a_judge_says_what_makes_one(capsys):
    Path("run/judge.safetensors").unlink()
    code, _, err = rank(capsys, "run", "photos")
    assert code == 2 and "--only 03" in err


@pytest.mark.parametrize(
    ("changes", "about"),
    [
        ({"background": torch.rand(100, 2).flip(0)}, {}),
        ({"bias": torch.zeros(2)}, {}),
        ({}, {"image_size": 0}),
        ({}, {"pair": [0, 2]}),
        ({}, {"pair": None}),
        ({}, {"note": ...}),  # ...: the entry is missing
    ],
)
def test_a_judge_that_cannot_be_right_is_refused(capsys, changes, about):
    fitted = store.read_checkpoint(Path("run/judge.safetensors"))
    metrics = {name: value for name, value in (fitted.metrics | about).items() if value is not ...}
    Path("run/judge.safetensors").unlink()
    store.fit_or_load("judge", fitted.config, "f", lambda: (fitted.state | changes, metrics), run_dir=Path("run"))
    code, out, err = rank(capsys, "run", "photos")
    assert code == 2 and not out and err.count("\n") == 1 and "judge.safetensors" in err and "notebook 03" in err


@pytest.mark.parametrize("part", ["weight", "bias"])
@pytest.mark.parametrize("number", [torch.nan, torch.inf])
def test_a_judge_with_numbers_that_are_not_finite_is_refused(capsys, monkeypatch, part, number):
    path = Path("run/judge.safetensors")
    record, state = store.read_weights(path)
    with monkeypatch.context() as patch:
        patch.setattr(store, "check_finite", lambda *words: None)  # which would not let us write it
        store.write_weights(path, state | {part: torch.full_like(state[part], number)}, record)
    code, out, err = rank(capsys, "run", "photos")
    assert code == 2 and not out and err.count("\n") == 1
    assert "judge.safetensors" in err and "not finite" in err


def test_a_cut_off_judge_is_refused(capsys):
    path = Path("run/judge.safetensors")
    path.write_bytes(path.read_bytes()[:-5])
    code, _, err = rank(capsys, "run", "photos")
    assert code == 2 and "judge.safetensors is damaged" in err


def test_where_nothing_can_be_kept_the_images_are_ranked_all_the_same(capsys):
    Path("run/judged").write_text("a file is in the way, as a folder without the right to write would be")
    code, out, err = rank(capsys, "run", "photos")
    assert code == 0 and "NOTE: run/judged" in err and "begins again" in err and "sub/p.png" in out


def test_who_ranks_by_a_judge_of_drawn_images_is_told(capsys):
    atomic_files.write_json(Path("run/data_card.json"), {"source": {"stamp": "drawn stand-in"}})
    assert "the judge learned from drawn stand-in images, not photographs" in rank(capsys, "run", "photos")[2]


def test_a_scheduler_that_does_not_answer_is_one_line(capsys, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(batch, "PATIENCE", 0.5)
    code, out, err = rank(capsys, "run", "photos", "--scheduler", "tcp://127.0.0.1:9")
    assert code == 2 and not out and "--scheduler tcp://127.0.0.1:9: no Dask scheduler" in err.splitlines()[-1]
