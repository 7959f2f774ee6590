"""What judges new photographs: trained nets, their averaged and calibrated judgement, and the one file that keeps them.

A file holds weights in half precision and says in words how to build the nets; reading it runs no code of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from scipy.special import softmax
from torch import nn

from clockodile.classify.calibration import log_mean_probability
from clockodile.classify.report_nets import ThreeBlockNet
from clockodile.core import store
from clockodile.core.errors import UserError
from clockodile.data.dataset import as_tensor
from clockodile.learn.models import CompactResNet
from clockodile.learn.training import predict, seeded


def probed_backbone(*, classes: int, image_size: int, backbone: str, side: int, width: int) -> nn.Module:
    """A pretrained backbone, from its installed package, with a probe whose numbers are stored."""
    from clockodile.learn.backbones import load_backbone  # slow to import, and seldom needed
    from clockodile.learn.linear_probe import Probe, ProbedBackbone

    probe = Probe(torch.zeros(width), torch.ones(width), torch.zeros(classes, width), torch.zeros(classes))
    return ProbedBackbone(load_backbone(backbone, side=side), probe)


# kind -> what builds an untrained net from classes=C, image_size=S and the arguments recorded in the file. A net with
# an attribute `stored_prefixes` (tuple of str) keeps only the entries of its state that begin so; the others, such as
# a frozen backbone, must come from an installed package when it is built. Its method `freeze`, if it has one, is called
# when it has been read.
ARCHITECTURES: dict[str, Callable[..., nn.Module]] = {
    "compact": CompactResNet,
    "three_block": ThreeBlockNet,
    "probe": probed_backbone,
}
FORMAT = 1  # raise it when older files can no longer be read
PIXELS = 128 * 64 * 64  # most that are judged in one go: bounds the memory for images of any size


@dataclass(frozen=True)
class Predictor:
    """Trained nets that judge together which of C classes an image shows.

    It only compares these classes: of an image of something else the probabilities say nothing.
    """

    name: str  # which nets, in words: "three-block net, 5 nets"
    classes: tuple[str, ...]  # C >= 2 names in label order
    image_size: int  # S, pixels a side
    models: Sequence[nn.Module]  # images (N, 3, S, S) in [0, 1] -> logits (N, C)
    temperature: float = 1.0  # > 0, fitted on out-of-fold predictions; above 1 it makes less sure
    note: str = ""  # what users must be told, such as "trained on drawn stand-in images"
    kind: str = ""  # key of ARCHITECTURES; needed only for saving
    arguments: Mapping = field(default_factory=dict)  # the constructor's other arguments (JSON types)
    accuracy: float | None = None  # share correct on images not trained on, 0..1; None = not measured
    trained_on: str = ""  # which images
    trainings: Sequence[Mapping] = ()  # for each net what its training depended on and measured (JSON types)

    def __post_init__(self):
        if len(self.classes) < 2 or len(set(self.classes)) < len(self.classes):
            raise ValueError(f"classes must be two or more different names, not {self.classes}")
        if self.image_size < 8 or not self.models:
            raise ValueError(f"{len(self.models)} nets for {self.image_size} pixels; need 1 and 8 or more")
        if not 0 < self.temperature < math.inf:
            raise ValueError(f"temperature is {self.temperature}; it must be above 0")

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Calibrated class probabilities. images: uint8 (N, S, S, 3); returns float64 (N, C), rows sum to 1.

        The mean over nets and over each picture and its mirror image, divided as a logarithm by the temperature.
        """
        if images.dtype != np.uint8 or images.shape[1:] != (self.image_size, self.image_size, 3):
            raise ValueError(
                f"images are {images.dtype} {images.shape}, not uint8 of {self.image_size} pixels"
            )
        batch = max(1, min(128, PIXELS // self.image_size**2))
        parts = [self._judge(images[start : start + batch]) for start in range(0, len(images), batch)]
        return np.concatenate([np.empty((0, len(self.classes))), *parts])

    def _judge(self, images: np.ndarray) -> np.ndarray:
        upright = as_tensor(images)
        logits = [predict(net, view) for net in self.models for view in (upright, upright.flip(3))]
        return softmax(log_mean_probability(torch.stack(logits).numpy()) / self.temperature, axis=1)


# --- one file ------------------------------------------------------------------------------------------------

# attributes of a Predictor that its file keeps as they are
WORDS = "kind arguments image_size temperature name note accuracy trained_on trainings".split()


def save_predictor(path: Path, predictor: Predictor) -> None:
    """Write a predictor into one file of weights in half precision, atomically.

    Raises UserError, ValueError, RuntimeError or TypeError, before anything is written, for what could not be read
    back.
    """
    if predictor.kind not in ARCHITECTURES:
        raise ValueError(f"unknown kind '{predictor.kind}'; known: {', '.join(ARCHITECTURES)}")
    record = {name: getattr(predictor, name) for name in WORDS} | {"classes": list(predictor.classes)}
    fresh, state = build(record), {}
    record |= {"format": FORMAT, "nets": len(predictor.models), "frozen": store.digest(parted(fresh)[1])}
    for number, net in enumerate(predictor.models):
        stored, frozen = parted(net)
        if store.digest(frozen) != record["frozen"]:
            raise ValueError(f"net {number}: its frozen part is not what '{predictor.kind}' builds")
        fill(fresh, stored)
        state |= {f"{number}.{name}": half_precision(tensor) for name, tensor in stored.items()}
    store.write_weights(Path(path), state, {"predictor": record})


def load_predictor(path: Path) -> Predictor:
    """Read what `save_predictor` wrote. Raises UserError for a missing, damaged or foreign file."""
    record = read_predictor_record(path)
    state = store.read_weights(path)[1]
    try:
        nets = [restore(build(record), record["frozen"], state, number) for number in range(record["nets"])]
        words = {name: record[name] for name in WORDS}
        return Predictor(**words, classes=tuple(record["classes"]), models=nets)
    except ImportError as error:
        package = (error.name or str(error)).partition(".")[0]
        raise UserError(f"{path} needs the package {package}; install what requirements.txt lists") from error
    except (
        TypeError,
        KeyError,
        ValueError,
        RuntimeError,
    ) as error:  # arguments, names or shapes of another version
        why = " ".join(str(error).split())[:150]
        raise UserError(f"{path} does not fit this version of clockodile ({why}); make it again") from error


def read_predictor_record(path: Path) -> dict:
    """What a predictor's file says of itself, without reading the weights.

    Raises UserError for a missing or foreign file and for one that another version wrote.
    """
    record = store.read_record(path).get("predictor")
    if record is None:
        raise UserError(f"{path} holds no predictor; delete it and make it again")
    if record["format"] != FORMAT or record["kind"] not in ARCHITECTURES:
        raise UserError(
            f"{path} is of another version of clockodile (kind '{record['kind']}'); make it again"
        )
    return record


# --- nets and their entries ----------------------------------------------------------------------------------


def build(record: Mapping) -> nn.Module:
    """An untrained net as a record describes it."""
    size = {"classes": len(record["classes"]), "image_size": record["image_size"]}
    with seeded(0):  # its random start is overwritten; the state outside must not move
        return ARCHITECTURES[record["kind"]](**size, **record["arguments"])


def parted(net: nn.Module) -> tuple[dict, dict]:
    """The state of a net: what belongs in a file, and what comes with its constructor."""
    prefixes = tuple(getattr(net, "stored_prefixes", ("",)))
    state = net.state_dict()
    stored = {name: tensor for name, tensor in state.items() if name.startswith(prefixes)}
    return stored, {name: tensor for name, tensor in state.items() if name not in stored}


def fill(net: nn.Module, stored: Mapping[str, torch.Tensor]) -> None:
    """Put stored entries into a net. Raises ValueError or RuntimeError when they are not exactly those it wants."""
    odd = sorted(stored.keys() ^ parted(net)[0].keys())
    if odd:
        raise ValueError(f"'{odd[0]}' is in the net or in the file, but not in both")
    net.load_state_dict(stored, strict=False)


def state_of(state: Mapping[str, torch.Tensor], number: int) -> dict[str, torch.Tensor]:
    """The entries of net `number` in a predictor's file, under the net's own names."""
    prefix = f"{number}."
    return {name.removeprefix(prefix): state[name] for name in state if name.startswith(prefix)}


def restore(net: nn.Module, frozen: str, state: Mapping[str, torch.Tensor], number: int) -> nn.Module:
    """A fresh net with the stored weights of net `number`, in evaluation mode. frozen: digest of its other part."""
    if store.digest(parted(net)[1]) != frozen:
        raise ValueError("the installed backbone is not the one it was trained with")
    fill(net, state_of(state, number))
    if hasattr(net, "freeze"):  # only now: folded weights differ from machine to machine in the last bits
        net.freeze()
    return net.eval().to(memory_format=torch.channels_last)  # as the images lie: convolutions are faster so


def half_precision(tensor: torch.Tensor) -> torch.Tensor:
    """A copy to be stored: weights in half precision where they fit, the rest as it is.

    Vectors are few, and some are divided by: means, deviations.
    """
    tensor = tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
    small = tensor.half() if tensor.is_floating_point() and tensor.dim() > 1 else tensor
    return small if small.isfinite().all() else tensor
