import csv
import io
import json

import numpy as np
import pytest
from made_photos import striped_and_dotted
from tiny_nets import Brightness

from clockodile.classify.predictions import Predictions, as_csv, as_json, as_table, summary_line
from clockodile.classify.predictor import Predictor
from clockodile.classify.report_nets import ThreeBlockNet
from clockodile.data.collection import FileNote
from clockodile.learn.training import seeded

ODD = ("a,b.png", 'say "cheese".png', "two\nlines.png", "\rx.png", "Zürich 日本.png", " blank .png", "plain.png")


@pytest.fixture
def three() -> Predictor:
    with seeded(3):
        nets = [ThreeBlockNet(classes=3, image_size=16) for _ in range(2)]
    return Predictor("two nets", ("ant", "bee, wild", "cow"), 16, nets, temperature=0.05, trained_on="nothing")


def made(paths=ODD, refused=()) -> Predictions:
    p = np.linspace(0.05, 0.95, len(paths))
    predictor = Predictor("n", ("dark", "bright, white"), 8, (Brightness(),))
    rows = [
        (path, predictor.classes[bright > 0.5], [1 - bright, bright])
        for path, bright in zip(paths, p.tolist(), strict=True)
    ]
    return Predictions(predictor, "p.safetensors", lambda: iter(rows), tuple(refused))


def test_rows_hold_the_exact_probabilities(three):
    images = striped_and_dotted(4, size=16)[0]
    rows = three.rows(images)
    p = three.probabilities(images)
    assert three.columns == ("predicted", "p_ant", "p_bee, wild", "p_cow") and np.ptp(p[:, 0]) > 0.01
    assert [row[0] for row in rows] == [three.classes[best] for best in p.argmax(1)]
    assert (np.array([row[1:] for row in rows], float) == p).all()


def test_csv_gives_back_every_file_name_and_numbers_of_four_decimals():
    predictions = made()
    rows = list(csv.DictReader(io.StringIO("".join(as_csv(predictions)), newline="")))
    assert [row["path"] for row in rows] == list(ODD)
    assert list(rows[0]) == ["path", "predicted", "confidence", "p_dark", "p_bright, white"]
    for row, p in zip(rows, (np.array(p) for _, _, p in predictions.rows()), strict=True):
        assert row["predicted"] == ("bright, white" if p[1] > p[0] else "dark")
        assert row["confidence"] == max(row["p_dark"], row["p_bright, white"]) == f"{p.max():.4f}"


def test_json_gives_back_every_file_name_even_one_that_is_no_text():
    paths = (*ODD, "latin \udce9.png")
    predictions = made(paths, [FileNote("x\n.png", "empty file (0 bytes)")])
    text = "".join(as_json(predictions))
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
    lines = "".join(as_table(made())).splitlines()
    assert len(lines) == 1 + len(ODD) and lines[0].split() == ["path", "predicted", "confidence"]
    assert {len(line) for line in lines[1:]} == {len(lines[1])}
    assert "two\\nlines.png" in lines[3]


def test_the_summary_counts_every_class():
    assert summary_line(made(["a", "b", "c"])) == "3 judged: 2 dark, 1 bright, white"
    assert summary_line(made(["a"], [FileNote("b", "no")])) == "1 judged: 1 dark, 0 bright, white; 1 refused"
