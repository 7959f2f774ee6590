"""Nets of earlier published reports, rebuilt from their descriptions to be trained and judged on our terms.

A report rarely prints all of its net: what had to be guessed is said in each docstring. All take images float32
(N, 3, S, S) in [0, 1], S >= 8. All but the first scale them to [-1, 1], which no report mentions and any net wants.
"""

from itertools import pairwise

import torch
from torch import nn


def centred(images: torch.Tensor) -> torch.Tensor:
    """Pixel values of [0, 1] moved to [-1, 1]."""
    return images * 2 - 1


class ReportNet(nn.Module):
    """What all of them have: a last layer, `out`, that sees their `features`."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (N, C) of images (N, 3, S, S) in [0, 1]."""
        return self.out(self.features(images))


class ThreeBlockNet(ReportNet):
    """The net of report 000, "Clocks and Crocodiles": three Conv-MaxPool-ReLU blocks, then two dense layers.

    The report ends in one sigmoid and binary cross-entropy. Here each class has a logit and the loss is softmax
    cross-entropy: for two classes the same model (the sigmoid of the difference of two logits), and it works for C > 2.
    """

    def __init__(self, *, classes: int = 2, image_size: int = 32, channels: tuple = (16, 32, 64), hidden: int = 128):
        super().__init__()
        blocks = []
        for width, out in pairwise((3, *channels)):
            blocks += [nn.Conv2d(width, out, 3, padding=1), nn.MaxPool2d(2), nn.ReLU()]
        side = image_size // 2 ** len(channels)  # each block halves the picture: 32 -> 4
        self.blocks = nn.Sequential(*blocks)
        self.hidden = nn.Linear(channels[-1] * side * side, hidden)
        self.out = nn.Linear(hidden, classes)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Latent vectors: what the last layer sees. images: (N, 3, S, S) in [0, 1]; returns (N, hidden), >= 0."""
        return torch.relu(self.hidden(self.blocks(images).flatten(1)))


class ShallowNet(ReportNet):
    """The cheap net of report 001, "Clocks vs. Crocodiles": four layers with LeakyReLU, 65-75 % there.

    403,746 parameters at 32 pixels and two classes. Guessed: that the layers are dense (the report sets it against "a
    CNN"), their widths 128, 64 and 32, and the slope 0.01 of the LeakyReLU.
    """

    def __init__(self, *, classes: int = 2, image_size: int = 32, widths: tuple = (128, 64, 32)):
        super().__init__()
        layers = [nn.Flatten()]
        for width, out in pairwise((3 * image_size**2, *widths)):
            layers += [nn.Linear(width, out), nn.LeakyReLU()]
        self.layers = nn.Sequential(*layers)
        self.out = nn.Linear(widths[-1], classes)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """What the last layer sees, (N, 32)."""
        return self.layers(centred(images))


class FiveConvNet(ReportNet):
    """The convolutional net of report 001: five convolutions, LeakyReLU, max pooling, global pooling; up to 92 % there.

    294,530 parameters for two classes, at any image size. Guessed: widths 32 to 128, 3x3 kernels, pooling after each
    of the first three convolutions, the mean as global pooling, and one dense layer of 128 after it, because the report
    takes its image features from "the last fully-connected layer (so-called fc7)".
    """

    def __init__(self, *, classes: int = 2, image_size: int = 32, widths: tuple = (32, 64, 64, 128, 128)):
        super().__init__()
        blocks = []
        for index, (width, out) in enumerate(pairwise((3, *widths))):
            blocks += [nn.Conv2d(width, out, 3, padding=1), nn.LeakyReLU()]
            if index < 3:  # a picture of 8 pixels can be halved three times
                blocks.append(nn.MaxPool2d(2))
        self.blocks = nn.Sequential(*blocks)
        self.hidden = nn.Linear(widths[-1], 128)
        self.out = nn.Linear(128, classes)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """The report's "fc7" features: what the last layer sees, (N, 128)."""
        pooled = self.blocks(centred(images)).mean((2, 3))
        return nn.functional.leaky_relu(self.hidden(pooled))


class SevenBlockNet(ReportNet):
    """The net printed in report 002 (faces of two actresses): 81.25 % of test, 96.3 % of training photographs there.

    18,351,106 parameters for two classes: the 70.00 MB of the report's table. Seven blocks of convolution, batch
    normalisation, LeakyReLU and average pooling, then dense layers of 256, 64 and C. Changed: a 32-pixel picture can be
    halved only five times, so blocks do not pool once a single pixel is left.
    Guessed: LeakyReLU between the dense layers, which a printed list of layers would not show. Training needs batches
    of two images or more.
    """

    def __init__(self, *, classes: int = 2, image_size: int = 32, widths: tuple = (64, 128, 256, 512, 512, 1024, 1024)):
        super().__init__()
        blocks, side = [], image_size
        for width, out in pairwise((3, *widths)):
            blocks += [nn.Conv2d(width, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.LeakyReLU(inplace=True)]
            if side > 1:
                blocks.append(nn.AvgPool2d(2))
                side //= 2
        self.blocks = nn.Sequential(*blocks)
        self.dense = nn.Sequential(
            nn.Linear(widths[-1], 256), nn.LeakyReLU(inplace=True), nn.Linear(256, 64), nn.LeakyReLU(inplace=True)
        )
        self.out = nn.Linear(64, classes)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """What the last layer sees, (N, 64)."""
        return self.dense(self.blocks(centred(images)).mean((2, 3)))


class TwoConvBlockNet(ReportNet):
    """The net of report 004 (CIFAR-10 as animals against vehicles), best of five variants: 95.37 % of its test images.

    304,674 parameters for two classes, at any image size. Three blocks (32, 64, 128 channels) of two convolutions with
    batch normalisation and ReLU, max pooling and dropout 0.3; global average pooling; a dense layer with dropout.
    Guessed: one dense layer of 128 where the report has "several", its dropout of 0.3, and `weight_decay`.
    l2: times the squared dense weights is added to the loss, as Keras does.
    """

    # The report gives no L2 penalty for its own nets; 1e-3 is that of its transfer net, on dense layers only. Keras
    # adds 1e-3 * w ** 2 to the loss, torch's Adam adds weight_decay * w to the gradient: twice the number.
    weight_decay = 2e-3

    def __init__(
        self,
        *,
        classes: int = 2,
        image_size: int = 32,
        widths: tuple = (32, 64, 128),
        dense: tuple = (128,),
        dropout: float = 0.3,
        batch_norm: bool = True,
        l2: float = 0.0,
    ):
        super().__init__()
        blocks, hidden = [], []
        for width, out in pairwise((3, *widths)):
            for channels in (width, out):
                norm = [nn.BatchNorm2d(out)] if batch_norm else []
                blocks += [nn.Conv2d(channels, out, 3, padding=1), *norm, nn.ReLU()]
            blocks += [nn.MaxPool2d(2), nn.Dropout(dropout)]
        for width, out in pairwise((widths[-1], *dense)):
            hidden += [nn.Linear(width, out), nn.ReLU(), nn.Dropout(dropout)]
        self.blocks = nn.Sequential(*blocks)
        self.hidden = nn.Sequential(*hidden[:-1])
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear((*widths, *dense)[-1], classes)
        for layer in (part for part in (*self.hidden, self.out) if l2 and isinstance(part, nn.Linear)):
            layer.weight.register_hook(lambda slope, layer=layer: slope + 2 * l2 * layer.weight.detach())

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """What the last layer sees when nothing is dropped, (N, 128), >= 0."""
        return self.hidden(self.blocks(centred(images)).mean((2, 3)))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (N, C)."""
        return self.out(self.dropout(self.features(images)))
