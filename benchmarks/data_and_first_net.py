"""Seconds for the steps of notebooks 01 and 02, beside what one would otherwise write: `make bench`.

Both sides of a pair run in turn in one process, and the ratio of their medians counts: machines differ and are noisy.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from clockodile.classify.report_nets import ThreeBlockNet
from clockodile.data.duplicates import find_near_duplicates, grey, pair_correlation
from clockodile.data.stand_in import stand_in_collection
from clockodile.learn.training import train_full_batch

REPEATS = 3
EPOCHS = 10


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def side_by_side(name: str, ours: Callable, usual: Callable) -> None:
    """Print the medians of both and their ratio."""
    pairs = [(seconds(ours), seconds(usual)) for _ in range(REPEATS)]
    mine, other = (statistics.median(side) for side in zip(*pairs, strict=True))
    print(f"{name:<58} {mine:7.2f} s   usual way {other:7.2f} s   ratio {other / mine:5.1f}")


def usual_training(images: torch.Tensor, labels: torch.Tensor) -> None:
    """The same net and number of epochs from a DataLoader in batches of 32."""
    net = ThreeBlockNet()
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(EPOCHS):
        for x, y in DataLoader(TensorDataset(images, labels), batch_size=32, shuffle=True):
            loss = torch.nn.functional.cross_entropy(net(x), y)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()


def main() -> None:
    start = time.perf_counter()
    collection = stand_in_collection()
    print(f"{'1,400 stand-in images drawn':<58} {time.perf_counter() - start:7.2f} s")
    train = collection.split == "train"
    images, labels = collection.images[train], torch.from_numpy(collection.labels[train])
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    some = images[:120]
    every_pair = np.stack(np.triu_indices(len(some), 1), 1)
    side_by_side(
        "near-duplicates among 120 images, against comparing all pairs",
        lambda: find_near_duplicates(some),
        lambda: pair_correlation(grey(some), every_pair),
    )
    side_by_side(
        f"report 000's net, {EPOCHS} epochs of 1,000 images, against a DataLoader",
        lambda: train_full_batch(ThreeBlockNet, tensor, labels, seed=0, epochs=EPOCHS),
        lambda: usual_training(tensor, labels),
    )


if __name__ == "__main__":
    main()
