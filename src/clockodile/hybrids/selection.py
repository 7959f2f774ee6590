"""Other judges than notebook 03's: one network selects among made pictures, a second is asked when all is done.

Small nets trained from scratch see little of what the judge sees in a hybrid. Networks that learned from a million
photographs do, even though each learned by itself. So the selector is one of those, and the witness, an independent
judge, another; neither is the judge's network, and the witness selects nothing. Both have probes made as the judge's
are (see ambiguous.evidence).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from clockodile.ambiguous import judge
from clockodile.ambiguous.background import background_pictures
from clockodile.ambiguous.evidence import Judge, percentile
from clockodile.core.workspace import Run
from clockodile.data.dataset import Dataset, as_images
from clockodile.hybrids.generators.flow_of_run import HELD_OUT

SELECTOR, WITNESS = "efficientnet_lite2", "efficientnet_lite1"  # of classify.backbones.PACKAGED
NAMES = {SELECTOR: "generators/selector", WITNESS: "generators/independent_judge"}  # of their files


@dataclass(frozen=True)
class NetworkJudge:
    """A frozen network and probes on it."""

    network: str  # of classify.backbones.PACKAGED
    judge: Judge

    def evidence(self, images: torch.Tensor) -> torch.Tensor:
        """Evidence (N, C) in about [0, 1], as the judge measures it, for images (N, 3, S, S) in [0, 1].

        By the probes that were fitted without the fold that no generator sees: what selects must not know it either
        (only the scale comes from all probes). The judge counts in steps of one other thing; here the score decides
        within a step, or a score could not tell pictures apart that all, or no, other things surpass.
        """
        features = judge.features_of(as_images(images), self.network)
        score = self.judge.scores(features, np.full(len(features), HELD_OUT))
        within = (np.arctan(score) / np.pi) / (
            2 * len(self.judge.background)
        )  # less than half a step of ties
        return torch.from_numpy(percentile(score, self.judge.background) + within)


def fit_network_judge(network: str, run: Run, data: Dataset, *, retrain: bool = False) -> NetworkJudge:
    """A judge for the classes of a run: from its folder, else from the package, else fitted now. data: all splits."""
    background = background_pictures(data, seed=run.seed)
    return NetworkJudge(
        network, judge.fit_on(network, run, data, background, name=NAMES[network], retrain=retrain)[0]
    )
