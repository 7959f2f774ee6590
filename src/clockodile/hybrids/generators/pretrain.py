"""The long training of the shipped flow: all of CIFAR-100 with its labels, for days if need be.

    python -m clockodile.hybrids.generators.pretrain --pictures 10000000
    python -m clockodile.hybrids.generators.pretrain --finish 150000

It may be killed at any moment: the same command goes on from the last checkpoint in the user's cache folder, on
whatever device there is. Where there is no checkpoint, `--begin` names weights to go on from, for instance the
package's own. `--finish` makes from it what is shipped: so many more pictures, most of them of the two
classes asked for in the end, while the learning rate falls to nothing. The long training can go on afterwards from
where it was.
"""

import argparse
import signal
import time
from pathlib import Path

import numpy as np
import torch

from clockodile.core import store
from clockodile.core.workspace import cache_dir, open_run, pick_device
from clockodile.data.cifar import cifar100_by_class
from clockodile.data.dataset import load_dataset
from clockodile.hybrids.generators.flow_of_run import SEEN, SIDE, flow_net, image_hashes, known_photographs
from clockodile.hybrids.generators.flow_training import FlowConfig, Photographs, Training
from clockodile.hybrids.generators.unet import UNet

KEEP_EVERY = 240  # seconds between checkpoints


def training_photographs(device: torch.device) -> tuple[Photographs, dict]:
    """CIFAR-100's classes, of clocks and crocodiles only the folds but one.

    Also the record of what was learned from ("classes", "known", "seen").
    """
    run = open_run(profile="full")
    known = known_photographs(load_dataset(run))
    images, names = cifar100_by_class(run, without=known.classes)
    images = np.concatenate([known.images, images])
    names = np.concatenate([np.array(known.classes)[known.labels], names])
    every, labels = np.unique(names, return_inverse=True)
    record = {
        "classes": every.tolist(),
        "known": store.fingerprint(known.images, known.labels),
        "seen": torch.from_numpy(image_hashes(images)),
    }
    focus = tuple(record["classes"].index(name) for name in known.classes)
    return Photographs(images, labels, focus, device), record


def export(path: Path, net: UNet, seen: int, record: dict) -> None:
    """Write a net in half precision, as `flow_of_run.fit_flow` finds it in the package."""
    state = {name: part.cpu().half() for name, part in net.state_dict().items()} | {SEEN: record["seen"]}
    about = {"config": {"net": "flow", "known": record["known"]}, "seconds": 0.0}
    metrics = {"classes": record["classes"], "image_size": SIDE, "pictures": seen}
    store.write_weights(path, state, about | {"metrics": metrics})


def main() -> None:
    """Train until enough pictures were seen, or until stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=FlowConfig.pictures, help="seen in all")
    parser.add_argument("--finish", type=int, default=0, help="pictures of the last part instead")
    parser.add_argument("--batch", type=int, default=FlowConfig.batch, help="pictures a step")
    parser.add_argument("--begin", type=Path, help="weights to begin with when there is no checkpoint")
    parser.add_argument("--dir", type=Path, default=cache_dir() / "flow", help="where checkpoints lie")
    asked = parser.parse_args()
    device = pick_device()
    photographs, record = training_photographs(device)
    torch.manual_seed(0)
    config = FlowConfig(pictures=asked.pictures, batch=asked.batch)
    training = Training(UNet(classes=len(record["classes"])), config, device)
    long = asked.dir / "checkpoint.pt"
    checkpoint = asked.dir / "finish.pt" if asked.finish else long
    asked.dir.mkdir(parents=True, exist_ok=True)
    for path in (checkpoint, long):
        if path.is_file():
            training.load(path)
            break
    else:
        if asked.begin:
            weights = store.read_checkpoint(asked.begin, "given")
            training.net.load_state_dict(flow_net(weights).state_dict())
            training.seen = weights.metrics["pictures"]
    if asked.finish:
        begun = torch.load(long, map_location="cpu", weights_only=True)["seen"]
        rate, end = 1e-3, begun + asked.finish
        training.config = FlowConfig(end, asked.batch, rate, warm_up=1, finish=asked.finish, focus=0.7)
    stopped = []
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stopped.append(True))
    print(f"{device}, {len(photographs.images)} photographs, {training.seen} seen so far", flush=True)
    kept = time.monotonic()
    while training.seen < training.config.pictures and not stopped:
        training.step(photographs)
        if time.monotonic() - kept > KEEP_EVERY:
            print(f"{training.seen} seen, loss {np.mean(training.recent):.5f}", flush=True)
            training.recent.clear()
            training.save(checkpoint)
            kept = time.monotonic()
    training.save(checkpoint)
    export(asked.dir / "flow.safetensors", training.net, training.seen, record)


if __name__ == "__main__":
    main()
