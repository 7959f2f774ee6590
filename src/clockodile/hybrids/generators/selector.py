"""Who keeps one of several drawings: a second judge, on another network, for the judge that scores must not choose."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from clockodile.ambiguous.evidence import Judge
from clockodile.ambiguous.judge import examples_of, fitted_judge, judge_from, maps_of
from clockodile.core import store
from clockodile.core.errors import UserError
from clockodile.core.workspace import Run
from clockodile.data.dataset import Dataset, as_images

NAME = "generators/selector"
NETWORK = "efficientnet_lite1"  # the judge of notebook 03 looks through EfficientNet-Lite0
SIDES = (96,)  # pixels: at one size, since it looks at a score of drawings for each that is kept
HELD_OUT = 0  # the fold that no generator sees: it tells copies from inventions and measures realism


@dataclass(frozen=True)
class Selector:
    """Rates pictures, by probes that have not seen the held-out fold."""

    judge: Judge
    pair: tuple[int, int]  # the two classes that are mixed, of those that it knows

    def scores(self, pictures: torch.Tensor) -> torch.Tensor:
        """How much of each of the two classes the strongest place of pictures holds: (N, 2), any size.

        pictures: (N, 3, S, S) in [0, 1].
        """
        maps = maps_of(as_images(pictures), NETWORK, SIDES)
        found = self.judge.scores(maps, np.full(len(pictures), HELD_OUT))
        return torch.from_numpy(found[:, list(self.pair)])


def fit_selector(run: Run, data: Dataset, *, retrain: bool = False) -> Selector:
    """The package's selector where it learned from these photographs, else a new one. data: all splits."""
    fitted = fitted_judge(run, data, examples_of(run, data, NETWORK, SIDES), NAME, retrain=retrain)
    return selector_from(fitted, [data.classes[label] for label in run.recipe.pair])


def selector_from(fitted: store.Checkpoint, names: Sequence[str]) -> Selector:
    """The selector in a stored file, for two of its classes. Raises UserError for a class that it does not know."""
    classes = fitted.metrics["classes"]
    if unknown := [name for name in names if name not in classes]:
        raise UserError(f"the selector does not know '{unknown[0]}'; it knows {', '.join(classes[:3])}")
    return Selector(judge_from(fitted), tuple(map(classes.index, names)))
