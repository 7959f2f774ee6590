import csv
import errno
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file
from tiny_nets import Brightness
from torch import ones

from clockodile.app import batch, cli
from clockodile.app import predict as module
from clockodile.classify import predictor as predictors
from clockodile.classify.predictor import Predictor, save_predictor


def paint(path: str, value: int) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((12, 16, 3), value, np.uint8)).save(path)


def store(path: str, accuracy: float | None = 0.9, kind: str = "brightness", **changes) -> None:
    nets = (Brightness(weight=20.0), Brightness(weight=20.0))
    predictor = Predictor("brightness, 2 nets", ("dark", "bright"), 8, nets, kind=kind, accuracy=accuracy, **changes)
    # every image with a mean above zero is nearer to "bright"; black ones are undecided and go to the first class
    save_predictor(Path(path), predictor)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A run folder `run`, images in `photos`, an empty folder of shipped predictors; it is the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(predictors.ARCHITECTURES, "brightness", Brightness)
    monkeypatch.setattr(module, "shipped_weights", lambda: tmp_path / "weights")
    store("run/classifier/predictor-brightness.safetensors")
    Path("run/run.json").write_text('{"notebooks": {}}')
    for name, value in {"10": 0, "9": 255, "in side/1": 128, "in side/.hidden": 9, ".secret/1": 9}.items():
        paint(f"photos/{name}.png", value)
    return tmp_path


def predict(capsys, *words: str) -> tuple[int, str, str]:
    code = cli.main(["predict", *words])
    told = capsys.readouterr()
    return code, told.out, told.err


def table(out: str) -> list[tuple[str, str]]:
    """Path and predicted class of each line; paths here end in .png."""
    ends = [line.index(".png") + 4 for line in out.splitlines()[1:]]
    return [(line[:end], line[end:].split()[0]) for line, end in zip(out.splitlines()[1:], ends, strict=True)]


def mistake(capsys, *words: str) -> str:
    code, out, err = predict(capsys, *words)
    assert code == 2 and out == "" and err.startswith("clockodile: ") and err.count("\n") == 1
    return err


# --- what is judged ----------------------------------------------------------------------------------------


def test_a_folder_in_natural_order_without_hidden_files(capsys):
    code, out, err = predict(capsys, "run", "photos")
    assert code == 0
    assert table(out) == [("photos/9.png", "bright"), ("photos/10.png", "dark"), ("photos/in side/1.png", "bright")]
    assert err.splitlines()[-1] == "3 judged: 1 dark, 2 bright"


def test_files_keep_the_order_they_are_given_in(capsys):
    _, out, _ = predict(capsys, "run", "photos/in side/1.png", "photos/10.png", "photos/9.png")
    assert [path for path, _ in table(out)] == ["photos/in side/1.png", "photos/10.png", "photos/9.png"]


def test_a_path_that_is_reached_twice_is_judged_once(capsys, place):
    os.symlink("photos", "link")
    again = ["photos", "./photos/9.png", "link/10.png", str(place / "photos" / "9.png")]
    _, out, err = predict(capsys, "run", "photos/9.png", *again)
    assert [path for path, _ in table(out)] == ["photos/9.png", "photos/10.png", "photos/in side/1.png"]
    assert "3 judged" in err


def test_a_hidden_file_is_judged_when_it_is_named(capsys):
    code, out, _ = predict(capsys, "run", "photos/in side/.hidden.png")
    assert code == 0 and ".hidden.png" in out


# --- files that cannot be used -----------------------------------------------------------------------------


def test_refused_files_are_named_and_the_rest_is_judged(capsys):
    Path("photos/bad.png").write_bytes(Path("photos/9.png").read_bytes()[:30])
    Path("photos/phone.heic").write_text("x")
    code, out, err = predict(capsys, "run", "photos", "--json")
    assert code == 1
    content = json.loads(out)
    assert len(content["images"]) == 3
    assert {item["path"] for item in content["refused"]} == {"photos/bad.png", "photos/phone.heic"}
    refused = [line for line in err.splitlines() if line.startswith("refused: ")]
    assert sorted(refused) == sorted(f"refused: {item['path']}: {item['reason']}" for item in content["refused"])


def test_what_is_no_image_by_its_name_is_no_failure_in_a_folder_but_is_when_named(capsys):
    Path("photos/out.csv").write_text("path\n")
    os.symlink(".", "photos/loop")
    code, _, err = predict(capsys, "run", "photos")
    assert code == 0 and "passed over" in err and "photos/out.csv" in err and "photos/loop" in err
    code, _, err = predict(capsys, "run", "photos/9.png", "photos/out.csv")
    assert code == 1 and "refused: photos/out.csv: not an image" in err


def test_a_run_folder_among_the_photos_is_passed_over_aloud(capsys):
    paint("photos/results/figures/chart.png", 255)
    Path("photos/results/run.json").write_text('{"notebooks": {}}')
    code, out, err = predict(capsys, "run", "photos")
    assert code == 0 and "chart" not in out and "passed over" in err and "photos/results" in err
    Path("photos/9.heic").write_text("x")
    code, _, err = predict(capsys, "run", "photos")
    assert code == 1 and "refused: photos/9.heic: not an image, whatever its name says" in err


def test_when_nothing_can_be_judged(capsys):
    Path("bad.png").write_text("x")
    code, out, err = predict(capsys, "run", "bad.png", "--csv", "out.csv")
    assert code == 2 and out == "" and "no image could be judged" in err and not Path("out.csv").exists()
    code, out, _ = predict(capsys, "run", "bad.png", "--json")
    assert code == 2 and json.loads(out)["refused"][0]["path"] == "bad.png"


# --- where it is written -----------------------------------------------------------------------------------


def test_csv_in_a_file_with_odd_names(capsys):
    odd = ["a,b.png", 'q"q.png', "two\nlines.png", "Zürich 日本.png"]
    for number, name in enumerate(odd):
        paint(f"odd/{name}", 60 * number)
    code, out, err = predict(capsys, "run", "odd", "--csv", "out.csv")
    assert code == 0 and out == "" and "written: out.csv" in err
    with open("out.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["path"] for row in rows} == {f"odd/{name}" for name in odd}
    assert list(rows[0]) == ["path", "predicted", "confidence", "p_dark", "p_bright"]


def test_csv_on_stdout_is_what_the_file_holds(capsys):
    _, out, _ = predict(capsys, "run", "photos", "--csv", "-")
    predict(capsys, "run", "photos", "--csv", "out.csv")
    assert out == Path("out.csv").read_text()


def test_csv_and_json_together(capsys):
    code, out, _ = predict(capsys, "run", "--json", "--csv", "out.csv", "photos")
    paths = [image["path"] for image in json.loads(out)["images"]]
    assert code == 0 and paths == [row["path"] for row in csv.DictReader(Path("out.csv").open())]


def test_a_name_that_is_no_text_can_be_written_anywhere(capsys):
    try:
        Path(os.fsdecode(b"latin \xe9.png")).write_bytes(Path("photos/9.png").read_bytes())
    except OSError:
        pytest.skip("this file system takes only Unicode names")
    name = os.fsdecode(b"latin \xe9.png")
    for words in ([], ["--json"], ["--csv", "-"], ["--csv", "out.csv"]):
        assert predict(capsys, "run", name, *words)[0] == 0
    assert Path("out.csv").read_text("utf-8").count("\n") == 2


def test_an_unfinished_table_leaves_the_old_one(capsys, monkeypatch):
    Path("out.csv").write_text("old")

    def stopped(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "judge_all", stopped)
    code, out, err = predict(capsys, "run", "photos", "--csv", "out.csv")
    assert code == 130 and out == "" and err.splitlines()[-1].startswith("clockodile: stopped")
    assert Path("out.csv").read_text() == "old"


def test_a_reader_that_has_seen_enough_is_no_error(monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stdout:  # closing it writes what is left, as Python does at its end
        monkeypatch.setattr(sys, "stdout", stdout)
        assert cli.main(["predict", "run", "photos", "--csv", "-"]) == 0


def test_a_full_disk_behind_stdout_is_one_line(capsys, monkeypatch):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with open("/dev/full", "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert cli.main(["predict", "run", "photos", "--json"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "clockodile: stdout: no space left on device"


def test_nothing_for_people_gets_into_a_table_when_stderr_is_closed(capsys, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", None)
        assert cli.main(["predict", "run", "photos", "--csv", "-"]) == 0
    assert capsys.readouterr().out.startswith("path,predicted")


def test_a_full_disk_names_the_file(capsys, monkeypatch):
    def full(path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "atomic", full)
    code, out, err = predict(capsys, "run", "photos", "--csv", "out.csv")
    assert code == 2 and err.splitlines()[-1].startswith("clockodile: out.csv: no space left on device")


# --- which predictor ---------------------------------------------------------------------------------------


def test_the_best_shipped_predictor_that_loads_is_used(capsys, monkeypatch):
    def missing(**arguments):
        import no_such_backbone  # noqa: F401

    monkeypatch.setitem(predictors.ARCHITECTURES, "missing", Brightness)
    store("weights/predictor-a.safetensors", 0.91, trained_on="1000 photographs")
    store("weights/predictor-b.safetensors", 0.80)
    store("weights/predictor-c.safetensors", None)
    store("weights/predictor-d.safetensors", 0.99, "missing")
    store("weights/other.safetensors", 1.0)
    save_file({"a": ones(1)}, "weights/predictor-e.safetensors")
    monkeypatch.setitem(predictors.ARCHITECTURES, "missing", missing)
    monkeypatch.setattr("socket.socket.connect", lambda *args: pytest.fail("network"))
    code, out, err = predict(capsys, "--pretrained", "photos", "--json")
    assert code == 0 and json.loads(out)["predictor"]["file"] == "predictor-a.safetensors"
    assert "using predictor-a.safetensors: brightness, 2 nets, trained on 1000 photographs, 91.0 %" in err
    assert "needs the package no_such_backbone" in err and "predictor-e.safetensors is damaged" in err


def test_a_note_is_always_told(capsys):
    store("run/classifier/predictor-brightness.safetensors", note="trained on drawn stand-in images")
    assert "NOTE: trained on drawn stand-in images" in predict(capsys, "run", "photos")[2]


def test_predictors_missing_or_damaged(capsys):
    path = Path("run/classifier/predictor-brightness.safetensors")
    path.write_bytes(path.read_bytes()[:-3])
    code, out, err = predict(capsys, "run", "photos")
    assert code == 2 and out == "" and "predictor-brightness.safetensors is damaged" in err
    assert "holds no usable predictor" in err and err.count("\n") == 2
    shutil.rmtree("run/classifier")
    assert "clockodile run --only 02 --out run" in mistake(capsys, "run", "photos")


# --- mistakes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words, told",
    [
        ("", "required"),
        ("run", "name the images"),
        ("photos", "no run folder"),
        ("photos/9.png", "there is no folder 'photos/9.png'"),
        ("photos photos", "no run folder"),
        ("--pretrained", "required"),
        ("--pretrained run photos", "not both"),
        ("run photos nothing.png", "'nothing.png': no such file"),
        ("run run", "there is no image in the folder run"),
        ("run photos run", "there is no image in the folder run"),
        ("run photos --csv", "expected one argument"),
        ("run photos --csv photos", "not a file"),
        ("run photos --csv nowhere/out.csv", "cannot write in nowhere"),
        ("run --csv photos/9.png photos/10.png", "an image's name"),
        ("run photos --csv - --json", "both want stdout"),
        ("run photos --jsno", "did you mean '--json'"),
    ],
)
def test_mistakes_are_one_line(capsys, place, words, told):
    before = sorted(place.rglob("*"))
    assert told in mistake(capsys, *words.split())
    assert sorted(place.rglob("*")) == before


def test_an_empty_path_is_not_the_current_folder(capsys):
    assert "no such file" in mistake(capsys, "run", "")


def test_a_scheduler_that_does_not_answer_is_one_line(capsys, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(batch, "PATIENCE", 0.5)
    code, out, err = predict(capsys, "run", "photos", "--scheduler", "tcp://127.0.0.1:9")
    assert code == 2 and not out and "--scheduler tcp://127.0.0.1:9: no Dask scheduler" in err.splitlines()[-1]
