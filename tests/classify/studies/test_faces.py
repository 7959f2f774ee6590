"""The study of few photographs of people: the same folds for all, several times; what it says is what was measured."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import skimage.data
import torch
import torchvision
from made_photos import write_photos
from PIL import Image
from plain_features import plain_features

from clockodile.app.cli import main
from clockodile.classify import studies
from clockodile.classify.studies import faces as study
from clockodile.core import results, store
from clockodile.core.errors import UserError
from clockodile.core.workspace import open_run
from clockodile.data import faces
from clockodile.data.dataset import load_dataset
from clockodile.learn import backbones
from clockodile.learn.models import CompactResNet


def middle(photograph):
    """A detector that finds a face in the middle of everything but dark pictures."""
    side = min(photograph.shape[:2]) // 2
    top, left = ((length - side) // 2 for length in photograph.shape[:2])
    return [(top, left, side)] if photograph.mean() > 60 else []


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """A run on striped and dotted 'people', with nets that learn in no time and no SqueezeNet to be had."""
    photos = write_photos(tmp_path / "people", classes=("ann", "bob"))
    monkeypatch.setattr(faces, "detector", lambda: ("a test", middle))
    monkeypatch.setattr(study, "frozen_parameters", lambda: 1000)
    frozen = replace(study.CANDIDATES["frozen"], prepare=plain_features)
    monkeypatch.setitem(study.CANDIDATES, "frozen", frozen)
    monkeypatch.setattr(study, "FROZEN_REPEATS", 2)

    def refuse(name):
        raise UserError("squeezenet1_1: its weights cannot be had") from OSError("no connection to nowhere")

    monkeypatch.setattr(study, "load_backbone", refuse)
    for name in ("CompactResNet", "SevenBlockNet"):
        monkeypatch.setattr(study, name, partial(CompactResNet, widths=(4, 8)))
    run = open_run(recipe="faces", data_dir=str(photos), run_dir=str(tmp_path / "run"), effort=0.01)
    return replace(run, recipe=replace(run.recipe, image_size=16, min_per_class=10))


def test_the_study_shows_stores_and_records_what_it_measured(opened, monkeypatch):
    shown = []
    for place in (study, studies):
        monkeypatch.setattr(place, "display", lambda *parts: shown.extend(parts))
    data = load_dataset(opened).part("train")
    results.record_metrics(opened.dir, "02", [results.metric("before", 1)])
    study.show(opened)
    runs = store.load(opened.dir, "faces.csv")
    frozen = runs[runs["title"] == "EfficientNet-Lite0, frozen"]
    assert len(frozen[frozen["model"] == "cut"]) == 2 * 5 == len(frozen[frozen["model"] == "whole"])
    assert frozen["parameters"].iloc[0] > 1000
    table = next(part for part in shown if isinstance(part, pd.DataFrame))
    assert table.loc["SqueezeNet, trained on", "face, %"] == "not tried"
    assert len(table.columns) < 7 and table.loc["our net, from nothing", "face, %"].endswith("(5 folds)")
    words = "\n".join(part.data for part in shown if hasattr(part, "data") and isinstance(part.data, str))
    assert f"{(data.labels == 0).sum()} of ann" in words and "a test looks for faces" in words
    assert "GDPR" in words and "SqueezeNet, trained on (no connection to nowhere)" in words
    names = [row["name"] for row in results.read_metrics(opened.dir)["02"]]
    assert names[0] == "before" and "our net, from nothing: the face cut out" in names
    assert {path.name for path in (opened.dir / "figures").glob("*.png")} >= {"faces_cut.png", "faces_epochs.png"}


def test_the_same_folds_for_every_net_and_cut_and_twins_together(opened, monkeypatch):
    data, dealt = load_dataset(opened).part("train"), []
    data = replace(data, group=np.repeat(np.arange(len(data) // 2 + 1), 2)[: len(data)])
    monkeypatch.setattr(
        study.candidates,
        "cross_validate",
        lambda run, data, *words, **more: (
            dealt.append(data.fold)
            or {
                "logits": np.zeros((len(data), 2)),
                "train_accuracy": np.ones(5),
                "seconds": np.ones(5),
                "parameters": [1],
            }
        ),
    )
    contenders = study.contenders(opened)
    study.repeated(opened, data, "frozen", contenders["frozen"], "cut")
    study.repeated(opened, data, "ours", contenders["ours"], "whole")
    assert np.array_equal(dealt[0], dealt[2]) and not np.array_equal(dealt[0], dealt[1])
    for fold in dealt:
        assert all(len(set(fold[data.group == group])) == 1 for group in np.unique(data.group))


def test_whole_photographs_are_the_same_ones_in_the_same_order(opened):
    data = load_dataset(opened).part("train")
    whole = study.whole_photographs(opened, data)
    assert whole.images.shape == data.images.shape and not np.array_equal(whole.images, data.images)
    assert whole.ids is data.ids
    assert study.whole_photographs(opened, replace(data, ids=np.array(["gone"] * len(data)))) is None


def test_the_best_is_named_and_its_errors_counted():
    rows = [("a", "cut", 1.0), ("a", "cut", 0.9), ("a", "whole", 1.0), ("b", "cut", 0.5), ("b", "whole", 0.5)]
    runs = pd.DataFrame(rows, columns=["title", "model", "accuracy"])
    words = study.conclusions(runs, {}, 40)
    assert "**a** with 95.0 %" in words and "2.0 of 40 wrong" in words
    assert "a +5.0, b +0.0" in words and "Could not be tried" not in words
    perfect = study.conclusions(runs.assign(accuracy=1.0), {"c": "why"}, 40)
    assert "0.0 of 40 wrong" in perfect and "c (why)" in perfect


def test_squeezenet_is_trained_on_where_its_weights_can_be_had(monkeypatch):
    seen = SimpleNamespace(crop_size=[224], mean=[0.5] * 3, std=[0.5] * 3)
    random_weights = partial(torchvision.models.squeezenet1_1, weights=None)
    monkeypatch.setattr(backbones, "_from_torchvision", lambda name: (random_weights(), seen))
    images, labels = torch.rand(10, 3, 16, 16), np.arange(10) % 2
    judge, parameters = study.fit_squeezenet(1, images, labels, classes=2, image_size=16, seed=0)
    assert judge(images).shape == (10, 2) and np.isfinite(judge(images)).all()
    assert parameters == 722_496 + 2 * 513  # all of it: the paper's net without its last layer, and ours


def write_people(root, count=22):
    """Scenes with faces out of scikit-image (small grey ones of many people); those of one 'person' are reddish."""
    faces_of_many, rng = skimage.data.lfw_subset()[:100], np.random.default_rng(0)
    for label, name in enumerate(("ann", "bob")):
        (root / name).mkdir(parents=True)
        for number in range(count):
            grey = Image.fromarray((255 * faces_of_many[2 * number + label]).clip(0, 255).astype(np.uint8))
            face = np.asarray(grey.resize((150, 150), Image.BICUBIC).convert("RGB")) * [1, 1 - 0.3 * label, 1]
            scene = Image.fromarray(rng.integers(0, 256, (3, 4, 3), dtype=np.uint8)).resize((320, 240))
            place = int(rng.integers(0, 170)), int(rng.integers(0, 90))
            scene.paste(Image.fromarray(face.astype(np.uint8)), place)
            scene.save(root / name / f"{number}.jpg")
    return root


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_notebooks_run_on_people(tmp_path):
    people = write_people(tmp_path / "people")
    words = ["run", "--recipe", "faces", "--data-dir", str(people), "--out", str(tmp_path / "run")]
    least = ["effort=0.01", "seeds=2", "models=hog_svm"]
    # notebook 04 is the same as that of a user's folder, which test_small_folder.py runs
    assert main([*words, "--only", "01,02,03", *(part for value in least for part in ("-p", value))]) == 0
    report = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "Whose face is it?" in report and "GDPR" in report and "What was found, and what was cut out" in report
