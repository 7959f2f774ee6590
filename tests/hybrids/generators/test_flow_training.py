"""Training of a flow: it learns, it can be interrupted, and it draws classes as often as asked."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_flows import small_unet

from clockodile.hybrids.generators.flow_training import FlowConfig, Photographs, Training

CPU = torch.device("cpu")
PLAN = FlowConfig(pictures=800, batch=16, warm_up=16, finish=800, learning_rate=3e-3)


@pytest.fixture
def photographs():
    """Two classes of plain pictures: dark ones and bright ones."""
    rng = np.random.default_rng(0)
    grey = np.repeat([60, 200], 8)[:, None, None, None] + rng.integers(-9, 10, (16, 16, 16, 3))
    return Photographs(grey.astype(np.uint8), np.repeat([0, 1], 8), (0, 1), CPU)


def fresh(config: FlowConfig = PLAN, seed: int = 0) -> Training:
    torch.manual_seed(0)
    return Training(small_unet(classes=2), config, CPU, seed=seed)


def same(one: Training, other: Training) -> bool:
    pairs = zip(one.net.parameters(), other.net.parameters(), strict=True)
    return all(torch.equal(first, second) for first, second in pairs)


def test_the_loss_falls(photographs):
    training = fresh()
    while training.seen < PLAN.pictures:
        training.step(photographs)
    assert np.mean(training.recent[-10:]) < 0.9 * np.mean(training.recent[:5])


def test_interrupted_and_resumed_it_is_the_same(photographs, tmp_path):
    through, broken = fresh(), fresh()
    for _ in range(4):
        through.step(photographs)
    for _ in range(2):
        broken.step(photographs)
    broken.save(tmp_path / "checkpoint.pt")
    resumed = fresh(seed=5)
    resumed.load(tmp_path / "checkpoint.pt")
    for _ in range(2):
        resumed.step(photographs)
    assert same(through, resumed) and resumed.seen == through.seen == 64
    other = fresh(seed=5)
    for _ in range(4):
        other.step(photographs)
    assert not same(through, other), "another seed, another net"


def test_classes_are_drawn_alike_however_rare_and_the_wanted_ones_more_often():
    labels = np.repeat([0, 1, 2], [5, 50, 500])
    images = np.zeros((len(labels), 4, 4, 3), np.uint8)
    draw = torch.Generator().manual_seed(0)
    photographs = Photographs(images, labels, (0,), CPU)
    _, found = photographs.draw(30_000, 0.4, draw)
    shares = np.bincount(found.numpy(), minlength=3) / 30_000
    assert np.allclose(shares, [0.4 + 0.2, 0.2, 0.2], atol=0.01)


def test_pictures_are_drawn_with_their_own_labels(photographs):
    pictures, labels = photographs.draw(50, 0.5, torch.Generator().manual_seed(1))
    assert pictures.min() >= -1 and pictures.max() <= 1
    assert torch.equal(pictures.mean((1, 2, 3)) > 0, labels == 1)


def test_one_label_in_ten_is_withheld_and_some_steps_are_composites(photographs):
    training = fresh()
    layouts = [training.batch(photographs)[1] for _ in range(200)]
    withheld = torch.cat([layout.labels.flatten() for layout in layouts]) == training.net.null_class
    assert withheld.float().mean() == pytest.approx(PLAN.p_uncond, abs=0.02)
    composites = np.mean([layout.masks is not None for layout in layouts])
    assert composites == pytest.approx(PLAN.pasted, abs=0.1)


def test_the_learning_rate_rises_stays_and_falls():
    def rate(seen: int, **config) -> float:
        training = fresh(replace(FlowConfig(learning_rate=1.0, warm_up=100, steady=1000, batch=10), **config))
        training.seen = seen
        return training.learning_rate()

    assert rate(0) == pytest.approx(0.1) and rate(500) == 1 and rate(4000) == pytest.approx(0.5)
    assert rate(900, pictures=1000, finish=200) == pytest.approx(0.5)
    assert rate(1000, pictures=1000, finish=200) == 0
