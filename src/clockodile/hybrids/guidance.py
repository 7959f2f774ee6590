"""The nets behind classifier guidance (Dhariwal & Nichol, 2021): what would show more of both classes?

They steer the sampler and select nothing. They must tell clock and crocodile from every *kind* of other thing (apples,
lizards, trains), not from one heap of them: only then do they learn what a crocodile has that a lizard has not.
"""

from __future__ import annotations

from dataclasses import asdict

import torch
from torch import nn

from clockodile.core import store
from clockodile.core.recipes import Profile
from clockodile.core.workspace import Run
from clockodile.data.dataset import Dataset
from clockodile.hybrids.generators.flow_of_run import TrainingSet, training_set_of
from clockodile.learn.models import CompactResNet
from clockodile.learn.training import TrainConfig, predict, train

NAME = "generators/guidance_classifier"
LEAST = 0.01  # log-odds between other things and a typical photograph; what tells less is not divided by


class GuidanceClassifier(nn.Module):
    """Evidence for each of C classes by nets of C + K outputs, for C classes and K kinds of other things."""

    def __init__(self, nets: list[nn.Module], *, classes: int):
        super().__init__()
        self.classes, self.nets = classes, nn.ModuleList(nets)
        self.register_buffer("zero", torch.zeros(classes))  # what other things get
        self.register_buffer("one", torch.ones(classes))  # what a typical photograph of the class gets

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Log-odds of each class against other things (N, C); images (N, 3, S, S) in [0, 1]."""
        logits = torch.stack([net(images) for net in self.nets]).log_softmax(2)
        others = logits[..., self.classes :].logsumexp(2, keepdim=True)
        return (logits[..., : self.classes] - others).mean(0)

    def evidence(self, images: torch.Tensor) -> torch.Tensor:
        """How much of each class there is, (N, C): 0 = as in other things, 1 = as in a typical photograph of it."""
        return (self(images) - self.zero) / (self.one - self.zero)

    @torch.no_grad()
    def calibrate(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        """Set the scale of `evidence`; labels: int64 (N,), C for other things. Without it a dial, which is easier to
        recognise than a crocodile, would seem to be the greater part of every hybrid.
        """
        found, labels = predict(self, torch.cat([images, images.flip(3)])), labels.repeat(2)
        self.zero.copy_(found[labels == self.classes].mean(0))
        typical = [found[labels == label, label].median() for label in range(self.classes)]
        self.one.copy_(torch.maximum(torch.stack(typical), self.zero + LEAST))


def config_of(profile: Profile) -> TrainConfig:
    """How a profile trains each net."""
    return TrainConfig(epochs=profile.guidance_epochs)


def fit_guidance_classifier(run: Run, data: Dataset, *, retrain: bool = False) -> GuidanceClassifier:
    """The classifier of a run: from its folder, else from the package, else trained now on the flow's training set.

    data: all splits.
    """
    count = run.profile.guidance_nets
    plan = config_of(run.profile)
    training_set, classes, size = (
        training_set_of(data, seed=run.seed),
        len(data.classes),
        data.images.shape[1],
    )
    config = {"net": "guides", "seed": run.seed, "known": training_set.key}
    made_with = {"count": count, "plan": asdict(plan)}

    def fit() -> tuple[dict, dict]:
        guidance_classifier = train_guidance_classifier(
            training_set, classes, plan, seeds=[1000 * (run.seed + 1) + i for i in range(count)]
        )
        state = {
            name: part.half() if name.startswith("nets") else part
            for name, part in guidance_classifier.state_dict().items()
        }
        return state, {
            "classes": list(data.classes),
            "image_size": int(size),
            "count": count,
            "outputs": training_set.kinds + classes,
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
    return guidance_classifier_from(fitted)


def train_guidance_classifier(
    training_set: TrainingSet, classes: int, plan: TrainConfig, *, seeds: list[int]
) -> GuidanceClassifier:
    """A classifier trained on `training_set`, one net for each of the seeds."""
    size = training_set.images.shape[2]

    def make() -> CompactResNet:
        return CompactResNet(classes=classes + training_set.kinds, image_size=size)

    nets = [
        train(make, training_set.images, training_set.labels + training_set.kind, plan, seed=seed)[0]
        for seed in seeds
    ]
    guidance_classifier = GuidanceClassifier(nets, classes=classes).eval()
    guidance_classifier.calibrate(training_set.images, training_set.labels)
    return guidance_classifier


def guidance_classifier_from(fitted: store.Checkpoint) -> GuidanceClassifier:
    """The classifier in a stored file, in evaluation mode."""
    about = fitted.metrics
    nets = [
        CompactResNet(classes=about["outputs"], image_size=about["image_size"]) for _ in range(about["count"])
    ]
    guidance_classifier = GuidanceClassifier(nets, classes=len(about["classes"]))
    guidance_classifier.load_state_dict({name: part.float() for name, part in fitted.state.items()})
    return guidance_classifier.eval()
