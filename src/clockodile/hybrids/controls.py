"""What must *not* count as both, and how good the selection is: the questions a sceptic would ask first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from scipy.stats import spearmanr

from clockodile.ambiguous.evidence import LENIENT, percentile, quadrants
from clockodile.ambiguous.judge import features_of
from clockodile.core.workspace import Run
from clockodile.data.dataset import Dataset, as_images, as_tensor
from clockodile.hybrids.evaluation import EvaluationReference
from clockodile.hybrids.generators.blends import pyramid_paste
from clockodile.hybrids.generators.table import parents
from clockodile.hybrids.mixing import in_equal_parts, selection_score

Look = Callable[[torch.Tensor], torch.Tensor]  # images (N, 3, S, S) in [0, 1] -> evidence (N, C)


@dataclass(frozen=True)
class ScoredImages:
    """Pictures and what the judge says of them."""

    images: np.ndarray  # uint8 (N, S, S, 3)
    evidence: np.ndarray  # float (N, C) in [0, 1]


@dataclass(frozen=True)
class Candidates(ScoredImages):
    """T candidates for each of N seeds: all seeds of the first candidate first, (T * N, ...)."""

    scores: np.ndarray  # float (T, N) see `mixing.selection_score`


def pasted_with_other_things(
    run: Run, data: Dataset, known: EvaluationReference, seeds: Sequence[int]
) -> dict[str, ScoredImages]:
    """One class of the pair pasted together with something else, which is not cut from a photograph: title -> N.

    data: all splits. The photographs are those of the same seeds' hybrids; the other half of the pair is replaced. If
    many are called both, the judge takes any two things in one frame for both classes. Judged by the probe that has
    seen neither half.
    """
    judged, made = known.judged, {}
    rows = parents(data, run.recipe.pair, seeds, run.seed)
    for place, name in enumerate(data.classes[label] for label in run.recipe.pair):
        fold = data.fold[rows[:, place]]
        thing = np.empty(len(seeds), np.int64)
        for number, seed in enumerate(seeds):
            free = (judged.fold_background == fold[number]) & (judged.background.origin < 0)
            thing[number] = np.random.default_rng([run.seed, seed, 1]).choice(np.flatnonzero(free))
        halves = [as_tensor(data.images[rows[:, place]]), as_tensor(judged.background.images[thing])]
        pasted = pyramid_paste(*(halves if place == 0 else halves[::-1]))
        images = as_images(pasted)
        made[f"'{name}' with another thing"] = ScoredImages(
            images, judged.judge.evidence(features_of(images), fold=fold)
        )
    return made


def photographs_again(known: EvaluationReference, count: int) -> ScoredImages:
    """Held-out photographs of the pair, `count` times one at random, each judged without its fold."""
    rows = np.random.default_rng(known.seed).choice(known.held_out(known.pair), count)
    return ScoredImages(known.train.images[rows], known.judged.evidence[rows])


def other_things(known: EvaluationReference, *, count: int = 100) -> ScoredImages:
    """Pictures of neither class, judged without their fold; at most `count`."""
    judged = known.judged
    some = np.random.default_rng(known.seed).permutation(len(judged.background.images))[:count]
    evidence = percentile(judged.scores_background[some], judged.judge.background)
    return ScoredImages(judged.background.images[some], evidence)


# --- the selection score --------------------------------------------------------------------------------------


def searched_candidates(
    known: EvaluationReference, stored: Mapping[str, np.ndarray], titles: Mapping[str, str]
) -> dict[str, Candidates]:
    """The candidates of each generator for which `entries.gather` stored them, by the title of its best."""
    return {
        titles[f"{name}_best"]: Candidates(
            stored[f"candidates_{name}"],
            known.evidence(stored[f"candidates_{name}"]),
            stored[f"scores_{name}"],
        )
        for name in titles
        if f"candidates_{name}" in stored
    }


@torch.no_grad()
def scores_by(look: Look, images: np.ndarray, pair: tuple[int, int]) -> np.ndarray:
    """Selection scores of hybrids, uint8 (N, S, S, 3), by another selector: float (N,)."""
    return selection_score(in_equal_parts(look, as_tensor(images))[:, list(pair)], 0.5).numpy()


def candidates_from(
    look: Look, pictures: Mapping[str, ScoredImages], pair: tuple[int, int], n_candidates: int
) -> dict[str, Candidates]:
    """Let the selector choose one of every `n_candidates` pictures, as if they were hybrids.

    Left out altogether is what has fewer than `n_candidates`. A score that finds "both" where there is none only picks
    accidents.
    """
    found = {}
    for title, judged in pictures.items():
        if count := len(judged.images) // n_candidates:
            images = judged.images[: n_candidates * count]
            scores = scores_by(look, images, pair).reshape(n_candidates, count)
            found[title] = Candidates(images, judged.evidence[: n_candidates * count], scores)
    return found


def selectors(
    searched: Mapping[str, Candidates], pair: tuple[int, int], others: Mapping[str, Look] | None = None
) -> pd.DataFrame:
    """A row for each set of candidates, by its title: see `selection_against_judge`.

    others: who might have selected by the same score; what they would have "selected" and their "agreement" stand in
    columns of their own.
    """
    rows = []
    for title, some in searched.items():
        row = {"candidates of": title} | selection_against_judge(some.evidence, some.scores, pair)
        for other, look in (others or {}).items():
            scores = scores_by(look, some.images, pair).reshape(some.scores.shape)
            measured = selection_against_judge(some.evidence, scores, pair)
            row |= {f"{other}: {part}": measured[part] for part in ("selected", "agreement")}
        rows.append(row)
    return pd.DataFrame(rows).set_index("candidates of")


def selection_against_judge(
    evidence: np.ndarray, scores: np.ndarray, pair: tuple[int, int], *, threshold: float = LENIENT
) -> dict[str, float]:
    """How well selection scores find among T candidates for N seeds what the judge calls both.

    evidence: of the judge, (T * N, C), all seeds of the first candidate first; scores: (T, N), the greatest is kept.
    Returns shares in [0, 1]: both of "all" candidates, of the "selected", of seeds with "any" candidate that is (what
    somebody all-knowing would find); and "agreement", the rank correlation of scores and the judge's lesser evidence.
    """
    both = (quadrants(evidence, pair, threshold=threshold) == "both").reshape(scores.shape)
    lesser = evidence[:, list(pair)].min(1)
    selected = both[scores.argmax(0), np.arange(scores.shape[1])]
    return {
        "all": float(both.mean()),
        "selected": float(selected.mean()),
        "any": float(both.any(0).mean()),
        "agreement": float(spearmanr(scores.ravel(), lesser)[0]),
    }
