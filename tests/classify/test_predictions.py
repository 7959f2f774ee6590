import csv
import io
import json

import numpy as np
import pytest
from made_photos import striped_and_dotted
from PIL import Image
from tiny_nets import Brightness

from clockodile.classify import predictions as module
from clockodile.classify.predictions import Predictions, as_csv, as_json, as_table, judge, summary
from clockodile.classify.predictor import Predictor
from clockodile.classify.report_nets import ThreeBlockNet
from clockodile.core.recipes import Recipe
from clockodile.data.collection import FileNote
from clockodile.data.folders import folder_collection
from clockodile.learn.training import seeded

ODD = (
    "a,b.png",
    'say "cheese".png',
    "two\nlines.png",
    "\rx.png",
    "Zürich 日本.png",
    " blank .png",
    "plain.png",
)


@pytest.fixture
def three() -> Predictor:
    with seeded(3):
        nets = [ThreeBlockNet(classes=3, image_size=16) for _ in range(2)]
    return Predictor(
        "two nets", ("ant", "bee, wild", "cow"), 16, nets, temperature=0.05, trained_on="nothing"
    )


def made(paths=ODD, refused=()) -> Predictions:
    p = np.linspace(0.05, 0.95, len(paths))
    predictor = Predictor("n", ("dark", "bright, white"), 8, (Brightness(),))
    return Predictions(predictor, "p.safetensors", tuple(paths), np.stack([1 - p, p], 1), tuple(refused))


def write(folder, images):
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{row}.png" for row in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    return [str(path) for path in paths]


# --- judging -----------------------------------------------------------------------------------------------


def test_a_photo_is_judged_the_same_alone_and_in_a_folder_of_many(tmp_path, three, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 7)
    paths = write(tmp_path, striped_and_dotted(15, size=24)[0])
    together = judge(three, paths)
    assert together.paths == tuple(paths) and np.ptp(together.probability[:, 0]) > 0.01
    for row in (0, 13, 29):
        alone = judge(three, paths[row : row + 1])
        assert np.allclose(alone.probability[0], together.probability[row], atol=1e-6)


def test_photos_are_prepared_as_those_of_a_data_folder(tmp_path, three):
    rng = np.random.default_rng(0)
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        wide = Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8))
        exif = Image.Exif()
        exif[0x0112] = 6  # turned by a quarter
        wide.save(tmp_path / name / "turned.jpg", exif=exif)
        wide.convert("P").save(tmp_path / name / "palette.gif")
        wide.putalpha(100)
        wide.save(tmp_path / name / "transparent.png")
        deep = rng.integers(0, 65536, (50, 20), dtype=np.uint16)
        Image.fromarray(deep).save(tmp_path / name / "deep.png")
    data = folder_collection(Recipe("any", "", ("folder",), min_per_class=1), tmp_path, 16)
    files = [str(next(tmp_path.glob(f"{name}.*"))) for name in data.ids]
    assert len(files) == 8
    assert np.allclose(judge(three, files).probability, three.probabilities(data.images), atol=1e-6)


def test_unreadable_files_are_refused_and_the_rest_is_judged(tmp_path, three, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 2)  # one batch without a single image
    paths = write(tmp_path, striped_and_dotted(3, size=16)[0])
    for row in (2, 3, 5):
        with open(paths[row], "r+b") as file:
            file.truncate(40)
    before = FileNote("early.heic", "no")
    found = judge(three, paths, refused=[before])
    assert found.paths == (paths[0], paths[1], paths[4])
    assert [note.path for note in found.refused] == ["early.heic", paths[2], paths[3], paths[5]]
    assert all(note.reason for note in found.refused)


def test_only_refused_files_leave_an_empty_result(tmp_path, three):
    (tmp_path / "a.png").write_text("text")
    found = judge(three, [str(tmp_path / "a.png")])
    assert found.paths == () and found.probability.shape == (0, 3) and len(found.refused) == 1


# --- telling -----------------------------------------------------------------------------------------------


def test_csv_gives_back_every_file_name_and_numbers_of_four_decimals():
    verdicts = made()
    rows = list(csv.DictReader(io.StringIO(as_csv(verdicts), newline="")))
    assert [row["path"] for row in rows] == list(ODD)
    assert list(rows[0]) == ["path", "predicted", "confidence", "p_dark", "p_bright, white"]
    for row, p in zip(rows, verdicts.probability, strict=True):
        assert row["predicted"] == ("bright, white" if p[1] > p[0] else "dark")
        assert row["confidence"] == max(row["p_dark"], row["p_bright, white"]) == f"{p.max():.4f}"


def test_json_gives_back_every_file_name_even_one_that_is_no_text():
    paths = (*ODD, "latin \udce9.png")
    verdicts = made(paths, [FileNote("x\n.png", "empty file (0 bytes)")])
    text = as_json(verdicts)
    assert text.isascii()
    content = json.loads(text)
    assert list(content) == ["predictor", "classes", "images", "refused"]
    assert [image["path"] for image in content["images"]] == list(paths)
    assert content["classes"] == ["dark", "bright, white"] and content["predictor"]["name"] == "n"
    assert content["refused"] == [{"path": "x\n.png", "reason": "empty file (0 bytes)"}]
    for image in content["images"]:
        assert image["confidence"] == max(image["p"].values()) == image["p"][image["predicted"]]
        assert abs(sum(image["p"].values()) - 1) < 1e-5


def test_the_table_is_aligned_and_has_one_line_an_image():
    lines = as_table(made()).splitlines()
    assert len(lines) == 1 + len(ODD) and lines[0].split() == ["path", "predicted", "confidence"]
    assert {len(line) for line in lines[1:]} == {len(lines[1])}
    assert "two\\nlines.png" in lines[3]


def test_the_summary_counts_every_class():
    assert summary(made(["a", "b", "c"])) == "3 judged: 2 dark, 1 bright, white"
    assert summary(made(["a"], [FileNote("b", "no")])) == "1 judged: 1 dark, 0 bright, white; 1 refused"
