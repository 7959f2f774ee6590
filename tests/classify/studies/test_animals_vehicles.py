"""Animals and vehicles on a made-up CIFAR-10 of a few pictures."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from plain_features import plain_features
from scipy.special import softmax
from tiny_cifar10 import write_folder
from torch import nn

from clockodile.classify.report_nets import TwoConvBlockNet
from clockodile.classify.studies import animals_vehicles as study
from clockodile.core import results, store
from clockodile.core.workspace import open_run
from clockodile.learn.models import CompactResNet
from clockodile.learn.training import TrainConfig, train

SMALL = partial(CompactResNet, widths=(48,))
TINY = study.Budget(40, 2, 2, own_images=48, own_epochs=4, probed=40, tuned=10)
NARROW = partial(study.report_net, widths=(4, 8, 8))


def fitted_net(images, labels, classes):
    """In place of a large network."""
    assert images.is_floating_point()
    return train(partial(SMALL, classes=classes), images, labels, TrainConfig(epochs=1, batch=5), seed=0)[0]


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """A run on such a folder with nets of a few weights and no pretrained network."""
    monkeypatch.setattr(study, "our_net", SMALL)
    quick = replace(study.OURS, batch=20)
    small = {
        "report 004's net": (NARROW, study.REPORTED),
        "without dropout": (partial(NARROW, dropout=0.0), study.REPORTED),
        "ours, taught two classes": (SMALL, quick),
        study.TEN: (SMALL, quick),
    }
    monkeypatch.setattr(study, "VARIANTS", small)
    monkeypatch.setattr(study, "OURS", quick)
    monkeypatch.setattr(study, "QUICK", TINY)
    monkeypatch.setattr(study, "backbone_features", lambda images, side: plain_features(images))
    monkeypatch.setattr(study, "fine_tune", lambda make, *known, classes, **plan: fitted_net(*known, classes))
    folder = write_folder(tmp_path / "data")
    return open_run(recipe="animals_vehicles", data_dir=str(folder), run_dir=str(tmp_path / "run"))


def test_the_study_looks_at_all_pictures(opened):
    opened = replace(opened, recipe=replace(opened.recipe, per_class=2))
    known, tests = study.all_pictures(opened)
    assert len(known) == 60 and len(tests) == 20 and len(np.unique(known.images, axis=0)) == 60
    assert (known.labels == (known.kinds >= 6)).all()
    assert known.kinds.tolist() != sorted(known.kinds), "shuffled, so that the first ones are a fair sample"
    few = known.rows(slice(7)).tensor()
    assert few.shape == (7, 3, 32, 32) and few.dtype == torch.uint8


def test_what_is_shown_stored_and_recorded(opened, capsys):
    results.record_metrics(opened.dir, "02", [results.metric("before", 0.5)])
    InteractiveShell.instance()
    with capture_output() as shown:
        study.show(opened)
    text = " ".join(str(out.data.get("text/markdown", "")) for out in shown.outputs)
    assert "all 60 training pictures" in text and "**This is a quick run**: there are 60" in text
    assert "taught the ten kinds instead of two classes" in text
    table = store.load(opened.dir, "animals_vehicles/results.csv")
    assert table["net"].tolist() == [name for name in study.VARIANTS for _ in range(2)]
    assert (table["images"] == 40).all() and (table["epochs"] == 2).all()
    names = [row["name"] for row in results.read_metrics(opened.dir)["02"]]
    assert names[0] == "before" and "ours, from nothing: accuracy, 20 test images" in names
    assert "EfficientNet-Lite0, frozen: precision of vehicle, 20 test images" in names
    assert "EfficientNet-Lite0, all weights trained: accuracy, 20 test images" in names
    before = (opened.dir / "animals_vehicles/results.csv").stat().st_mtime_ns
    with capture_output() as again:
        study.show(opened)
    assert "epoch" not in again.stdout, "nothing is trained twice"
    assert (opened.dir / "animals_vehicles/results.csv").stat().st_mtime_ns == before


def test_nets_are_compared_on_pictures_they_have_not_seen(opened, monkeypatch):
    seen = {}
    monkeypatch.setattr(study, "compare_variants", lambda run, budget, some, held_out: seen.update(a=some, b=held_out))
    with capture_output(), pytest.raises(AttributeError):
        study.show_comparison(opened, TINY, study.all_pictures(opened)[0])
    both = np.concatenate([seen["a"].images, seen["b"].images])
    assert len(seen["a"]) == 40 and len(seen["b"]) == 12 and len(np.unique(both, axis=0)) == 52


class Corner(nn.Module):
    """Its logits are the upper left pixel's first two colours."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(4.0))

    def forward(self, images):
        return self.scale * images[:, :2, 0, 0]


def test_a_net_is_asked_about_six_views():
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    corners = [images[:, y, x] for y, x in ((0, 0), (1, 1), (1, 30), (0, 31))]  # as it is, moved up and left
    corners += [images[:, 1, 1], images[:, 1, 30]]  # moved down and right, what comes in is a reflection
    expected = np.mean([softmax(corner[:, :2] / 255 * 4, axis=1) for corner in corners], axis=0)
    none = np.zeros(5, int)
    assert np.allclose(study.asked(Corner(), study.Pictures(images, none, none)), expected, atol=1e-6)


def test_probabilities_of_kinds_are_added_up():
    ten = np.eye(10) * 0.5 + 0.05
    assert np.allclose(study.two_classes(ten)[[0, 9]], [[0.8, 0.2], [0.3, 0.7]])
    assert study.two_classes(ten[:, :2] / ten[:, :2].sum(1, keepdims=True)).shape == (10, 2)


def test_measures_of_a_small_example_worked_out_by_hand():
    labels = np.array([0, 0, 0, 1, 1])
    probability = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.3, 0.7], [0.6, 0.4]])
    found = study.measures(labels, probability)
    assert found["accuracy"] == 0.6
    assert (found["precision_animal"], found["precision_vehicle"]) == (2 / 3, 0.5)
    assert np.isclose(found["loss"], -np.log([0.9, 0.8, 0.4, 0.7, 0.4]).mean())
    assert study.measures(labels, np.tile([1.0, 0.0], (5, 1)))["precision_vehicle"] == 0


def test_errors_are_told_by_kind():
    kinds = np.array([0, 0, 1, 9])
    pictures = study.Pictures(np.zeros((4, 32, 32, 3), np.uint8), (kinds >= 6).astype(int), kinds)
    ten = np.full((4, 10), 0.01)
    for row, saw in enumerate((6, 0, 1, 2)):  # a bird seen as an airplane, a bird, a cat, a truck seen as a deer
        ten[row, saw] = 0.91
    table = study.errors_by_kind(pictures, ten)
    assert table["wrong"].tolist() == [1] + [0] * 8 + [1]
    assert table["most often seen as"][["bird", "cat", "truck"]].tolist() == ["airplane (1)", "–", "deer (1)"]
    assert table["class"]["frog"] == "animal" and table["wrong, %"]["bird"] == "50.0"


def test_any_copy_of_the_same_pictures_may_use_the_net_of_the_package(opened, tmp_path, monkeypatch):
    known, _ = study.all_pictures(opened)
    study.our_trained_net(opened, replace(TINY, own_images=60), known)
    about, state = store.read_weights(opened.dir / "classifier" / "animals_vehicles.safetensors")
    assert all(part.dtype == torch.float16 for part in state.values() if part.is_floating_point())
    monkeypatch.setattr(store, "shipped_weights", lambda: tmp_path)
    record = about | {"data": "of another copy", "key": "of another version"}
    store.write_weights(tmp_path / "animals_vehicles.safetensors", state, record)
    opened = replace(opened, dir=tmp_path / "a")
    net, fitted = study.our_trained_net(opened, TINY, known)
    assert fitted.origin == "shipped" and next(net.parameters()).dtype == torch.float32
    few = known.rows(slice(50))
    assert study.our_trained_net(replace(opened, dir=tmp_path / "b"), TINY, few)[1].origin == "trained"


def test_an_l2_penalty_pulls_dense_weights_towards_zero():
    images, labels = torch.linspace(0, 1, 16 * 192).view(16, 3, 8, 8), torch.arange(16) % 2
    plan = TrainConfig(epochs=60, batch=16, learning_rate=0.01, weight_decay=0, augmentations=(), ema_decay=0)
    sizes = pd.DataFrame(
        [
            [float(part.weight.detach().norm()) for part in (net.hidden[0], net.out)]
            for l2 in (0.0, 1.0)
            for net in [train(partial(TwoConvBlockNet, widths=(4,), l2=l2), images, labels, plan, seed=0)[0]]
        ]
    )
    assert (sizes.iloc[1] < 0.5 * sizes.iloc[0]).all()
