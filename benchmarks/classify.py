"""Our classifier beside what one would train instead, on the same folds of the same images: `make bench`.

Everything is trained from nothing, on the processor, in one process, one after the other. Seconds are those of training
alone: images are decoded before, questions about held-out images are not counted. About six minutes on two idle cores;
`--quick` only shows that every part works.
"""

import argparse
import os
import platform
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from unittest.mock import patch

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms

from clockodile.classify.report_nets import ThreeBlockNet
from clockodile.core.errors import UserError
from clockodile.core.recipes import get_profile
from clockodile.core.workspace import open_run
from clockodile.data.dataset import Dataset, load_dataset
from clockodile.learn import training
from clockodile.learn.models import CompactResNet
from clockodile.learn.training import TrainConfig, evaluate, seeded, train, train_full_batch

CPU = torch.device("cpu")
BATCH = 64  # of everything but ours and report 000's


@dataclass(frozen=True)
class Effort:
    """How much to measure."""

    images: int  # at most so many of the data set
    ours: int  # epochs of the quick profile
    ours_full: int  # epochs of the full profile
    report: int  # epochs of report 000's net
    usual: int  # of every ResNet-18


QUICK = Effort(64, 1, 1, 1, 1)
USUAL = Effort(
    images=10**9,
    ours=get_profile("quick").own_net_epochs,
    ours_full=get_profile("full").own_net_epochs,
    report=100,  # its author's
    usual=12,
)


@dataclass(frozen=True)
class Fold:
    """A held-out fold, and the images to learn from in both forms: tensors and pictures."""

    number: int
    pictures: list[tuple[Image.Image, int]]  # what a usual data set returns before its transform
    images: torch.Tensor  # float32 (N, 3, S, S) in [0, 1]
    labels: torch.Tensor  # int64 (N,)
    unseen: tuple[torch.Tensor, torch.Tensor]  # images and labels that are held out
    classes: int

    @property
    def side(self) -> int:
        return self.images.shape[-1]

    @cached_property
    def statistics(self) -> dict[str, list[float]]:
        """Mean and standard deviation of the red, green and blue values to learn from."""
        return {"mean": self.images.mean((0, 2, 3)).tolist(), "std": self.images.std((0, 2, 3)).tolist()}

    def some(self, count: int) -> "Fold":
        """The same with `count` images to learn from. Rows are in label order: evenly spaced ones hold all classes."""
        rows = spread_rows(len(self.labels), count)
        pictures = [self.pictures[row] for row in rows]
        return Fold(self.number, pictures, self.images[rows], self.labels[rows], self.unseen, self.classes)


@dataclass(frozen=True)
class Outcome:
    """What came out of one training."""

    accuracy: float  # on the held-out fold, 0..1
    seconds: float
    curve: list[tuple[float, float]] = field(default_factory=list)  # (seconds, accuracy) after each epoch


def spread_rows(rows: int, count: int) -> np.ndarray:
    """Up to `count` row numbers out of `rows`, evenly spaced."""
    return np.unique(np.linspace(0, rows - 1, min(rows, count)).astype(int))


def make_fold(data: Dataset, number: int) -> Fold:
    """The data set with one of its folds held out."""
    images, labels, known = data.tensor(), torch.from_numpy(data.labels), data.fold != number
    pictures = [
        (Image.fromarray(image), int(label))
        for image, label in zip(data.images[known], data.labels[known], strict=True)
    ]
    unseen = images[~known], labels[~known]
    return Fold(number, pictures, images[known], labels[known], unseen, len(data.classes))


# --- ours and report 000's ----------------------------------------------------------------------------------


def ours(fold: Fold, epochs: int) -> Outcome:
    """Our net and training, watched after every epoch; the time of watching is taken off."""
    curve, watching = [], []

    def timed_evaluate(*arguments) -> dict:
        begin = time.perf_counter()
        result = evaluate(*arguments)
        watching.append(time.perf_counter() - begin)
        return result

    def after_epoch(row: dict) -> None:
        curve.append((time.perf_counter() - start - sum(watching), row["validation_accuracy"]))

    make = partial(CompactResNet, classes=fold.classes, image_size=fold.side)
    with patch.object(training, "evaluate", timed_evaluate):
        start = time.perf_counter()
        model, _ = train(
            make,
            fold.images,
            fold.labels,
            TrainConfig(epochs=epochs),
            seed=fold.number,
            validation=fold.unseen,
            after_epoch=after_epoch,
        )
    return Outcome(evaluate(model, *fold.unseen)["accuracy"], curve[-1][0], curve)


def three_block_net(fold: Fold, epochs: int) -> nn.Module:
    """The net of report 000 as it was trained there: all images in every step."""
    make = partial(ThreeBlockNet, classes=fold.classes, image_size=fold.side)
    return train_full_batch(make, fold.images, fold.labels, seed=fold.number, epochs=epochs)[0]


# --- the usual way ------------------------------------------------------------------------------------------


class Pictures(torch.utils.data.Dataset):
    """Pictures, each changed anew whenever it is asked for."""

    def __init__(self, pictures: list, change: Callable):
        self.pictures, self.change = pictures, change

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        picture, label = self.pictures[row]
        return self.change(picture), label


def with_small_stem(net: nn.Module) -> nn.Module:
    """A ResNet-18 as it is usually adapted to 32 pixels: it begins with 3 x 3 at every pixel, and no pooling."""
    net.conv1, net.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    return net


def scaled(net: nn.Module, fold: Fold) -> nn.Module:
    """The net with the scaling of its training pictures in front, so that it takes images in [0, 1]."""
    return nn.Sequential(transforms.Normalize(**fold.statistics), net).eval()


def fit_in_batches(net, fold, change, optimiser, next_epoch, *, epochs: int, blend=None) -> nn.Module:
    """The loop of every tutorial. next_epoch(number) sets the learning rate; blend(images, labels): mixup or None."""
    batch = min(BATCH, len(fold.labels) // 2 * 2)
    # timm cannot blend an odd number of images, nor can batch normalisation use a single one
    odd = len(fold.labels) % batch % 2 == 1
    loader = DataLoader(Pictures(fold.pictures, change), batch_size=batch, shuffle=True, drop_last=odd)
    net.train()
    for epoch in range(epochs):
        for images, labels in loader:
            if blend is not None:
                images, labels = blend(images, labels)
            loss = F.cross_entropy(net(images), labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        next_epoch(epoch + 1)
    return scaled(net, fold)


def resnet18(fold: Fold, epochs: int, *, small_stem: bool) -> nn.Module:
    """torchvision's ResNet-18 with random crops and flips, SGD with momentum, and a cosine schedule."""
    change = transforms.Compose(
        [
            transforms.RandomCrop(fold.side, padding=fold.side // 8),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(**fold.statistics),
        ]
    )
    with seeded(fold.number):
        net = torchvision.models.resnet18(num_classes=fold.classes)
        net = with_small_stem(net) if small_stem else net
        optimiser = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
        return fit_in_batches(net, fold, change, optimiser, lambda epoch: schedule.step(), epochs=epochs)


# --- recipes of other libraries, on the ResNet-18 for 32 pixels --------------------------------------------------


def with_timm(fold: Fold, epochs: int) -> nn.Module:
    """timm: RandAugment, random erasing, mixup, smoothed labels, AdamW, warm-up and cosine. Meant for more epochs."""
    import timm
    from timm.data import Mixup, create_transform
    from timm.optim import create_optimizer_v2
    from timm.scheduler import CosineLRScheduler

    random.seed(fold.number)  # timm draws from the global state of Python and NumPy
    np.random.seed(fold.number)
    change = create_transform(
        fold.side, is_training=True, auto_augment="rand-m9-mstd0.5-inc1", re_prob=0.25, **fold.statistics
    )
    blend = Mixup(mixup_alpha=0.2, label_smoothing=0.1, num_classes=fold.classes)
    with seeded(fold.number):
        net = with_small_stem(timm.create_model("resnet18", num_classes=fold.classes))
        optimiser = create_optimizer_v2(net, opt="adamw", lr=2e-3, weight_decay=0.05)
        warm_up = min(2, epochs - 1)
        schedule = CosineLRScheduler(optimiser, t_initial=epochs, warmup_t=warm_up, warmup_lr_init=2e-4)
        return fit_in_batches(net, fold, change, optimiser, schedule.step, epochs=epochs, blend=blend)


# --- side by side -------------------------------------------------------------------------------------------


def measured(fit: Callable[[Fold, int], nn.Module], fold: Fold, epochs: int) -> Outcome:
    start = time.perf_counter()
    model = fit(fold, epochs)
    seconds = time.perf_counter() - start
    return Outcome(evaluate(model, *fold.unseen)["accuracy"], seconds)


def print_row(name: str, outcomes: list[Outcome], folds: list[Fold], epochs: int, reference: float) -> None:
    """Accuracy with its 95 % half-width, seconds of a fold's training, and how that compares to `reference`.

    Images a second are epochs times images: ours and fastai leave out of an epoch what does not fill a batch.
    """
    accuracy, seconds = (np.mean([getattr(one, part) for one in outcomes]) for part in ("accuracy", "seconds"))
    asked = sum(len(fold.unseen[1]) for fold in folds)
    spread = 1.96 * np.sqrt(accuracy * (1 - accuracy) / asked)
    a_second = epochs * np.mean([len(fold.labels) for fold in folds]) / seconds
    print(
        f"{name:<44} {epochs:>6} {100 * accuracy:8.1f} ± {100 * spread:4.1f} {seconds:9.1f} "
        f"{seconds / reference:12.1f} {a_second:10.0f}",
        flush=True,
    )


def epochs_to_reach(accuracies: list[float], wanted: float) -> tuple[int | None, int | None]:
    """Index of the first epoch with the wanted accuracy, and of the first from which it is never lost again."""
    reached = np.asarray(accuracies) >= wanted - 1e-6
    if not reached.any():
        return None, None
    lost = np.flatnonzero(~reached)
    for_good = lost[-1] + 1 if len(lost) else 0
    return int(reached.argmax()), int(for_good) if for_good < len(reached) else None


def print_headline(name: str, usual: list[Outcome], mine: list[Outcome]) -> None:
    """After how many seconds ours has the accuracy that the other ends with, means over the folds."""
    wanted, seconds = (np.mean([getattr(one, part) for one in usual]) for part in ("accuracy", "seconds"))
    when, accuracies = np.mean([one.curve for one in mine], axis=0).T
    first, for_good = epochs_to_reach(accuracies, wanted)
    if first is None:
        ending = f"not reached by ours in {len(when)} epochs"
    else:
        stays = f"for good after {when[for_good]:.1f} s" if for_good is not None else "lost again"
        ratio = seconds / when[first]
        ending = f"ours after {when[first]:.1f} s (epoch {first + 1}; {stays}): ratio {ratio:.1f}"
    print(f"{name:<44} {100 * wanted:5.1f} % in {seconds:6.1f} s; {ending}")


def compare(folds: list[Fold], effort: Effort, arguments: argparse.Namespace) -> None:
    """Train everything on the same folds, a row each, then the headline."""
    others = [
        ("report 000's net, all images a step", three_block_net, effort.report),
        ("ResNet-18 for 32 pixels, usual way", partial(resnet18, small_stem=True), effort.usual),
        ("ResNet-18 as for 224 pixels, usual way", partial(resnet18, small_stem=False), effort.usual),
        ("timm's recipe, same ResNet-18", with_timm, effort.usual),
    ]
    if not arguments.quick:  # libraries load and choose their kernels on the first call
        for fit in (ours, *(fit for _, fit, _ in others)):
            fit(folds[0].some(64), 1)
    heads = ("epochs", 6), ("accuracy, %", 15), ("seconds", 9), ("times ours", 12), ("images/s", 10)
    print(f"\n{'trained from nothing':<44}", *(f"{head:>{width}}" for head, width in heads))
    mine = [ours(fold, effort.ours) for fold in folds]
    reference = np.mean([one.seconds for one in mine])
    print_row("ours, quick profile", mine, folds, effort.ours, reference)
    if arguments.full:
        longer = [ours(fold, effort.ours_full) for fold in folds]
        print_row("ours, full profile", longer, folds, effort.ours_full, reference)
    outcomes = {}
    for name, fit, epochs in others:
        outcomes[name] = [measured(fit, fold, epochs) for fold in folds]
        print_row(name, outcomes[name], folds, epochs, reference)
    print("\nTime to the same accuracy")
    for name, results in outcomes.items():
        print_headline(name, results, mine)


# --- the script ---------------------------------------------------------------------------------------------


def describe_machine() -> None:
    """What the seconds are of, and how busy it is."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0
    print(
        f"machine: {platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, "
        f"torch {torch.__version__}; load of the last minute: {load:.1f} (if others work, times are too long)"
    )


def open_data(arguments: argparse.Namespace) -> Dataset:
    """The training images in their folds as notebook 01 makes them."""
    with tempfile.TemporaryDirectory() as scratch:
        given = arguments.data_dir or os.environ.get("CLOCKODILE_DATA", "")
        source = "stand_in" if arguments.quick and not given else "auto"  # a smoke test needs no download
        run = open_run(profile="quick", source=source, data_dir=arguments.data_dir, run_dir=scratch)
        return load_dataset(run).part("train")


def parse(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folds", type=int, choices=range(1, 6), default=1, help="held-out folds (default 1)")
    parser.add_argument("--full", action="store_true", help="also our full profile")
    parser.add_argument("--quick", action="store_true", help="one epoch of 64 images: does every part work?")
    parser.add_argument("--data-dir", default="", help="images (default $CLOCKODILE_DATA, else as the notebooks)")
    return parser.parse_args(words)


def report(data: Dataset, arguments: argparse.Namespace) -> None:
    effort = QUICK if arguments.quick else USUAL
    data = data.rows(spread_rows(len(data), effort.images))
    folds = [make_fold(data, number) for number in range(arguments.folds)]
    kind = f"{data.stamp} images" if data.stamp else "photographs"
    held_out = ", ".join(str(len(fold.unseen[1])) for fold in folds)
    print(f"data: {' / '.join(data.classes)}, {len(data)} {kind} of {folds[0].side} pixels a side")
    print(f"held out: {held_out} of them ({len(folds)} of 5 folds); ± is the 95 % half-width on those")
    print("seconds: training on one fold, asking not counted")
    compare(folds, effort, arguments)


def main(words: list[str] | None = None) -> int:
    arguments, start = parse(words), time.perf_counter()
    describe_machine()
    try:
        # the comparison is between ways, not devices
        with patch.object(training, "pick_device", lambda: CPU):
            report(open_data(arguments), arguments)
    except UserError as error:
        print(f"clockodile: {error}", file=sys.stderr)
        return 2
    print(f"\nwhole benchmark: {time.perf_counter() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
