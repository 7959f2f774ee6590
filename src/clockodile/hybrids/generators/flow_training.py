"""Training a flow on photographs with told layouts: days on all of CIFAR-100, minutes on a user's classes."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from clockodile.core import atomic_files
from clockodile.hybrids.generators.flow import flow_loss
from clockodile.hybrids.generators.layouts import pasted, single
from clockodile.hybrids.generators.unet import Layout, UNet
from clockodile.learn.muon import MuonWithAdamW
from clockodile.learn.training import seeded


@dataclass(frozen=True)
class FlowConfig:
    """How a flow is trained. Lengths are in pictures, so that another batch size means the same."""

    pictures: int = 10_000_000  # seen in all
    batch: int = 64  # pictures a step
    learning_rate: float = 2e-3  # the highest, for Muon and AdamW
    warm_up: int = 50_000  # pictures in which it rises
    steady: int = 1_500_000  # pictures after which it falls with the inverse square root of what was seen
    finish: int = 0  # pictures over which it falls to nothing in a straight line instead, the last ones
    weight_decay: float = 0.01  # share of every weight taken away a step, times the learning rate
    focus: float = 0.2  # share of photographs that are of the classes in the end asked for
    pasted: float = 0.25  # share of steps whose pictures are composites
    p_uncond: float = 0.1  # share of labels replaced by the null class
    clip: float = 1.0  # largest norm of a gradient


class Photographs:
    """What is learned from, on the training device: all classes alike often, some more often.

    images: uint8 (N, S, S, 3); labels: int (N,) 0..C-1; focus: the classes that are asked for in the end.
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray, focus: tuple[int, ...], device: torch.device):
        self.images = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous().to(device)
        self.labels = torch.from_numpy(np.asarray(labels, np.int64)).to(device)
        self.order = torch.argsort(self.labels, stable=True)
        present, counts = torch.unique(self.labels, return_counts=True)
        self.counts, self.starts = counts, counts.cumsum(0) - counts
        self.focus = torch.tensor([present.tolist().index(label) for label in focus], device=device)

    def draw(self, count: int, share: float, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Random photographs, `share` of them of the focus classes, all classes alike among themselves.

        Returns float32 (count, 3, S, S) in [-1, 1] and int64 (count,).
        """
        device = generator.device
        pick = lambda n: torch.randint(n, (count,), generator=generator, device=device)  # noqa: E731
        focused = torch.rand(count, generator=generator, device=device) < share
        classes = torch.where(focused, self.focus[pick(len(self.focus))], pick(len(self.counts)))
        place = torch.rand(count, generator=generator, device=device)
        chosen = self.order[self.starts[classes] + (place * self.counts[classes]).long()]
        return self.images[chosen].float() / 127.5 - 1, self.labels[chosen]


class Training:
    """Net, optimiser and random state: all that a checkpoint holds.

    No average of the weights is kept: at a level rate they wander, and the last part, in which the rate falls to
    nothing, does what an average is for (the loss on unseen photographs was lower, measured beside two averages).
    """

    def __init__(self, net: UNet, config: FlowConfig, device: torch.device, *, seed: int = 0):
        self.config, self.device = config, device
        self.net = net.to(device, memory_format=torch.channels_last)
        self.optimiser = MuonWithAdamW(
            self.net, lr=config.learning_rate, weight_decay=config.weight_decay, outer=("embed", "conv_in", "conv_out")
        )
        self.generator = torch.Generator(device).manual_seed(seed)
        self.seen, self.recent = 0, []

    def learning_rate(self) -> float:
        """Up, level, then down: with the inverse square root of the pictures seen, or in a line to nothing."""
        config = self.config
        rate = config.learning_rate * min(1.0, (self.seen + config.batch) / max(config.warm_up, 1))
        if config.finish:
            return rate * min(1.0, (config.pictures - self.seen) / config.finish)
        return rate / max(1.0, self.seen / config.steady) ** 0.5

    def batch(self, photographs: Photographs) -> tuple[torch.Tensor, Layout]:
        """Pictures of one step, some steps composites; some labels are withheld."""
        config, draw = self.config, self.generator
        if torch.rand(1, generator=draw, device=self.device).item() < config.pasted:
            share = max(0.5, config.focus)
            below, below_labels = photographs.draw(config.batch, share, draw)
            above, above_labels = photographs.draw(config.batch, share, draw)
            pictures, layout = pasted(below, above, below_labels, above_labels, draw)
        else:
            pictures, layout = single(*photographs.draw(config.batch, config.focus, draw), draw)
        withheld = torch.rand(layout.labels.shape, generator=draw, device=self.device) < config.p_uncond
        labels = torch.where(withheld, self.net.null_class, layout.labels)
        return pictures, replace(layout, labels=labels)

    def step(self, photographs: Photographs) -> None:
        pictures, layout = self.batch(photographs)
        self.optimiser.set_lr(self.learning_rate())
        noise = torch.randn(pictures.shape, generator=self.generator, device=self.device)
        # logit-normal times (Esser et al., 2024): most where it is decided what a picture shows
        times = torch.randn(len(pictures), generator=self.generator, device=self.device).sigmoid()
        with seeded(int(torch.randint(2**31, (1,), generator=self.generator, device=self.device))):
            loss = flow_loss(self.net.train(), pictures, layout, noise, times)  # dropout draws inside
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), self.config.clip)
        self.optimiser.step()
        self.seen += len(pictures)
        self.recent.append(loss.item())

    def save(self, path: Path) -> None:
        """Write everything that is needed to go on."""
        content = {
            "net": self.net.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "generator": self.generator.get_state(),
            "device": self.device.type,
            "seen": self.seen,
        }
        with atomic_files.atomic(path) as temporary:
            torch.save(content, temporary)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint, perhaps of another device (whose random state then starts anew)."""
        kept = torch.load(path, map_location=self.device, weights_only=True)
        self.net.load_state_dict(kept["net"])
        self.optimiser.load_state_dict(kept["optimiser"])
        if kept["device"] == self.device.type:
            self.generator.set_state(kept["generator"].cpu())
        else:
            self.generator.manual_seed(kept["seen"])
        self.seen = kept["seen"]
