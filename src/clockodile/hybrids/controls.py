"""What must *not* count as both, and how good a rule is that chooses: the questions a sceptic would ask first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from scipy.stats import spearmanr

from clockodile.ambiguous.evidence import LENIENT, percentile, quadrants
from clockodile.ambiguous.judging import features_of
from clockodile.data.dataset import Dataset, as_images, as_tensor
from clockodile.hybrids.blends import pyramid_paste
from clockodile.hybrids.measures import Estimate, both_rate
from clockodile.hybrids.methods import parents
from clockodile.hybrids.mixing import in_equal_parts, worth
from clockodile.hybrids.quality import Yardstick
from clockodile.workspace import Run


def both_with_other_things(
    run: Run, data: Dataset, known: Yardstick, seeds: Sequence[int], *, threshold: float = LENIENT
) -> dict[str, Estimate]:
    """How often one class pasted together with something else is called both: title -> share with its interval.

    data: all splits. The photographs are those of the same seeds' hybrids; the other half of the pair is replaced. If
    the share is high, the judge takes any two things in one frame for both classes. Judged by the probe that has seen
    neither half.
    """
    found = {}
    for title, (pictures, fold) in pasted_with_other_things(run, data, known, seeds).items():
        evidence = known.judged.judge.evidence(features_of(pictures), fold=fold)
        found[title] = both_rate(evidence, known.pair, threshold=threshold)
    return found


def pasted_with_other_things(
    run: Run, data: Dataset, known: Yardstick, seeds: Sequence[int]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The pictures, uint8 (N, S, S, 3), and the fold of both halves, int (N,); nothing is cut from photographs."""
    judged, made = known.judged, {}
    rows = parents(data, run.recipe.pair, seeds, run.seed)
    for place, name in enumerate(data.classes[label] for label in run.recipe.pair):
        fold = data.fold[rows[:, place]]
        thing = np.empty(len(seeds), np.int64)
        for number, seed in enumerate(seeds):
            free = (judged.fold_neither == fold[number]) & (judged.neither.origin < 0)
            thing[number] = np.random.default_rng([run.seed, seed, 1]).choice(np.flatnonzero(free))
        halves = [as_tensor(data.images[rows[:, place]]), as_tensor(judged.neither.images[thing])]
        pasted = pyramid_paste(*(halves if place == 0 else halves[::-1]))
        made[f"'{name}' with another thing"] = (as_images(pasted), fold)
    return made


def other_things(known: Yardstick, *, count: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of neither class, uint8 (M, S, S, 3), and evidence for the pair, (M, 2), without their fold."""
    judged = known.judged
    some = np.random.default_rng(known.seed).permutation(len(judged.neither.images))[:count]
    evidence = percentile(judged.scores_neither[some], judged.judge.others)
    return judged.neither.images[some], evidence[:, list(known.pair)]


@torch.no_grad()
def choosers(
    known: Yardstick,
    stored: Mapping[str, np.ndarray],
    titles: Mapping[str, str],
    rivals: Mapping[str, Callable[[torch.Tensor], torch.Tensor]] | None = None,
) -> pd.DataFrame:
    """A row for each method whose tries are stored ("tried_<name>", "worth_<name>"): see `rule_against_judge`.

    rivals: name -> evidence (N, C) for images (N, 3, S, S), of others who might have chosen by the same rule: what
    they would have "chosen" and their "agreement" in columns of their own.
    """
    rows = []
    for name in titles:
        if f"tried_{name}" not in stored:
            continue
        tried, found = stored[f"tried_{name}"], stored[f"worth_{name}"]
        evidence = known.evidence(tried)
        row = {"tries of": titles[name]} | rule_against_judge(evidence, found, known.pair)
        for rival, look in (rivals or {}).items():
            seen = in_equal_parts(look, as_tensor(tried))[:, list(known.pair)]
            theirs = worth(seen, 0.5).reshape(found.shape)
            measured = rule_against_judge(evidence, theirs.numpy(), known.pair)
            row |= {f"{rival}: {part}": measured[part] for part in ("chosen", "agreement")}
        rows.append(row)
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
