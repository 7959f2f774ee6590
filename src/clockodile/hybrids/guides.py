"""Two ways of looking that choose among made pictures: small nets, and edges alone. They never judge the result.

Both are asked for each class apart. The nets must tell clock and crocodile from every *kind* of other thing (apples,
lizards, trains), not from one heap of them: only then do they learn what a crocodile has that a lizard has not. The
edges (HOG) know nothing of colour; the two err differently, so both together are harder to please by accident.
"""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import torch
from torch import nn

from clockodile import artifacts
from clockodile.ambiguous.evidence import fit_probes
from clockodile.classify.hog import hog_features
from clockodile.classify.models import CompactResNet
from clockodile.classify.training import Plan, predict, train
from clockodile.data.dataset import Dataset, as_images
from clockodile.hybrids.generator import Material, material_of
from clockodile.workspace import Run

NAME = "generators/guides"
VERSION = 2  # raise it when guides or training change their meaning: kept weights are then trained anew
PLANS = {"quick": Plan(epochs=6), "full": Plan(epochs=20)}  # by profile
COUNT = {"quick": 1, "full": 2}  # nets; together they are harder to fool than one
EDGES = 3000.0  # strength of the L2 penalty on the weights of edges
LEAST = 0.01  # log-odds between other things and a typical photograph; what tells less is not divided by


class Guides(nn.Module):
    """Evidence for each of C classes: nets of C + K outputs for C classes and K kinds of other things, and edges."""

    def __init__(self, nets: list[nn.Module], *, classes: int, edges: int):
        """edges: how many HOG features a picture has."""
        super().__init__()
        self.classes, self.nets = classes, nn.ModuleList(nets)
        self.edges = nn.Linear(edges, classes)
        self.register_buffer("zero", torch.zeros(2, classes))  # what other things get, by nets and by edges
        self.register_buffer("one", torch.ones(2, classes))  # what a typical photograph of the class gets

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The nets' log-odds of each class against other things (N, C); images (N, 3, S, S) in [0, 1]."""
        logits = torch.stack([net(images) for net in self.nets]).log_softmax(2)
        others = logits[..., self.classes :].logsumexp(2, keepdim=True)
        return (logits[..., : self.classes] - others).mean(0)

    def nets_evidence(self, images: torch.Tensor) -> torch.Tensor:
        """Evidence by the nets alone, without mirror images, (N, C). It has a gradient; edges (HOG) have none."""
        return (self(images) - self.zero[0]) / (self.one[0] - self.zero[0])

    @torch.no_grad()
    def looks(self, images: torch.Tensor) -> torch.Tensor:
        """Log-odds by nets and by edges (2, N, C), each the mean over a picture and its mirror image."""
        both = torch.cat([images, images.flip(3)])
        edges = self.edges(torch.from_numpy(hog_features(as_images(both))))
        return torch.stack([predict(self, both), edges]).unflatten(1, (2, len(images))).mean(1)

    def evidence(self, images: torch.Tensor) -> torch.Tensor:
        """How much of each class there is, (N, C): 0 = as in other things, 1 = as in a typical photograph of it."""
        zero, one = self.zero[:, None], self.one[:, None]
        return ((self.looks(images) - zero) / (one - zero)).mean(0)

    def calibrate(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        """Set the scale of `evidence`; labels: int64 (N,), C for other things. Without it a dial, which is easier to
        recognise than a crocodile, would seem to be the greater part of every hybrid.
        """
        found = self.looks(images)
        self.zero.copy_(found[:, labels == self.classes].mean(1))
        typical = [found[:, labels == label, label].median(1).values for label in range(self.classes)]
        self.one.copy_(torch.maximum(torch.stack(typical, 1), self.zero + LEAST))


def plan_for(run: Run) -> Plan:
    """How a guide's net is trained in this run's profile."""
    plan = PLANS[run.profile.name]
    return replace(plan, epochs=run.profile.scaled(plan.epochs))


def fit_guides(run: Run, data: Dataset, *, plan: Plan | None = None, retrain: bool = False) -> Guides:
    """The guides of a run: from the run folder, else from the package, else trained now on what the flow is trained on.

    data: all splits.
    """
    plan, count = plan or plan_for(run), COUNT[run.profile.name]
    material, classes, size = material_of(data, seed=run.seed), len(data.classes), data.images.shape[1]
    config = {"net": "guides", "version": VERSION, "seed": run.seed, "known": material.key}
    made_with = {"count": count, "plan": asdict(plan)}

    def fit() -> tuple[dict, dict]:
        guides = train_guides(
            material, classes, plan, seeds=[1000 * (run.seed + 1) + i for i in range(count)]
        )
        state = {
            name: part.half() if name.startswith("nets") else part
            for name, part in guides.state_dict().items()
        }
        return state, {
            "classes": list(data.classes),
            "image_size": int(size),
            "count": count,
            "outputs": material.kinds + classes,
            "edges": guides.edges.in_features,
        }

    fitted = artifacts.fit_or_load(
        NAME, config | made_with, data.fingerprint, fit, run_dir=run.dir, retrain=retrain, enough=config
    )
    return guides_from(fitted)


def train_guides(material: Material, classes: int, plan: Plan, *, seeds: list[int]) -> Guides:
    """Guides that know `material`, one net for each of the seeds."""
    size, others = material.images.shape[2], material.labels == classes

    def make() -> CompactResNet:
        return CompactResNet(classes=classes + material.kinds, image_size=size)

    nets = [
        train(make, material.images, material.labels + material.kind, plan, seed=seed)[0] for seed in seeds
    ]
    edges = hog_features(as_images(torch.cat([material.images, material.images.flip(3)])))
    labels = torch.where(others, -1, material.labels).numpy()
    weight, bias = fit_probes(edges, np.tile(labels, 2), classes, strength=EDGES, rivals=False)
    guides = Guides(nets, classes=classes, edges=edges.shape[1]).eval()
    with torch.no_grad():
        guides.edges.weight.copy_(torch.from_numpy(weight))
        guides.edges.bias.copy_(torch.from_numpy(bias))
    guides.calibrate(material.images, material.labels)
    return guides


def guides_from(fitted: artifacts.Fitted) -> Guides:
    """The guides in a stored file, in evaluation mode."""
    about = fitted.metrics
    nets = [
        CompactResNet(classes=about["outputs"], image_size=about["image_size"]) for _ in range(about["count"])
    ]
    guides = Guides(nets, classes=len(about["classes"]), edges=about["edges"])
    guides.load_state_dict({name: part.float() for name, part in fitted.state.items()})
    return guides.eval()
