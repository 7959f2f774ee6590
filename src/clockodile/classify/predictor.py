"""What judges new photographs: trained nets, their averaged and calibrated judgement, and the one file that keeps them.

A file holds weights in half precision and says in words how to build the nets; reading it runs no code of its own.
"""

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

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Calibrated class probabilities. images: uint8 (N, S, S, 3); returns float64 (N, C), rows sum to 1.

        The mean over nets and over each picture and its mirror image, divided as a logarithm by the temperature.
        """
        batch = max(1, min(128, PIXELS // self.image_size**2))
        parts = [self._judge(images[start : start + batch]) for start in range(0, len(images), batch)]
        return np.concatenate([np.empty((0, len(self.classes))), *parts])

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of what `rows` returns."""
        return ("predicted", *(f"p_{name}" for name in self.classes))

    def rows(self, images: np.ndarray) -> list[list[str]]:
        """Predicted class and exact probabilities of uint8 images (N, S, S, 3), as texts."""
        return [[self.classes[p.argmax()], *map(repr, p.tolist())] for p in self.probabilities(images)]

    def _judge(self, images: np.ndarray) -> np.ndarray:
        upright = as_tensor(images)
        logits = [predict(net, view) for net in self.models for view in (upright, upright.flip(3))]
        return softmax(log_mean_probability(torch.stack(logits).numpy()) / self.temperature, axis=1)


# --- one file ------------------------------------------------------------------------------------------------

# attributes of a Predictor that its file keeps as they are
WORDS = "kind arguments image_size temperature name note accuracy trained_on trainings".split()


def save_predictor(path: Path, predictor: Predictor) -> None:
    """Write a predictor into one file of weights in half precision, atomically.

    Raises UserError for weights that are not finite, ValueError or TypeError for an unknown kind and for words that are
    no JSON, before anything is written.
    """
    if predictor.kind not in ARCHITECTURES:
        raise ValueError(f"unknown kind '{predictor.kind}'; known: {', '.join(ARCHITECTURES)}")
    record = {name: getattr(predictor, name) for name in WORDS} | {"classes": list(predictor.classes)}
    record |= {"format": FORMAT, "nets": len(predictor.models)}
    state = {
        f"{number}.{name}": half_precision(tensor)
        for number, net in enumerate(predictor.models)
        for name, tensor in stored_part(net).items()
    }
    store.write_weights(Path(path), state, {"predictor": record})


def load_predictor(path: Path) -> Predictor:
    """Read what `save_predictor` wrote. Raises UserError for a missing, damaged or foreign file."""
    record = read_predictor_record(path)
    state = store.read_weights(path)[1]
    try:
        nets = [restore(build(record), state_of(state, number)) for number in range(record["nets"])]
        words = {name: record[name] for name in WORDS}
        return Predictor(**words, classes=tuple(record["classes"]), models=nets)
    except ImportError as error:
        package = (error.name or str(error)).partition(".")[0]
        raise UserError(f"{path} needs the package {package}; install what requirements.txt lists") from error
    except (TypeError, KeyError, ValueError, RuntimeError) as error:  # arguments, names or shapes of another version
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
        raise UserError(f"{path} is of another version of clockodile (kind '{record['kind']}'); make it again")
    return record


# --- nets and their entries ----------------------------------------------------------------------------------


def build(record: Mapping) -> nn.Module:
    """An untrained net as a record describes it."""
    size = {"classes": len(record["classes"]), "image_size": record["image_size"]}
    with seeded(0):  # its random start is overwritten; the state outside must not move
        return ARCHITECTURES[record["kind"]](**size, **record["arguments"])


def stored_part(net: nn.Module) -> dict[str, torch.Tensor]:
    """The part of a net's state that belongs in a file; the rest comes with its constructor."""
    prefixes = tuple(getattr(net, "stored_prefixes", ("",)))
    return {name: tensor for name, tensor in net.state_dict().items() if name.startswith(prefixes)}


def state_of(state: Mapping[str, torch.Tensor], number: int) -> dict[str, torch.Tensor]:
    """The entries of net `number` in a predictor's file, under the net's own names."""
    prefix = f"{number}."
    return {name.removeprefix(prefix): state[name] for name in state if name.startswith(prefix)}


def restore(net: nn.Module, stored: Mapping[str, torch.Tensor]) -> nn.Module:
    """A fresh net with stored weights, in evaluation mode.

    Raises ValueError or RuntimeError when they are not exactly those it wants.
    """
    odd = sorted(stored.keys() ^ stored_part(net).keys())
    if odd:
        raise ValueError(f"'{odd[0]}' is in the net or in the file, but not in both")
    net.load_state_dict(stored, strict=False)
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
