"""Which pixels a classifier's answer hangs on, and whether such maps deserve belief.

A map is (S, S), >= 0, its largest value 1. It shows where the net is sensitive, not why it decided.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from captum.attr import IntegratedGradients, LayerGradCam, Saliency
from scipy.stats import rankdata
from torch import nn

from clockodile.classify.robustness import draw_per_image, mean_colour
from clockodile.core.errors import UserError
from clockodile.core.stats import NORMAL_95, wilson_interval
from clockodile.learn.training import on_fastest_device, predict, seeded

SALIENCY_METHODS = {  # name -> as people write it
    "gradient": "gradient",
    "integrated_gradients": "integrated gradients",
    "grad_cam": "Grad-CAM",
}
BATCH = 50  # images at a time; integrated gradients hold PATH_STEPS times as many in memory
PATH_STEPS = 32  # points on the way from the mean colour to the picture


# --- maps -----------------------------------------------------------------------------------------------------


def saliency_maps(
    model: nn.Module,
    images: torch.Tensor,
    targets: torch.Tensor,
    *,
    method: str = "gradient",
    layer: nn.Module | None = None,
) -> torch.Tensor:
    """How much the logit of a class hangs on each pixel. images: (N, 3, S, S) in [0, 1]; targets: int64 (N,) classes.

    method: "gradient" (Simonyan et al. 2014), "integrated_gradients" from the picture's mean colour (Sundararajan et
    al. 2017) or "grad_cam" at `layer` (Selvaraju et al. 2017), None for `last_map_layer`. Returns float (N, S, S) on
    the CPU, >= 0, scaled to a maximum of 1; zeros where nothing depends on the picture, or speaks for the class in
    Grad-CAM. Raises UserError for another method.
    """
    if method not in SALIENCY_METHODS:
        raise UserError(f"unknown saliency method '{method}'; known: {', '.join(SALIENCY_METHODS)}")
    model.eval()
    if method == "grad_cam" and layer is None:
        layer = last_map_layer(model)
    parts = zip(images.detach().split(BATCH), targets.split(BATCH), strict=True)
    with on_fastest_device(model) as device:
        asked = ((part.to(device).requires_grad_(), target.to(device)) for part, target in parts)
        maps = torch.cat([attribute(model, part, target, method, layer) for part, target in asked])
    return maps / maps.amax((1, 2), keepdim=True).clamp_min(torch.finfo(maps.dtype).tiny)


def attribute(model: nn.Module, images, targets, method: str, layer: nn.Module | None) -> torch.Tensor:
    """Unscaled map (N, S, S) >= 0 of one batch: absolute values, summed over the three colours."""
    if method == "grad_cam":
        coarse = LayerGradCam(model, layer).attribute(images, targets, relu_attributions=True)
        return F.interpolate(coarse, size=images.shape[2:], mode="bilinear").squeeze(1).detach().cpu()
    if method == "gradient":
        values = Saliency(model).attribute(images, targets)
    else:
        start = mean_colour(images.detach())
        values = IntegratedGradients(model).attribute(images, start, targets, n_steps=PATH_STEPS)
    return values.detach().abs().sum(1).float().cpu()


def last_map_layer(model: nn.Module) -> nn.Module:
    """The module that gives the last feature maps: `model.last_maps` (a module or its name), else the last Conv2d."""
    named = getattr(model, "last_maps", None)
    if named is not None:
        return model.get_submodule(named) if isinstance(named, str) else named
    found = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    if not found:
        raise UserError(
            "Grad-CAM needs feature maps, and this net has no Conv2d; give layer=, or take another method"
        )
    return found[-1]


# --- do the maps depend on what was learned? ------------------------------------------------------------------


def randomised_copy(model: nn.Module, *, seed: int, images: torch.Tensor | None = None) -> nn.Module:
    """The same net with every weight drawn anew, in evaluation mode; buffers such as a normalisation stay.

    Weights come from each layer's reset_parameters; those of modules without one are shuffled. Running statistics of
    batch-norm layers belong to the old weights: they are measured anew on `images`. Without images they become 0 and 1,
    and a deep net may then give every picture the same answer.
    """
    twin = copy.deepcopy(model)
    with seeded(seed), torch.no_grad():
        for module in twin.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
            else:
                for parameter in module.parameters(recurse=False):
                    order = torch.randperm(parameter.numel(), device=parameter.device)
                    parameter.copy_(parameter.flatten()[order].view_as(parameter))
        if images is not None:
            settle_batch_norm(twin, images)
    return twin.eval()


def settle_batch_norm(model: nn.Module, images: torch.Tensor) -> None:
    """Let the running statistics of batch-norm layers, and nothing else, become those of `images`."""
    layers = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    model.eval()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum, layer.training = None, True  # None: the plain average of all batches
    device = next(model.parameters()).device
    for part in images.chunk(-(-len(images) // 250)) if layers else ():  # even parts: never one image alone
        model(part.to(device))


def rank_correlation(first: torch.Tensor, second: torch.Tensor) -> np.ndarray:
    """Spearman correlation, -1..1, of each pair of maps; 0 where a map has one value only. Both (N, S, S)."""
    ranks = [rankdata(maps.flatten(1).numpy(), axis=1) for maps in (first, second)]
    centred = [rank - rank.mean(1, keepdims=True) for rank in ranks]
    size = np.sqrt((centred[0] ** 2).sum(1) * (centred[1] ** 2).sum(1))
    return (centred[0] * centred[1]).sum(1) / np.where(size > 0, size, 1)


def sanity_table(
    model: nn.Module,
    others: dict[str, nn.Module],
    images: torch.Tensor,
    targets: torch.Tensor,
    *,
    methods: Iterable[str] = SALIENCY_METHODS,
) -> pd.DataFrame:
    """How alike the maps of a trained net and of others are: mean rank correlation, -1..1, with its 95 % interval.

    Near 0 for a `randomised_copy`: the maps show what was learned. High: they show the picture (Adebayo et al. 2018).
    What counts as high tells a second trained net. Columns method, compared_with, correlation, low, high.

    others: what to compare with, such as {"weights drawn anew": ..., "a second trained net": ...}.
    """
    rows = []
    for method in methods:
        maps = saliency_maps(model, images, targets, method=method)
        for name, other in others.items():
            alike = rank_correlation(maps, saliency_maps(other, images, targets, method=method))
            half = NORMAL_95 * alike.std(ddof=1) / np.sqrt(len(alike)) if len(alike) > 1 else np.nan
            rows.append((method, name, alike.mean(), alike.mean() - half, alike.mean() + half))
    return pd.DataFrame(rows, columns=["method", "compared_with", "correlation", "low", "high"])


# --- do the pixels matter that a map names? -------------------------------------------------------------------


def deletion_curve(
    model: nn.Module,
    images: torch.Tensor,
    targets: torch.Tensor,
    maps: torch.Tensor,
    *,
    steps: int = 8,
    seed: int = 0,
) -> pd.DataFrame:
    """What becomes of the answer while more and more pixels take the picture's mean colour (Petsiuk et al. 2018).

    Three orders: "most salient first"; "another picture's map" (that of the next row, if there are two or more), which
    has the same blobs and the same love of the centre, in the wrong place; "at random". A faithful map falls fastest.
    Returns columns order, hidden (share of pixels 0..1, steps + 1 values), accuracy (share still judged as `targets`),
    low, high (its 95 % interval), probability (mean, of the target).
    """
    chance = draw_per_image(images, seed=seed)[:, 0].cpu()
    orders = {"most salient first": maps, "another picture's map": maps.roll(1, 0), "at random": 0 * maps}
    if len(images) == 1:
        del orders["another picture's map"]
    rows = []
    for order, values in orders.items():
        places = deletion_places(values, chance).to(images.device)[:, None]
        for hidden in np.linspace(0, 1, steps + 1):
            shown = torch.where(places < hidden, mean_colour(images), images)
            probability = predict(model, shown).softmax(1)
            accuracy = (probability.argmax(1) == targets.cpu()).double().mean().item()
            mean = probability.gather(1, targets.cpu()[:, None]).mean().item()
            rows.append((order, hidden, accuracy, *wilson_interval(accuracy, len(images)), mean))
    return pd.DataFrame(rows, columns=["order", "hidden", "accuracy", "low", "high", "probability"])


def deletion_places(maps: torch.Tensor, chance: torch.Tensor) -> torch.Tensor:
    """When each pixel goes, from 0 (first) to below 1: by falling map value, ties by `chance`. Both (N, S, S)."""
    count = maps[0].numel()
    order = np.lexsort((chance.flatten(1).numpy(), -maps.flatten(1).numpy()), axis=1)
    places = np.empty(order.shape)
    np.put_along_axis(places, order, np.arange(count)[None] / count, axis=1)
    return torch.from_numpy(places).view_as(maps)
