"""Our net, and the contract every classifier keeps: images in, one logit per class out.

A classifier is a torch module. `forward(images)` takes float32 (N, 3, S, S) in [0, 1] and returns logits (N, C);
`features(images)` returns what its last layer sees, (N, D). Scaling of the pixels happens inside.
"""

import torch
from torch import nn


class Stage(nn.Module):
    """Look, halve, look again: a convolution and a maximum over 2 x 2, then a second convolution added to the first.

    (N, inputs, H, W) in, (N, outputs, H // 2, W // 2) out. The sum (He et al., 2016) gives the gradient a short way
    down. The first convolution sees four times the pixels of the second, yet pooling right behind it keeps all that
    follows cheap.
    """

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        maps = torch.relu(self.first_norm(nn.functional.max_pool2d(self.first(maps), 2)))
        return maps + torch.relu(self.second_norm(self.second(maps)))


def scaled(images: torch.Tensor) -> torch.Tensor:
    """Pixel values of [0, 1] moved to [-2, 2], a spread of about one."""
    return (images - 0.5) * 4


LARGE = 96  # pixels a side; of so many the means of two by two do as well, in a third of the time
PATCH = 2  # pixels a side of what the first layer looks at
PATTERNS = 3 * PATCH**2  # independent patterns in such a patch
# a variance; patterns weaker than this are not raised to full strength, or grain would drown the rest
FLOOR = 0.02


class CompactResNet(nn.Module):
    """Our net: a residual network small enough to train on a laptop's processor, about 0.65 million weights.

    The first layer is computed, not learned (see `whiten`). Three stages follow (32 -> 16 -> 8 -> 4 pixels a side),
    then the strongest response of each map anywhere in the picture: a dial is a dial wherever it hangs. Works for any
    image of at least 8 x 8 pixels. The plan goes back to Page (2018) and Jordan (2024, arXiv 2404.00498).
    """

    def __init__(self, *, classes: int = 2, image_size: int = 32, widths: tuple[int, ...] = (48, 96, 192)):
        super().__init__()
        self.shrink = nn.AvgPool2d(2) if image_size >= LARGE else nn.Identity()
        self.stem = nn.Conv2d(3, 2 * PATTERNS, PATCH, padding=1)
        self.stem.weight.requires_grad_(False)
        nn.init.zeros_(self.stem.bias)
        pairs = zip((2 * PATTERNS, *widths), widths, strict=False)
        self.stages = nn.Sequential(*(Stage(inputs, outputs) for inputs, outputs in pairs))
        self.out = nn.Linear(widths[-1], classes)

    @torch.no_grad()
    def whiten(self, images: torch.Tensor) -> None:
        """Set the first layer by the images it is about to learn from: float (N, 3, S, S) in [0, 1].

        Neighbouring pixels are nearly alike, so most of what a first layer could report is the same thing. Its filters
        become the principal components of all 2 x 2 patches, scaled to equal strength, each with its negative: then
        every response is news.
        """
        patches = nn.functional.unfold(scaled(self.shrink(images)), PATCH).transpose(1, 2).reshape(-1, PATTERNS)
        variances, directions = torch.linalg.eigh(patches.T @ patches / len(patches))
        filters = (directions / torch.sqrt(variances + FLOOR)).T.reshape(PATTERNS, 3, PATCH, PATCH)
        self.stem.weight.copy_(torch.cat([filters, -filters]))

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """The strongest response of each last map, (N, widths[-1]), >= 0. images: (N, 3, S, S) in [0, 1]."""
        return self.stages(torch.relu(self.stem(scaled(self.shrink(images))))).amax((2, 3))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (N, C) of images (N, 3, S, S) in [0, 1]."""
        return self.out(self.features(images))


def count_parameters(model: nn.Module) -> int:
    """Number of trained values in a model."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
