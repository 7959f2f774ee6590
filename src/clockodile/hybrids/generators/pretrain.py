"""The long training of the shipped flow: all of CIFAR-100 with its labels, for days if need be.

    python -m clockodile.hybrids.generators.pretrain --pictures 10000000

It may be killed at any moment: the same command goes on from the last checkpoint in the user's cache folder, on
whatever device there is; where there is none, from the averaged weights that come with the package. Sample sheets and
a log of held-out losses lie beside the checkpoint.
"""

from __future__ import annotations

import argparse
import json
import signal
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from clockodile.core import atomic_files, store
from clockodile.core.workspace import cache_dir, open_run, pick_device
from clockodile.data.auxiliary import cifar100_by_class
from clockodile.data.dataset import as_images, as_tensor, load_dataset
from clockodile.hybrids.generators.composites import frame_coords, pasted, single
from clockodile.hybrids.generators.flow import flow_loss
from clockodile.hybrids.generators.layout_unet import Layout, UNet, plain_coords
from clockodile.hybrids.generators.sampling import adams_bashforth2, noise_of
from clockodile.learn.muon import MuonWithAdamW
from clockodile.learn.training import fast_bfloat16

HELD_OUT = 0  # the fold that no generator sees: it tells copies from inventions and measures realism
SPANS = (0.05, 0.15)  # relative widths of the two averages of the weights (Karras et al., 2024)
SHEET = 10  # pictures a line of a sample sheet
SHIPPED = "flow_all_classes.safetensors"  # averaged weights of the long training so far


@dataclass(frozen=True)
class PretrainConfig:
    """How the long training goes. Lengths are in pictures, so that another batch size means the same."""

    pictures: int = 10_000_000  # seen in all
    batch: int = 64  # pictures a step
    learning_rate: float = 2e-3  # the highest, for Muon and AdamW
    warm_up: int = 50_000  # pictures in which it rises
    steady: int = 1_500_000  # pictures after which it falls with the inverse square root of what was seen
    weight_decay: float = 0.01  # share of every weight taken away a step, times the learning rate
    focus: float = 0.2  # share of photographs that are of the two classes in the end asked for
    pasted: float = 0.25  # share of steps whose pictures are composites
    p_uncond: float = 0.1  # share of labels replaced by the null class
    clip: float = 1.0  # largest norm of a gradient


@dataclass
class Photographs:
    """What is learned from, on the training device."""

    images: torch.Tensor  # uint8 (N, 3, 32, 32)
    labels: torch.Tensor  # int64 (N,) 0..99, alphabetical as in CIFAR-100
    focus: tuple[int, ...]  # the classes that are asked for in the end
    rows: list[torch.Tensor]  # row numbers of each class

    def draw(self, count: int, share: float, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Random photographs, `share` of them of the focus classes, all classes alike among themselves.

        Returns float32 (count, 3, 32, 32) in [-1, 1] and int64 (count,).
        """
        device = generator.device
        pick = lambda n: torch.randint(n, (count,), generator=generator, device=device)  # noqa: E731
        focused = torch.rand(count, generator=generator, device=device) < share
        classes = torch.where(
            focused, torch.tensor(self.focus, device=device)[pick(len(self.focus))], pick(len(self.rows))
        )
        place = torch.rand(count, generator=generator, device=device)
        starts, counts = self.bounds
        chosen = self.order[starts[classes] + (place * counts[classes]).long()]
        return self.images[chosen].float() / 127.5 - 1, self.labels[chosen]

    def __post_init__(self):
        self.order = torch.cat(self.rows)
        counts = torch.tensor([len(rows) for rows in self.rows], device=self.images.device)
        self.bounds = counts.cumsum(0) - counts, counts


def training_photographs(device: torch.device) -> tuple[Photographs, dict[str, torch.Tensor]]:
    """CIFAR-100's classes, of clocks and crocodiles only the folds but one; and pictures to measure the loss on.

    The latter: "held out" and "learned", each float32 (M, 3, 32, 32) in [-1, 1] with labels behind "... labels".
    """
    train = load_dataset(open_run(profile="full")).part("train")
    images, names = cifar100_by_class(open_run(), without=train.classes)
    every = sorted({*names, *train.classes})
    number = {name: place for place, name in enumerate(every)}
    own = np.array([number[train.classes[label]] for label in train.labels])
    known = train.fold != HELD_OUT
    images = np.concatenate([train.images[known], images])
    labels = torch.from_numpy(np.concatenate([own[known], [number[name] for name in names]])).to(device)
    rows = [torch.nonzero(labels == label)[:, 0] for label in range(len(every))]
    focus = tuple(number[name] for name in train.classes)
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous().to(device)
    held = np.flatnonzero(~known)
    learned = np.flatnonzero(known)[:: max(1, known.sum() // len(held))][: len(held)]
    measured = {}
    for name, chosen in (("held out", held), ("learned", learned)):
        measured[name] = (as_tensor(train.images[chosen]) * 2 - 1).to(device)
        measured[name + " labels"] = torch.from_numpy(own[chosen]).to(device)
    return Photographs(pixels, labels, focus, rows), measured


def velocity_loss(
    net: nn.Module, pictures: torch.Tensor, layout: Layout, noise: torch.Tensor, time: torch.Tensor
):
    """`flow_loss` in 16 bits where that is fast.

    pictures, noise: (N, 3, S, S), pictures in [-1, 1]; time: (N,) in [0, 1].
    """
    with torch.autocast(pictures.device.type, torch.bfloat16, enabled=fast_bfloat16(pictures.device)):
        return flow_loss(net, pictures, layout, noise, time)


def random_times(count: int, generator: torch.Generator) -> torch.Tensor:
    """Logit-normal (Esser et al., 2024): most where it is decided what a picture shows."""
    return torch.randn(count, generator=generator, device=generator.device).sigmoid()


@cache
def power_of(span: float) -> float:
    """The exponent by which an average always reaches back over the share `span` of all steps.

    Power-function averages of Karras et al. (2024), equation 5: their length grows with training.
    """
    roots = np.roots([1, 7, 16 - span**-2, 12 - span**-2])
    return float(max(root.real for root in roots if abs(root.imag) < 1e-9))


def power_decay(step: int, span: float) -> float:
    """How much of an average with this relative width is kept at a step, 0, 1, ..."""
    return (1 - 1 / (step + 1)) ** (power_of(span) + 1)


class Training:
    """Net, averages, optimiser and random state: all that a checkpoint holds."""

    def __init__(self, config: PretrainConfig, classes: int, device: torch.device):
        torch.manual_seed(0)
        self.config, self.device = config, device
        self.net = UNet(classes=classes).to(device, memory_format=torch.channels_last)
        self.averages = {span: [part.detach().clone() for part in self.net.parameters()] for span in SPANS}
        self.optimiser = MuonWithAdamW(
            self.net,
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            outer=("embed", "conv_in", "conv_out"),
        )
        self.generator = torch.Generator(device).manual_seed(0)
        self.seen, self.steps, self.recent = 0, 0, []

    def learning_rate(self) -> float:
        """Up, level, then down with the inverse square root of the pictures seen."""
        config = self.config
        rise = min(1.0, (self.seen + config.batch) / config.warm_up)
        return config.learning_rate * rise / max(1.0, self.seen / config.steady) ** 0.5

    def batch(self, photographs: Photographs) -> tuple[torch.Tensor, Layout]:
        """Pictures of one step, every fourth time composites; some labels are withheld."""
        config, draw = self.config, self.generator
        if torch.rand(1, generator=draw, device=self.device).item() < config.pasted:
            below, below_labels = photographs.draw(config.batch, 0.5, draw)
            above, above_labels = photographs.draw(config.batch, 0.5, draw)
            pictures, layout = pasted(below, above, below_labels, above_labels, draw)
        else:
            pictures, layout = single(*photographs.draw(config.batch, config.focus, draw), draw)
        withheld = torch.rand(layout.labels.shape, generator=draw, device=self.device) < config.p_uncond
        labels = torch.where(withheld, self.net.null_class, layout.labels)
        return pictures, Layout(labels, layout.masks, layout.coords)

    def step(self, photographs: Photographs) -> None:
        """One step of AdamW, and of the averages."""
        pictures, layout = self.batch(photographs)
        self.optimiser.set_lr(self.learning_rate())
        noise = torch.randn(pictures.shape, generator=self.generator, device=self.device)
        loss = velocity_loss(
            self.net.train(), pictures, layout, noise, random_times(len(pictures), self.generator)
        )
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), self.config.clip)
        self.optimiser.step()
        now = [part.detach() for part in self.net.parameters()]
        for span, mean in self.averages.items():
            torch._foreach_lerp_(mean, now, 1 - power_decay(self.steps, span))
        self.steps, self.seen = self.steps + 1, self.seen + len(pictures)
        self.recent.append(loss.item())

    def averaged(self, span: float) -> UNet:
        """A copy of the net with averaged weights, in evaluation mode."""
        net = UNet(classes=self.net.null_class)
        net.load_state_dict(dict(zip(net.state_dict(), self.averages[span], strict=True)))
        return net.to(self.device, memory_format=torch.channels_last).eval()

    def save(self, path: Path) -> None:
        """Write everything that is needed to go on."""
        content = {
            "net": self.net.state_dict(),
            "averages": {str(span): mean for span, mean in self.averages.items()},
            "optimiser": self.optimiser.state_dict(),
            "generator": self.generator.get_state(),
            "device": self.device.type,
            "seen": self.seen,
            "steps": self.steps,
        }
        with atomic_files.atomic(path) as temporary:
            torch.save(content, temporary)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint, perhaps of another device (whose random state then starts anew)."""
        kept = torch.load(path, map_location=self.device, weights_only=True)
        self.net.load_state_dict(kept["net"])
        self.averages = {span: kept["averages"][str(span)] for span in SPANS}
        self.optimiser.load_state_dict(kept["optimiser"])
        if kept["device"] == self.device.type:
            self.generator.set_state(kept["generator"].cpu())
        else:
            self.generator.manual_seed(kept["seen"])
        self.seen, self.steps = kept["seen"], kept["steps"]

    def export(self, path: Path) -> None:
        """Write the longer average in half precision, and how many pictures it has seen."""
        state = self.averaged(SPANS[1]).state_dict()
        store.write_weights(path, {name: part.half() for name, part in state.items()}, {"seen": self.seen})

    def start_from(self, path: Path) -> None:
        """Go on from exported weights: net and averages as they are there, a new optimiser. Raises UserError."""
        record, state = store.read_weights(path)
        with torch.no_grad():  # into the same memory, which the optimiser holds
            for name, part in self.net.named_parameters():
                part.copy_(state[name])
        self.averages = {span: [part.detach().clone() for part in self.net.parameters()] for span in SPANS}
        self.seen, self.steps = record["seen"], record["seen"] // self.config.batch


@torch.no_grad()
def held_out_losses(net: UNet, measured: dict[str, torch.Tensor]) -> dict[str, float]:
    """Loss on photographs that were learned and on some that were not, from the same noise each time."""
    losses = {}
    for name in ("held out", "learned"):
        pictures, labels = measured[name], measured[name + " labels"]
        draw = torch.Generator(pictures.device).manual_seed(1)
        total = []
        for _ in range(4):
            noise = torch.randn(pictures.shape, generator=draw, device=pictures.device)
            time = random_times(len(pictures), draw)
            total.append(velocity_loss(net, pictures, Layout(labels[:, None]), noise, time).item())
        losses[name] = round(float(np.mean(total)), 5)
    return losses


@torch.no_grad()
def sheet(net: UNet, focus: tuple[int, ...], *, guidance: float = 2.0, steps: int = 24) -> Image.Image:
    """Lines of pictures: each focus class, other classes, and the second focus class with the first set into it."""
    device, size = next(net.parameters()).device, 32
    others = [label for label in range(net.null_class) if label not in focus][:: net.null_class // SHEET][
        :SHEET
    ]
    lines = [([label] * SHEET, None) for label in focus] + [(others, None)]
    lines += [([focus[1]] * SHEET, focus[0]), ([focus[0]] * SHEET, focus[1])]
    pictures = []
    for place, (labels, above) in enumerate(lines):
        chosen = torch.tensor(labels, device=device)
        masks = coords = None
        regions = [chosen]
        if above is not None:
            plain = plain_coords(SHEET, size, device=device)
            scale = torch.full((SHEET,), 0.55, device=device)
            inside = frame_coords(size, scale, 0 * scale, 0.4 + 0 * scale, 0.4 + 0 * scale)
            mask = (inside.square().sum(1, keepdim=True) < 0.9).float()
            masks, coords = torch.cat([1 - mask, mask], 1), torch.where(mask > 0, inside, plain)
            regions.append(torch.full_like(chosen, above))
        layout = Layout(torch.stack(regions, 1), masks, coords)
        free = Layout(torch.full_like(layout.labels, net.null_class), masks, coords)

        def velocity(x, time, layout=layout, free=free):
            t = torch.full((len(x),), time, device=device)
            with torch.autocast(device.type, torch.bfloat16, enabled=fast_bfloat16(device)):
                asked, base = net(x, t, layout).float(), net(x, t, free).float()
            return base + guidance * (asked - base)

        noise = noise_of(range(place * SHEET, (place + 1) * SHEET), size).to(device)
        pictures.append(as_images((adams_bashforth2(velocity, noise, steps=steps) + 1) / 2))
    wide = np.concatenate([np.concatenate(list(line), 1) for line in pictures], 0)
    return Image.fromarray(wide).resize((wide.shape[1] * 3, wide.shape[0] * 3), Image.NEAREST)


def main() -> None:
    """Train until enough pictures were seen, or until stopped."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--pictures", type=int, default=PretrainConfig.pictures, help="seen in all, earlier ones included"
    )
    parser.add_argument("--batch", type=int, default=PretrainConfig.batch, help="pictures a step")
    parser.add_argument("--keep-every", type=float, default=240, help="seconds between checkpoints")
    parser.add_argument("--look-every", type=int, default=100_000, help="pictures between sample sheets")
    parser.add_argument(
        "--dir", type=Path, default=cache_dir() / "flow", help="where checkpoint, log and sheets lie"
    )
    asked = parser.parse_args()
    device = pick_device()
    config = PretrainConfig(pictures=asked.pictures, batch=asked.batch)
    photographs, measured = training_photographs(device)
    training = Training(config, len(photographs.rows), device)
    checkpoint, log = asked.dir / "checkpoint.pt", asked.dir / "log.jsonl"
    asked.dir.mkdir(parents=True, exist_ok=True)
    if checkpoint.is_file():
        training.load(checkpoint)
    elif (shipped := store.shipped_weights() / SHIPPED).is_file():
        training.start_from(shipped)
    stopped = []
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stopped.append(True))
    print(
        f"{device}, {len(photographs.images)} photographs, {training.seen} pictures seen so far", flush=True
    )
    kept = started = time.monotonic()
    start = training.seen
    while training.seen < config.pictures and not stopped:
        training.step(photographs)
        if training.seen // asked.look_every > (training.seen - config.batch) // asked.look_every:
            net = training.averaged(SPANS[1])
            row = {
                "seen": training.seen,
                "loss": round(float(np.mean(training.recent)), 5),
                **held_out_losses(net, measured),
                "a second": round((training.seen - start) / (time.monotonic() - started), 1),
            }
            training.recent.clear()
            print(row, flush=True)
            with open(log, "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            training.export(asked.dir / SHIPPED)
            sheet(net, photographs.focus).save(asked.dir / f"sheet-{training.seen // 1000:06d}k.png")
        if time.monotonic() - kept > asked.keep_every:
            training.save(checkpoint)
            kept = time.monotonic()
    training.save(checkpoint)


if __name__ == "__main__":
    main()
