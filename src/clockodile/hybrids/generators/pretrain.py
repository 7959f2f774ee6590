"""The long training of the shipped flow: all of CIFAR-100 with its labels, for days if need be.

    python -m clockodile.hybrids.generators.pretrain --pictures 10000000
    python -m clockodile.hybrids.generators.pretrain --finish 150000

It may be killed at any moment: the same command goes on from the last checkpoint in the user's cache folder, on
whatever device there is. Sample sheets and a log of held-out losses lie beside the checkpoint. `--finish` makes from it
what is shipped: so many more pictures, most of them of the two classes asked for in the end, while the learning rate
falls to nothing. The long training can go on afterwards from where it was.
"""

from __future__ import annotations

import argparse
import json
import signal
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from clockodile.core import store
from clockodile.core.workspace import cache_dir, open_run, pick_device
from clockodile.data.auxiliary import cifar100_by_class
from clockodile.data.dataset import as_images, as_tensor, load_dataset
from clockodile.hybrids.generators.flow import flow_loss
from clockodile.hybrids.generators.flow_of_run import HELD_OUT, SEEN, Flow, image_hashes
from clockodile.hybrids.generators.flow_training import FlowConfig, Photographs, Training, random_times
from clockodile.hybrids.generators.unet import Layout, UNet

SHEET = 10  # pictures a line of a sample sheet


def training_photographs(device: torch.device) -> tuple[Photographs, dict, dict[str, torch.Tensor]]:
    """CIFAR-100's classes, of clocks and crocodiles only the folds but one; and pictures to measure the loss on.

    Returns the photographs, the record of what was learned from ("classes", "known", "seen"), and "held out" and
    "learned", each float32 (M, 3, 32, 32) in [-1, 1] with labels behind "... labels".
    """
    train = load_dataset(open_run(profile="full")).part("train")
    images, names = cifar100_by_class(open_run(), without=train.classes)
    every = sorted({*names, *train.classes})
    number = {name: place for place, name in enumerate(every)}
    own = np.array([number[train.classes[label]] for label in train.labels])
    known = train.fold != HELD_OUT
    images = np.concatenate([train.images[known], images])
    labels = np.concatenate([own[known], [number[name] for name in names]])
    held = np.flatnonzero(~known)
    learned = np.flatnonzero(known)[:: max(1, known.sum() // len(held))][: len(held)]
    measured = {}
    for name, chosen in (("held out", held), ("learned", learned)):
        measured[name] = (as_tensor(train.images[chosen]) * 2 - 1).to(device)
        measured[name + " labels"] = torch.from_numpy(own[chosen]).to(device)
    record = {
        "classes": every,
        "known": store.fingerprint(train.images[known], train.labels[known]),
        "seen": torch.from_numpy(image_hashes(images)),
    }
    focus = tuple(number[name] for name in train.classes)
    return Photographs(images, labels, focus, device), record, measured


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
            total.append(flow_loss(net, pictures, Layout(labels[:, None]), noise, time).item())
        losses[name] = round(float(np.mean(total)), 5)
    return losses


def sheet(net: UNet, focus: tuple[int, int], classes: int) -> Image.Image:
    """Lines of pictures: each focus class, other classes, and each focus class with the other set into it."""
    flow, back = Flow(net, ("",) * classes, focus, 32), Flow(net, ("",) * classes, focus[::-1], 32)
    seeds = [range(line * SHEET, (line + 1) * SHEET) for line in range(5)]
    others = torch.arange(classes)[:: classes // SHEET][:SHEET, None]
    lines = [flow.one(label, seeds[line]) for line, label in enumerate(focus)]
    lines.append(flow.sample([Layout(others)], [2.0], seeds[2][: len(others)]))
    lines += [flow.placed(seeds[3]), back.placed(seeds[4])]
    wide = np.concatenate([np.concatenate(list(as_images(line)), 1) for line in lines], 0)
    return Image.fromarray(wide).resize((wide.shape[1] * 3, wide.shape[0] * 3), Image.NEAREST)


def export(path: Path, net: UNet, seen: int, record: dict) -> None:
    """Write a net in half precision, as `flow_of_run.fit_flow` finds it in the package."""
    state = {name: part.cpu().half() for name, part in net.state_dict().items()} | {SEEN: record["seen"]}
    about = {"config": {"net": "flow", "known": record["known"]}, "seconds": 0.0}
    metrics = {"classes": record["classes"], "image_size": 32, "pictures": seen}
    store.write_weights(path, state, about | {"metrics": metrics})


def main() -> None:
    """Train until enough pictures were seen, or until stopped."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=FlowConfig.pictures, help="seen in all")
    parser.add_argument("--finish", type=int, default=0, help="pictures of the last part instead")
    parser.add_argument("--batch", type=int, default=FlowConfig.batch, help="pictures a step")
    parser.add_argument("--keep-every", type=float, default=240, help="seconds between checkpoints")
    parser.add_argument("--look-every", type=int, default=100_000, help="pictures between sample sheets")
    parser.add_argument(
        "--dir", type=Path, default=cache_dir() / "flow", help="where checkpoint, log and sheets lie"
    )
    asked = parser.parse_args()
    device = pick_device()
    photographs, record, measured = training_photographs(device)
    classes, focus = len(record["classes"]), tuple(photographs.focus.tolist())
    torch.manual_seed(0)
    config = FlowConfig(pictures=asked.pictures, batch=asked.batch)
    training = Training(UNet(classes=classes), config, device)
    long = asked.dir / "checkpoint.pt"
    checkpoint = asked.dir / "finish.pt" if asked.finish else long
    asked.dir.mkdir(parents=True, exist_ok=True)
    if checkpoint.is_file():
        training.load(checkpoint)
    elif long.is_file():
        training.load(long)
    if asked.finish:
        begun = torch.load(long, map_location="cpu", weights_only=True)["seen"]
        rate, end = 1e-3, begun + asked.finish
        training.config = FlowConfig(end, asked.batch, rate, warm_up=1, finish=asked.finish, focus=0.7)
    stopped = []
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stopped.append(True))
    print(f"{device}, {len(photographs.images)} photographs, {training.seen} seen so far", flush=True)
    kept = started = time.monotonic()
    start = training.seen
    while training.seen < training.config.pictures and not stopped:
        training.step(photographs)
        if training.seen // asked.look_every > (training.seen - asked.batch) // asked.look_every:
            net = training.net.eval()
            row = {
                "seen": training.seen,
                "loss": round(float(np.mean(training.recent)), 5),
                **held_out_losses(net, measured),
                "a second": round((training.seen - start) / (time.monotonic() - started), 1),
            }
            training.recent.clear()
            print(row, flush=True)
            with open(asked.dir / "log.jsonl", "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            sheet(net, focus, classes).save(asked.dir / f"sheet-{training.seen // 1000:06d}k.png")
        if time.monotonic() - kept > asked.keep_every:
            training.save(checkpoint)
            kept = time.monotonic()
    training.save(checkpoint)
    export(asked.dir / "flow.safetensors", training.net, training.seen, record)


if __name__ == "__main__":
    main()
