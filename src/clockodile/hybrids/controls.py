"""What must *not* count as both, and how good a rule is that chooses: the questions a sceptic would ask first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from clockodile.ambiguous.evidence import LENIENT, quadrants
from clockodile.ambiguous.neither import pictures_of_neither
from clockodile.data.dataset import Dataset, as_images, as_tensor
from clockodile.hybrids.blends import pyramid_paste
from clockodile.hybrids.methods import parent_images
from clockodile.hybrids.quality import Yardstick
from clockodile.workspace import Run


def with_other_things(run: Run, data: Dataset, seeds: Sequence[int]) -> dict[str, np.ndarray]:
    """One class pasted together with a picture of something else: title -> uint8 (N, S, S, 3).

    data: all splits. The photographs are those of the same seeds' hybrids; the other half of the pair is replaced. If a
    judge calls many of them both, it takes any two things in one frame for both classes.
    """
    neither = as_tensor(pictures_of_neither(data, seed=run.seed).images)
    rows = [int(np.random.default_rng([run.seed, seed]).integers(len(neither))) for seed in seeds]
    first, second = parent_images(run, data, seeds)
    name_a, name_b = (data.classes[label] for label in run.recipe.pair)
    return {
        f"'{name_a}' with another thing": as_images(pyramid_paste(first, neither[rows])),
        f"'{name_b}' with another thing": as_images(pyramid_paste(neither[rows], second)),
    }


def other_things(run: Run, data: Dataset, known: Yardstick) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of neither class, uint8 (M, S, S, 3), and what the judge sees of the pair in them, (M, 2). data: all."""
    images = pictures_of_neither(data, seed=run.seed).images
    some = np.random.default_rng(run.seed).permutation(len(images))[:100]
    return images[some], known.evidence(images[some])[:, list(run.recipe.pair)]


def choosers(known: Yardstick, stored: Mapping[str, np.ndarray], titles: Mapping[str, str]) -> pd.DataFrame:
    """A row for each method whose tries are stored ("tried_<name>", "worth_<name>"): see `rule_against_judge`."""
    rows = [
        {"tries of": titles[name]}
        | rule_against_judge(known.evidence(stored[f"tried_{name}"]), stored[f"worth_{name}"], known.pair)
        for name in titles
        if f"tried_{name}" in stored
    ]
    return pd.DataFrame(rows).set_index("tries of")


def rule_against_judge(
    evidence: np.ndarray, worth: np.ndarray, pair: tuple[int, int], *, threshold: float = LENIENT
) -> dict[str, float]:
    """How well a rule finds among T tries for N seeds what the judge calls both.

    evidence: of the judge, (T * N, C), all seeds of the first try first; worth: of the rule, (T, N), the greatest is
    kept. Returns shares in [0, 1]: both of "all" tries, of the "chosen", "any" of a seed's tries (what somebody
    all-knowing would find); and "agreement", the rank correlation of worth with the judge's lesser evidence.
    """
    both = (quadrants(evidence, pair, threshold=threshold) == "both").reshape(worth.shape)
    lesser = evidence[:, list(pair)].min(1)
    chosen = both[worth.argmax(0), np.arange(worth.shape[1])]
    return {
        "all": float(both.mean()),
        "chosen": float(chosen.mean()),
        "any": float(both.any(0).mean()),
        "agreement": float(spearmanr(worth.ravel(), lesser)[0]),
    }
