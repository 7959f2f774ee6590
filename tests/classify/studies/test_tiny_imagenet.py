"""The study of Tiny ImageNet on a data set of four classes, and what its parts promise."""

import json

import numpy as np
import pytest
import torch
from tiny_tiny_imagenet import write_data_set

from clockodile.classify import studies
from clockodile.classify.studies import tiny_imagenet as study
from clockodile.core import results
from clockodile.core.workspace import open_run
from clockodile.data.dataset import as_tensor
from clockodile.learn.linear_probe import Probe


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """A run whose study was shown twice: the run, and the texts that it displayed each time."""
    folder, texts = tmp_path_factory.mktemp("study"), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        place = str(write_data_set(folder / "data", "tar"))
        run = open_run(recipe="tiny_imagenet", data_dir=place, run_dir=str(folder / "run"), effort=0.3)
        results.record_metrics(run.dir, "02", [results.metric("ours", 0.9, unit="%")])
        for _ in range(2):
            seen = []
            for place in (study, studies):
                patch.setattr(place, "display", seen.append)
            study.show(run)
            texts.append([part.data for part in seen if isinstance(getattr(part, "data", None), str)])
            patch.setattr(study, "backbone_features", None)  # the second time nothing is asked of a network
    return run, texts


@pytest.mark.slow
def test_every_part_is_shown_and_recorded_and_the_second_time_read(shown):
    run, (first, second) = shown
    assert first == second and sum(text.startswith("### ") for text in first) == len(study.PARTS)
    rows = results.read_metrics(run.dir)["02"]
    names = [row["name"] for row in rows]
    assert names[0] == "ours" and len(set(names)) == len(names)
    assert all(name in names for name in ("Tiny ImageNet: 4 classes, top-1", "Tiny ImageNet: 4 classes, top-5"))
    assert not [row for row in rows if not np.isfinite(row["mean"])]


@pytest.mark.slow
def test_prose_has_no_gap_and_no_failed_number(shown):
    text = "\n".join(shown[1][0])
    assert "nan" not in text and "{" not in text and "  " not in text


@pytest.mark.slow
def test_the_middle_and_a_random_point_are_measured_as_they_should(shown):
    run = shown[0]
    stored = json.loads((run.dir / "studies/saliency.json").read_text())
    assert len(stored["slope"]) == len(stored["rows"]) == 16
    shares = {row["name"].rpartition(": ")[2]: row["mean"] for row in results.read_metrics(run.dir)["02"]}
    assert 0.1 < shares["a random point"] < 0.4, "the squares cover a seventh to two fifths"


def data_set(each=4, classes=3):
    """Images without content, in the order of the data set: all of a class, then all of the next."""
    labels = np.repeat(np.arange(classes), each)
    count = len(labels)
    return study.TinyImageNet(
        images=np.zeros((count, 64, 64, 3), np.uint8),
        labels=labels,
        boxes=np.tile([8, 16, 39, 31], (count, 1)),
        files=np.arange(count).astype(str),
        split=np.full(count, "train"),
        classes=tuple("abc"[:classes]),
        wnids=tuple("abc"[:classes]),
        where="here",
    )


def test_fewer_images_are_the_beginning_of_more():
    few, more = (study.round_robin(data_set(), "train", count) for count in (2, 3))
    assert few.files.tolist() == ["0", "4", "8", "1", "5", "9"] == more.files[:6].tolist()
    assert more.labels.tolist() == [0, 1, 2] * 3


def test_halves_have_half_of_each_class_and_differ():
    run = open_run()
    whole = study.round_robin(data_set(8), "train", 8)
    halves = [study.TinyStudy(run, study.QUICK, whole, whole).half(number) for number in range(3)]
    assert [np.bincount(whole.labels[half]).tolist() for half in halves] == [[4, 4, 4]] * 3
    assert len({tuple(sorted(half.tolist())) for half in halves}) == 3


def test_a_box_is_cut_out_padded_and_enlarged():
    image = np.full((64, 64, 3), 40, np.uint8)
    image[16:32, 8:40] = 200  # twice as wide as high
    cut = study.cropped(np.stack([image, image]), np.array([[8, 16, 39, 31], [-1, -1, -1, -1]]))
    assert np.array_equal(cut[1], image), "without a box it stays whole"
    assert (cut[0, 20:44] > 190).all() and cut[0, :12].mean() < 80 and cut[0, 52:].mean() < 80


def test_top_counts_first_and_first_five():
    logits = torch.eye(7)[[0, 1, 2]] * 9 - torch.arange(7)
    assert study.top_shares(logits, np.array([0, 2, 6])) == pytest.approx({"top1": 1 / 3, "top5": 2 / 3})


def test_fgsm_raises_the_loss_by_small_steps():
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Flatten(), Probe(torch.zeros(192), torch.ones(192), torch.randn(3, 192), torch.zeros(3))
    )
    images, labels = torch.rand(5, 3, 8, 8), torch.tensor([0, 1, 2, 0, 1])
    moved = study.fgsm(net, images, labels, batch=2)
    assert float((moved - images).abs().max()) <= study.STEP + 1e-6 and 0 <= moved.min() and moved.max() <= 1
    loss = torch.nn.functional.cross_entropy
    assert loss(net(moved), labels) > loss(net(images), labels)
    assert torch.allclose(moved, study.fgsm(net, images, labels)), "whatever the batches"


def test_the_own_layer_is_that_of_the_class():
    """A photograph of a cat, asked about a cat and a bus."""
    from skimage.data import chelsea

    cat = as_tensor(chelsea()[None, :, 75:375])
    backbone = study.load_backbone(study.SMALL, side=96)
    layer = study.own_layer(study.SMALL, ("n04146614", "n02124075"))
    assert torch.nn.functional.linear(backbone(cat), **layer).argmax() == 1
