"""The flow on the data of a run: trained on four folds of five, kept, and shipped for the clocks and crocodiles."""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch

from clockodile.ambiguous.background import background_pictures
from clockodile.core import store
from clockodile.core.download import SourceUnavailable
from clockodile.core.recipes import Profile
from clockodile.core.workspace import Run
from clockodile.data.auxiliary import cifar10_photographs
from clockodile.data.dataset import Dataset, as_images, as_tensor
from clockodile.hybrids.generators.flow import FlowConfig, train_flow
from clockodile.hybrids.generators.sampling import sample
from clockodile.hybrids.generators.unet import UNet, learn_classes

LOG = logging.getLogger("clockodile").info
NAME, SHEETS_FILE = "generators/flow", "generators/flow_sheets.npz"  # the latter until training has ended
DRAWN, SEEN = "drawn", "seen"  # beside the weights: pictures drawn on the way, marks of known photographs
HELD_OUT = 0  # the fold that no generator sees: it tells copies from inventions and measures realism
ENOUGH_OF_A_KIND = 5  # pictures of other things that are learned as a kind of their own
SHEETS = 5  # pictures of each class drawn while training, always from the same noise
MEANS = 20  # that are kept of a training's losses, more of a long one
FORGOTTEN = 7 * 24 * 3600  # seconds after which a checkpoint of a killed training is not waited for any more
LOOKS = 8  # times that each training is looked at and kept on the way


@dataclass(frozen=True)
class TrainingSet:
    """What a generator may learn from."""

    images: torch.Tensor  # float32 (N, 3, S, S) in [0, 1]: known photographs, then other things
    labels: torch.Tensor  # int64 (N,), C for other things
    kind: torch.Tensor  # int64 (N,) 0..K-1 which kind of other things; 0 for photographs of a class
    known: np.ndarray  # bool (M,) which photographs of the data set those are

    @property
    def kinds(self) -> int:
        """How many kinds of other things, at least 1."""
        return int(self.kind.max()) + 1

    @property
    def key(self) -> str:
        """Changes with any picture, label or kind."""
        return store.fingerprint(as_images(self.images), (self.labels + self.kind).numpy())


def training_set_of(data: Dataset, *, seed: int) -> TrainingSet:
    """The labelled photographs outside the held-out fold, and pictures of neither. data: all splits."""
    train, background = data.part("train"), background_pictures(data, seed=seed)
    known = train.fold != HELD_OUT
    free = (background.origin < 0) | known[background.origin]  # no pieces of photographs that are held out
    images = np.concatenate([train.images[known], background.images[free]])
    labels = np.concatenate([train.labels[known], np.full(free.sum(), len(data.classes))])
    kind = np.concatenate([np.zeros(known.sum(), np.int64), numbered_kinds(background.kinds[free])])
    return TrainingSet(as_tensor(images), torch.from_numpy(labels), torch.from_numpy(kind), known)


def numbered_kinds(names: np.ndarray) -> np.ndarray:
    """A number for each name, 0..K-1, int64 (M,); what there are fewer than ENOUGH_OF_A_KIND of shares one number."""
    _, which, counts = np.unique(names, return_inverse=True, return_counts=True)
    few = counts < ENOUGH_OF_A_KIND
    number = np.where(few, (~few).sum(), np.cumsum(~few) - 1)
    return number[which].astype(np.int64)


def auxiliary_photographs(run: Run, data: Dataset) -> np.ndarray:
    """Photographs of anything to learn from beside the run's own, uint8 (N, S, S, 3); none where they cannot be had.

    Drawings get none either: photographs would only teach how drawings do not look.
    """
    size = data.images.shape[1]
    if not data.stamp:
        try:
            return cifar10_photographs(run, size=size)
        except SourceUnavailable as reason:
            LOG(f"no photographs of anything to learn from: {reason}")
    return np.zeros((0, size, size, 3), np.uint8)


def configs_of(profile: Profile, *, finetune: bool) -> tuple[FlowConfig, ...]:
    """How a flow is trained, one training after the other; finetune: from the package's flow, for other photographs."""
    steps = profile.finetune_steps if finetune else profile.flow_steps
    # of few steps the average must be short, or it remembers the start
    usual = FlowConfig(steps, batch=profile.flow_batch, ema_decay=min(0.999, 1 - 2.4 / max(steps, 3)))
    if finetune:  # a net as wide as the shipped one; the fewer steps, the faster new labels have to catch up
        return (replace(usual, label_lr_factor=min(40.0, 12_000 / steps)),)
    usual = replace(usual, widths=profile.flow_widths, depth=profile.flow_depth)
    return (usual, *[replace(usual, wide=0.8)] * (profile.flow_trainings - 1))


def package_flow(photographs: np.ndarray, classes: tuple[str, ...]) -> UNet | None:
    """A flow that knows how pictures look; the C `classes` are still to be learned and as yet mean "anything".

    It was trained on photographs of anything beside clocks and crocodiles. photographs: all of a run, uint8
    (N, S, S, 3). None when one of them is a clock or crocodile that it has seen, for that could be held out here; when
    one may be, which at another size only the name of a class can tell; or when it is not there.
    """
    found = store.load_shipped(NAME, {"net": "flow"})
    if found is None or np.isin(image_hashes(photographs), found.state[SEEN].numpy()).any():
        return None
    same_size = photographs.shape[1] == found.metrics["image_size"]
    if not same_size and set(classes) & set(found.metrics["classes"]):
        return None
    return learn_classes(flow_from(found), len(classes))


def image_hashes(photographs: np.ndarray) -> np.ndarray:
    """A number for each photograph, int64 (N,), shared only by its copies of the same size, uint8 (N, S, S, 3)."""
    marks = [hashlib.blake2b(photograph.tobytes(), digest_size=8).digest() for photograph in photographs]
    return np.frombuffer(bytearray(b"".join(marks)), np.int64)


def fit_flow(run: Run, data: Dataset, *, retrain: bool = False) -> tuple[UNet, store.Checkpoint]:
    """The trained flow: from the run folder, else from the package, else trained now (resumable).

    Where the package's flow has seen none of the pictures, training goes on from it; elsewhere it starts from nothing.
    data: all splits. Returns the net in evaluation mode and its record, whose metrics hold "losses" (means of equally
    many steps) and "beside" (how many photographs of anything were learned from); for what it drew on the way see
    `sheets_of`.
    """
    train, background, classes = data.part("train"), data.part("background"), len(data.classes)
    known = train.fold != HELD_OUT
    config = {
        "net": "flow",
        "seed": run.seed,
        "known": store.fingerprint(train.images[known], train.labels[known]),
    }
    start = package_flow(train.images, data.classes)
    plans = configs_of(run.profile, finetune=start is not None)
    made_with = {
        "plans": [asdict(plan) for plan in plans],
        "start": "package" if start else "nothing",
        # all that other things come from beside the photographs; a key of the material itself would take a second
        "others": store.fingerprint(background.images, background.labels),
    }
    size, places = train.images.shape[1], []

    def fit() -> tuple[dict, dict]:
        training_set = training_set_of(data, seed=run.seed)
        beside = auxiliary_photographs(run, data) if any(plan.wide for plan in plans) else train.images[:0]
        images = torch.cat([training_set.images, as_tensor(beside)])
        labels = torch.cat([training_set.labels, torch.full((len(beside),), classes + 1)])
        learned = {
            "material": training_set.key,
            "beside": store.fingerprint(beside, np.zeros(len(beside))),
        }
        now = config | made_with | learned
        kept = store.load_cached(run.dir, SHEETS_FILE, now) or {"steps": np.array([], int), "images": []}
        sheets = dict(zip(kept["steps"].tolist(), kept["images"], strict=True))
        net, losses = start, []

        def watch(step: int, latest: list[float], net: UNet) -> None:
            sheets[len(losses) + step] = draw_sheet(net, run.recipe.pair, size)
            arrays = {"steps": np.array(list(sheets)), "images": np.stack(list(sheets.values()))}
            store.save(run.dir, SHEETS_FILE, arrays, now)

        for number, plan in enumerate(plans):
            places.append(run.dir / f"{NAME}-{store.key_of(now)}-{number}.checkpoint")
            net, latest = train_flow(
                images,
                labels,
                plan,
                classes=classes,
                seed=run.seed + number,
                start=net,
                checkpoint=places[-1],
                every=-(-plan.steps // LOOKS),
                after=watch,
            )
            losses += latest
        if len(losses) not in sheets:  # trained to the end, but another training's sheets were kept since
            sheets[len(losses)] = draw_sheet(net, run.recipe.pair, size)
        beyond = {
            DRAWN: torch.from_numpy(np.stack(list(sheets.values()))),
            SEEN: torch.from_numpy(image_hashes(train.images[known])),
        }
        return {name: part.half() for name, part in net.state_dict().items()} | beyond, {
            "losses": means_of(losses),
            "drawn_after": list(sheets),
            "beside": len(beside),
            "classes": list(data.classes),
            "pair": list(run.recipe.pair),
            "image_size": int(size),
        }

    fitted = store.fit_or_load(
        NAME,
        config | made_with,
        data.fingerprint,
        fit,
        run_dir=run.dir,
        retrain=retrain,
        accept_shipped_if=config,
    )
    for place in run.dir.glob(f"{NAME}-*.checkpoint"):  # not before the weights are stored
        if place in places or time.time() - place.stat().st_mtime > FORGOTTEN:
            place.unlink(missing_ok=True)
    store.invalidate(run.dir, SHEETS_FILE)
    return flow_from(fitted), fitted


def means_of(losses: list[float]) -> list[float]:
    """Means of equally many steps, at most about a hundred, in their order; of a short training still MEANS of them."""
    parts = min(len(losses), max(MEANS, len(losses) // 100))
    return [float(part.mean()) for part in np.array_split(losses, parts)]


def draw_sheet(net: UNet, pair: tuple[int, int], size: int) -> np.ndarray:
    """A line of pictures of each class of a pair, always from the same noise: uint8 (2, SHEETS, S, S, 3)."""
    lines = [sample(net, {label: 1.0}, range(SHEETS), size=size) for label in pair]
    return np.stack([as_images(line) for line in lines])


def flow_from(fitted: store.Checkpoint) -> UNet:
    """The net in a stored file, in evaluation mode."""
    plan = fitted.config["plans"][0]
    net = UNet(classes=len(fitted.metrics["classes"]), widths=tuple(plan["widths"]), depth=plan["depth"])
    net.load_state_dict(
        {name: part.float() for name, part in fitted.state.items() if name not in (DRAWN, SEEN)}
    )
    return net.eval()


def sheets_of(fitted: store.Checkpoint) -> dict[int, np.ndarray]:
    """What a flow drew on its way: after how many steps -> uint8 (2, SHEETS, S, S, 3), a line a class of the pair."""
    return dict(zip(fitted.metrics["drawn_after"], fitted.state[DRAWN].numpy(), strict=True))
