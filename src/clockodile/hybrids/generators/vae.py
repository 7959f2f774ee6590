"""An autoencoder whose codes follow a known distribution, so that new ones can be sampled (Kingma & Welling, 2014).

Encoder and decoder are conditioned on the class (Sohn et al., 2015). With few photographs the codes do not follow the
prior well, and hold much of what the class says: samples of the prior are fog of no class. So after training a Gaussian
is fitted to each class's codes, and new ones come from that (ex-post density estimation, Ghosh et al., 2020).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from clockodile.core.workspace import pick_device
from clockodile.learn.augmentation import crop, flip
from clockodile.learn.autoencoders import SHRINK, check_side, double, halve
from clockodile.learn.muon import fast_bfloat16
from clockodile.learn.training import EMA, one_cycle, seeded


@dataclass(frozen=True)
class VaeConfig:
    """How a variational autoencoder is trained. The defaults are those of the full profile."""

    steps: int  # batches
    batch: int = 32  # pictures a step
    code: int = 64  # numbers a picture is squeezed into
    width: int = 32  # channels where the picture is largest; up to four times as many where it is smallest
    deviation: float = 0.07  # of a pixel, 1 = from black to white: less = sharper copies, worse inventions
    learning_rate: float = 2e-3  # the highest, for Adam
    ema_decay: float = 0.999  # how much of the averaged weights is kept a step


def class_weights(
    count: int, classes: int, *, pair: tuple[int, int] = (0, 1), mix: float = 0.5
) -> torch.Tensor:
    """Rows (count, C) with 1 - mix at the pair's first class, mix at its second and 0 elsewhere."""
    weights = torch.zeros(count, classes)
    weights[:, pair[0]] += 1 - mix
    weights[:, pair[1]] += mix
    return weights


def codes_of(seeds: Sequence[int], width: int) -> torch.Tensor:
    """Gaussian codes (N, width); row i comes from seed i alone, so picture i never depends on its neighbours."""
    rows = [torch.randn(width, generator=torch.Generator().manual_seed(int(seed))) for seed in seeds]
    return torch.stack(rows) if rows else torch.zeros(0, width)


class ConditionalVAE(nn.Module):
    """Pictures and class weights -> mean and spread of a code; codes and class weights -> pictures."""

    def __init__(self, *, classes: int, image_size: int = 32, code: int = 64, width: int = 32):
        super().__init__()
        check_side(image_size)
        self.code, self.classes = code, classes
        # of each class's codes the mean, and what times its transpose is their covariance
        self.register_buffer("mean", torch.zeros(classes, code))
        self.register_buffer("factor", torch.eye(code).repeat(classes, 1, 1))
        self.start = (4 * width, image_size // SHRINK, image_size // SHRINK)
        places = self.start[0] * self.start[1] * self.start[2]
        self.encoder = nn.Sequential(
            halve(3, width), halve(width, 2 * width), halve(2 * width, 4 * width), nn.Flatten()
        )
        self.to_mu_logvar = nn.Linear(places + classes, 2 * code)
        self.from_code = nn.Linear(code + classes, places)
        self.decoder = nn.Sequential(
            double(4 * width, 4 * width),
            double(4 * width, 2 * width),
            double(2 * width, width),
            nn.Conv2d(width, 3, 3, padding=1),
            nn.Sigmoid(),
        )

    def encode(self, images: torch.Tensor, weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log-variance, both (N, code), of images (N, 3, S, S) in [0, 1] with class weights (N, C)."""
        check_side(images.shape[-1])
        return tuple(self.to_mu_logvar(torch.cat([self.encoder(images), weights], 1)).float().chunk(2, 1))

    def decode(self, codes: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Images (N, 3, S, S) in [0, 1] of codes (N, code) and class weights (N, C), rows summing to 1."""
        x = F.silu(self.from_code(torch.cat([codes, weights], 1))).unflatten(1, self.start)
        return self.decoder(x).float()

    @torch.no_grad()
    def fit_codes(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        """Fit a Gaussian to the codes of each class; images (N, 3, S, S) in [0, 1], labels int64 (N,)."""
        mean, log_variance = self.encode(images, F.one_hot(labels, self.classes).float())
        for label in labels.unique():
            codes, noise = mean[labels == label], log_variance[labels == label].exp().mean(0)
            spread = codes - codes.mean(0)
            covariance = spread.T @ spread / len(codes) + torch.diag(noise)
            self.mean[label], self.factor[label] = codes.mean(0), torch.linalg.cholesky(covariance)

    @torch.no_grad()
    def sample_codes(self, normal: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Codes (N, code) of standard normal numbers (N, code), by the Gaussians mixed by class weights (N, C)."""
        factor = torch.einsum("nc,cij->nij", weights, self.factor)
        return weights @ self.mean + torch.einsum("nij,nj->ni", factor, normal)


def vae_loss(
    redrawn: torch.Tensor,
    images: torch.Tensor,
    mean: torch.Tensor,
    log_variance: torch.Tensor,
    *,
    deviation: float,
) -> torch.Tensor:
    """Nats a picture: what the copy is off, and what its code tells beyond a standard Gaussian (eq. 10 of the paper).

    redrawn, images: (N, 3, S, S) in [0, 1]; mean, log_variance: (N, code); deviation of a pixel weighs the one against
    the other. Lower is better.
    """
    off = (redrawn - images).square().sum((1, 2, 3)) / (2 * deviation**2)
    told = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2
    return (off + told).mean()


def train_vae(
    images: torch.Tensor, labels: torch.Tensor, plan: VaeConfig, *, classes: int, seed: int
) -> tuple[ConditionalVAE, list[float]]:
    """Fit with Adam on mirrored and shifted pictures.

    images: float32 (N, 3, S, S) in [0, 1], S a multiple of 8; labels: int64 (N,). Returns the averaged model on the CPU
    in evaluation mode, and the loss of each step.
    """
    device, generator = pick_device(), torch.Generator().manual_seed(seed)
    with seeded(seed):
        model = ConditionalVAE(classes=classes, image_size=images.shape[-1], code=plan.code, width=plan.width)
    model.to(device, memory_format=torch.channels_last)
    averaged = EMA(model, plan.ema_decay)
    optimiser = torch.optim.Adam(model.parameters(), lr=plan.learning_rate, fused=True)
    images, losses = images.to(device), []
    for step in range(plan.steps):
        for group in optimiser.param_groups:
            group["lr"] = plan.learning_rate * one_cycle(step, plan.steps, warm_up=0.1)
        rows = torch.randint(len(images), (plan.batch,), generator=generator)
        batch = crop(flip(images[rows], generator), generator).contiguous(memory_format=torch.channels_last)
        weights = F.one_hot(labels[rows], classes).float().to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=fast_bfloat16(device)):
            mean, log_variance = model.encode(batch, weights)
            noise = torch.randn(mean.shape, generator=generator).to(device)
            redrawn = model.decode(mean + (log_variance / 2).exp() * noise, weights)
        loss = vae_loss(redrawn, batch, mean, log_variance, deviation=plan.deviation)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 100.0)  # the loss sums over pixels, so do its gradients
        optimiser.step()
        losses.append(loss.item())
        averaged.update()
    model = averaged.model.cpu().eval()
    model.fit_codes(images.cpu(), labels)
    return model, losses


@torch.no_grad()
def vae_hybrids(
    model: ConditionalVAE, seeds: Sequence[int], *, pair: tuple[int, int] = (0, 1), mix: float = 0.5
) -> torch.Tensor:
    """Pictures (N, 3, S, S) in [0, 1] drawn with 1 - mix of the pair's first class and mix of the second.

    Picture i depends on seed i alone.
    """
    weights = class_weights(len(seeds), model.classes, pair=pair, mix=mix)
    return model.decode(model.sample_codes(codes_of(seeds, model.code), weights), weights)
