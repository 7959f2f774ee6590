"""The flow on the data of a run: trained on four folds of five, kept, and shipped for the clocks and crocodiles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch

from clockodile import artifacts
from clockodile.ambiguous.neither import pictures_of_neither
from clockodile.data.dataset import Dataset, as_images, as_tensor
from clockodile.hybrids.flow import FlowPlan, train_flow
from clockodile.hybrids.sampling import sample
from clockodile.hybrids.unet import UNet
from clockodile.workspace import Run

VERSION = 1  # raise it when net or training change their meaning: kept weights are then trained anew
NAME, SHEETS_FILE = "generators/flow", "generators/flow_sheets.npz"
HELD_OUT = (
    0  # the fold that no generator sees: copies are told from inventions by it, and realism is measured on it
)
ENOUGH_OF_A_KIND = 5  # pictures of other things that are learned as a kind of their own
SHEETS = 8  # pictures of each class drawn while training, always from the same noise
LOOKS = 20  # times that training is looked at and kept on the way
PLANS = {  # by profile
    "quick": FlowPlan(steps=500, batch=32, widths=(48, 96), depth=1, averaging=0.99),
    "full": FlowPlan(steps=2400),
}


@dataclass(frozen=True)
class Material:
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
        return artifacts.fingerprint(as_images(self.images), (self.labels + self.kind).numpy())


def material_of(data: Dataset, *, seed: int) -> Material:
    """The labelled photographs outside the held-out fold, and pictures of neither. data: all splits."""
    train, neither = data.part("train"), pictures_of_neither(data, seed=seed)
    known = train.fold != HELD_OUT
    free = (neither.origin < 0) | known[neither.origin]  # no pieces of photographs that are held out
    images = np.concatenate([train.images[known], neither.images[free]])
    labels = np.concatenate([train.labels[known], np.full(free.sum(), len(data.classes))])
    kind = np.concatenate([np.zeros(known.sum(), np.int64), numbered_kinds(neither.kinds[free])])
    return Material(as_tensor(images), torch.from_numpy(labels), torch.from_numpy(kind), known)


def numbered_kinds(names: np.ndarray) -> np.ndarray:
    """A number for each name, 0..K-1, int64 (M,); what there are fewer than ENOUGH_OF_A_KIND of shares one number."""
    _, which, counts = np.unique(names, return_inverse=True, return_counts=True)
    few = counts < ENOUGH_OF_A_KIND
    number = np.where(few, (~few).sum(), np.cumsum(~few) - 1)
    return number[which].astype(np.int64)


def plan_for(run: Run) -> FlowPlan:
    """How the flow is trained in this run's profile."""
    plan = PLANS[run.profile.name]
    return replace(plan, steps=run.profile.scaled(plan.steps))


def fit_flow(
    run: Run,
    data: Dataset,
    *,
    plan: FlowPlan | None = None,
    retrain: bool = False,
    after: Callable[[int, list[float]], None] | None = None,
) -> tuple[UNet, artifacts.Fitted]:
    """The trained flow: from the run folder, else from the package, else trained now (resumable).

    data: all splits. after: called now and then with the step and the losses so far. Returns the net in evaluation mode
    and its record, whose metrics hold "losses" (mean of each hundred steps). Sheets drawn on the way are kept as
    SHEETS_FILE.
    """
    plan, train, classes = plan or plan_for(run), data.part("train"), len(data.classes)
    config = {
        "net": "flow",
        "version": VERSION,
        "seed": run.seed,
        "known": artifacts.fingerprint(
            train.images[train.fold != HELD_OUT], train.labels[train.fold != HELD_OUT]
        ),
    }
    made_with = {"plan": asdict(plan)}
    size = train.images.shape[1]

    def fit() -> tuple[dict, dict]:
        material, config_now = material_of(data, seed=run.seed), config | made_with
        sheets = artifacts.recall(run.dir, SHEETS_FILE, config_now) or {"steps": [], "images": []}
        sheets = dict(zip(sheets["steps"], sheets["images"], strict=True))

        def watch(step: int, losses: list[float], net: UNet) -> None:
            sheets[step] = draw_sheet(net, classes, size)
            arrays = {"steps": np.array(list(sheets)), "images": np.stack(list(sheets.values()))}
            artifacts.save(run.dir, SHEETS_FILE, arrays, config_now)
            if after is not None:
                after(step, losses)

        net, losses = train_flow(
            material.images,
            material.labels,
            plan,
            classes=classes,
            seed=run.seed,
            checkpoint=run.dir / "generators" / f"flow-{artifacts.key_of(config_now)}.checkpoint",
            every=max(1, plan.steps // LOOKS),
            after=watch,
        )
        means = [float(np.mean(losses[i : i + 100])) for i in range(0, len(losses), 100)]
        return {name: part.half() for name, part in net.state_dict().items()}, {
            "losses": means,
            "classes": list(data.classes),
            "pair": list(run.recipe.pair),
            "image_size": int(size),
        }

    fitted = artifacts.fit_or_load(
        NAME, config | made_with, data.fingerprint, fit, run_dir=run.dir, retrain=retrain, enough=config
    )
    return flow_from(fitted), fitted


def draw_sheet(net: UNet, classes: int, size: int) -> np.ndarray:
    """A line of pictures of each class from fixed noise: uint8 (C, SHEETS, S, S, 3)."""
    lines = [sample(net, {label: 1.0}, range(SHEETS), size=size, steps=12) for label in range(classes)]
    return np.stack([as_images(line) for line in lines])


def flow_from(fitted: artifacts.Fitted) -> UNet:
    """The net in a stored file, in evaluation mode."""
    plan = fitted.config["plan"]
    net = UNet(classes=len(fitted.metrics["classes"]), widths=tuple(plan["widths"]), depth=plan["depth"])
    net.load_state_dict({name: part.float() for name, part in fitted.state.items()})
    return net.eval()
