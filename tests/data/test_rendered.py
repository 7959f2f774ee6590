"""The rendered stand-in: contract, determinism, variety, and that it is neither trivial nor hopeless."""

import hashlib
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from torch import nn

from clockodile.core.errors import UserError
from clockodile.data import rendered
from clockodile.data.rendered import rendered_collection

SMALL = {"per_class": 6, "test_per_class": 3, "background": 4, "hybrids": 5}
RENDERERS = (
    rendered.render_clock,
    rendered.render_crocodile,
    rendered.render_background,
    rendered.render_hybrid,
)


@pytest.fixture(scope="module")
def small():
    return rendered_collection(**SMALL)


@pytest.fixture(scope="module")
def full():
    start = time.perf_counter()
    collection = rendered_collection()
    assert time.perf_counter() - start < 30  # seconds; 6 to 10 on a busy core
    return collection


def digest(collection) -> str:
    return hashlib.sha256(collection.images.tobytes()).hexdigest()


def test_rows_are_ordered_and_labelled(small):
    assert small.images.shape == (27, 32, 32, 3) and small.images.dtype == np.uint8
    assert small.labels.dtype == np.int64
    assert small.labels.tolist() == [0] * 6 + [1] * 6 + [0] * 3 + [1] * 3 + [-1] * 9
    assert small.split.tolist() == ["train"] * 12 + ["test"] * 6 + ["background"] * 4 + ["hybrid"] * 5
    assert small.classes == ("clock", "crocodile")


def test_ids_are_unique_and_say_what_they_are(small):
    assert len(set(small.ids)) == len(small.ids)
    assert small.ids[0] == "rendered/clock/0000" and small.ids[15] == "rendered/test-crocodile/0000"
    assert small.ids[18] == "rendered/background/0000" and small.ids[-1] == "rendered/hybrid/0004"


def test_source_carries_the_stamp():
    source = rendered_collection(seed=3, why="no network", **SMALL).source
    assert source.kind == "rendered" and source.stamp == "rendered stand-in"
    assert "seed 3" in source.where and source.why == "no network"


def test_default_counts(full):
    assert np.unique(full.split, return_counts=True)[1].tolist() == [100, 100, 200, 1000]
    assert np.bincount(full.labels[full.split == "train"]).tolist() == [500, 500]


def test_same_seed_same_bytes_in_another_process(small):
    code = (
        "import hashlib; from clockodile.data.rendered import rendered_collection as r; "
        f"print(hashlib.sha256(r(**{SMALL!r}).images.tobytes()).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == digest(small)


def test_an_image_does_not_depend_on_how_many_are_drawn(small, full):
    position = {name: k for k, name in enumerate(full.ids)}
    same_rows = [position[name] for name in small.ids]
    assert np.array_equal(full.images[same_rows], small.images)


def test_another_seed_draws_other_images(small):
    other = rendered_collection(seed=1, **SMALL)
    assert not (other.images == small.images).all(axis=(1, 2, 3)).any()


def test_class_order_moves_labels_not_pictures(small):
    swapped = rendered_collection(("crocodile", "clock"), **SMALL)
    assert swapped.ids[0] == "rendered/crocodile/0000" and swapped.labels[0] == 0
    assert np.array_equal(swapped.images[:6], small.images[6:12])


def test_no_two_images_are_nearly_the_same(full):
    flat = full.images.reshape(len(full.images), -1).astype(np.float32) / 255
    squares = (flat**2).sum(axis=1)
    distance = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * flat @ flat.T, 0) / flat.shape[1])
    np.fill_diagonal(distance, np.inf)
    assert distance.min() > 0.02  # root mean square over pixels; sensor noise alone differs by less


def test_hybrids_share_no_picture_with_train(full):
    train = {image.tobytes() for image in full.images[full.split == "train"]}
    assert not train & {image.tobytes() for image in full.images[full.split == "hybrid"]}


@pytest.mark.parametrize("render", RENDERERS)
@pytest.mark.parametrize("size", (16, 32, 48))
def test_any_size_is_drawn_and_never_blank(render, size):
    images = np.stack([render(np.random.default_rng([size, i]), size) for i in range(8)])
    assert images.shape == (8, size, size, 3) and images.dtype == np.uint8
    assert images.std(axis=(1, 2, 3)).min() > 2


@pytest.mark.parametrize("classes", (("clock", "crocodile", "cat"), ("clock",), ("cat", "dog"), ()))
def test_other_classes_are_refused_in_one_line(classes):
    with pytest.raises(UserError, match="clock and crocodile") as raised:
        rendered_collection(classes)
    assert "\n" not in str(raised.value)


def test_no_images_of_a_kind_is_allowed():
    only = rendered_collection(per_class=2, test_per_class=0, background=0, hybrids=0)
    assert set(only.split) == {"train"} and len(only.images) == 4


def small_net() -> nn.Sequential:
    """Three convolution blocks and two dense layers: images (N, 3, 32, 32) to logits (N, 1)."""
    blocks = []
    for inputs, outputs in ((3, 16), (16, 32), (32, 64)):
        blocks += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.MaxPool2d(2), nn.ReLU()]
    return nn.Sequential(*blocks, nn.Flatten(), nn.Linear(64 * 4 * 4, 128), nn.ReLU(), nn.Linear(128, 1))


def held_out_accuracy(images: torch.Tensor, labels: torch.Tensor, seed: int) -> float:
    """Accuracy after 100 full-batch epochs on half of the images; a quarter is the test."""
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(labels[order].numpy(), kind="stable")].reshape(2, -1)  # one row a class
    train, test = order[:, :250].ravel(), order[:, 375:].ravel()
    torch.manual_seed(seed)
    net = small_net()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(100):
        optimizer.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(net(images[train])[:, 0], labels[train])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return ((net(images[test])[:, 0] > 0) == labels[test].bool()).float().mean().item()


@pytest.mark.slow
def test_a_small_net_finds_it_neither_trivial_nor_hopeless(full):
    train = full.split == "train"
    images = torch.from_numpy(full.images[train]).permute(0, 3, 1, 2).contiguous().float() / 255
    labels = torch.from_numpy(full.labels[train]).float()
    accuracies = [held_out_accuracy(images, labels, seed) for seed in range(3)]
    assert 0.80 <= np.mean(accuracies) <= 0.95
