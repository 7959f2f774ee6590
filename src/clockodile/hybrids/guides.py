"""Small nets that say, while a picture is being made, how much of each class is in it. They never judge the result.

A net that must choose between clock, crocodile and *other things* gives evidence that does not compete: the log-odds of
"clock" against "other things" do not fall because there is a crocodile as well.
"""

from __future__ import annotations

from dataclasses import asdict, replace

import torch
from torch import nn

from clockodile import artifacts
from clockodile.classify.models import CompactResNet
from clockodile.classify.training import Plan, predict, train
from clockodile.data.dataset import Dataset
from clockodile.hybrids.generator import material_of
from clockodile.workspace import Run

NAME = "generators/guides"
VERSION = 1  # raise it when net or training change their meaning: kept weights are then trained anew
PLANS = {"quick": Plan(epochs=8), "full": Plan(epochs=30)}  # by profile
COUNT = {"quick": 1, "full": 2}  # nets; together they are harder to fool than one


class Guides(nn.Module):
    """Evidence for each class, the mean over a few nets."""

    def __init__(self, nets: list[nn.Module]):
        super().__init__()
        self.nets = nn.ModuleList(nets)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Log-odds of each class against other things (N, C), any size; images (N, 3, S, S) in [0, 1]."""
        logits = torch.stack([net(images) for net in self.nets]).log_softmax(2)
        return (logits[..., :-1] - logits[..., -1:]).mean(0)

    def evidence(self, images: torch.Tensor) -> torch.Tensor:
        """The same for pictures and their mirror images, without gradients."""
        return (predict(self, images) + predict(self, images.flip(3))) / 2


def plan_for(run: Run) -> Plan:
    """How a guide is trained in this run's profile."""
    plan = PLANS[run.profile.name]
    return replace(plan, epochs=max(1, round(plan.epochs * run.profile.effort)))


def fit_guides(run: Run, data: Dataset, *, plan: Plan | None = None, retrain: bool = False) -> Guides:
    """The guides of a run: from the run folder, else from the package, else trained now on what the flow is trained on.

    data: all splits.
    """
    plan, count = plan or plan_for(run), COUNT[run.profile.name]
    material, classes, size = material_of(data, seed=run.seed), len(data.classes), data.images.shape[1]
    config = {"net": "guides", "version": VERSION, "seed": run.seed, "known": material.key}
    made_with = {"count": count, "plan": asdict(plan)}

    def make() -> CompactResNet:
        return CompactResNet(classes=classes + 1, image_size=size)

    def fit() -> tuple[dict, dict]:
        nets = [
            train(make, material.images, material.labels, plan, seed=1000 * (run.seed + 1) + number)[0]
            for number in range(count)
        ]
        return {name: part.half() for name, part in Guides(nets).state_dict().items()}, {
            "classes": list(data.classes),
            "image_size": int(size),
            "count": count,
        }

    fitted = artifacts.fit_or_load(
        NAME, config | made_with, data.fingerprint, fit, run_dir=run.dir, retrain=retrain, enough=config
    )
    return guides_from(fitted)


def guides_from(fitted: artifacts.Fitted) -> Guides:
    """The guides in a stored file, in evaluation mode."""
    classes, size = len(fitted.metrics["classes"]), fitted.metrics["image_size"]
    guides = Guides(
        [CompactResNet(classes=classes + 1, image_size=size) for _ in range(fitted.metrics["count"])]
    )
    guides.load_state_dict({name: part.float() for name, part in fitted.state.items()})
    return guides.eval()
