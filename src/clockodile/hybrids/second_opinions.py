"""Do others see both classes too? Second opinions on made pictures, beside that of the judge.

The witness looks through another network, with one probe where the judge has five. The nets of notebook 02 only
compare the classes: "undecided" is all they can say. The last layer of the judge's network has names for some classes
and was never shown one of our photographs; its features are those that the judge reads, so the two share their eyes,
though not what they learned to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from clockodile.ambiguous.evidence import LENIENT, Judge, percentile, quadrants
from clockodile.ambiguous.judge import SIDES
from clockodile.classify.own_net import fold_nets
from clockodile.core import store
from clockodile.core.workspace import Run
from clockodile.data.dataset import Dataset, as_tensor
from clockodile.hybrids.evaluation import Evaluation
from clockodile.hybrids.measures import share_of
from clockodile.learn.backbones import DEFAULT_BACKBONE, load_with_last_layer
from clockodile.learn.training import predict

JUDGE, WITNESS, OLDER = "judge: both", "witness: both", "older rule: both"
NETS, NAMES = "nets: undecided", "ImageNet names: both"
UNDECIDED = (0.25, 0.75)  # probabilities of the second class between which nets count as undecided
LABELS = {  # class name -> the ImageNet labels (0..999) that mean the same thing, chosen by name before any measuring
    "clock": (409, 530, 531, 826, 892),  # analog clock, digital clock, digital watch, stopwatch, wall clock
    "crocodile": (49, 50),  # African crocodile, American alligator; lizards are other things
}


def see_both(evidence: np.ndarray, pair: tuple[int, int]) -> np.ndarray:
    """Which pictures have evidence (N, C) in [0, 1] for both classes, each apart, that 10 % of other things have."""
    return quadrants(evidence, pair, threshold=LENIENT) == "both"


def undecided(second: np.ndarray) -> np.ndarray:
    """Which pictures have a probability (N,) of the second class against the first that is neither high nor low."""
    return (second >= UNDECIDED[0]) & (second <= UNDECIDED[1])


# --- the nets of notebook 02 --------------------------------------------------------------------------------


def probability_of_second(
    run: Run, data: Dataset, images: np.ndarray, *, folds: Sequence[int] | None = None
) -> np.ndarray:
    """Mean probability (N,) in [0, 1] of the pair's second class against its first, by the nets of notebook 02.

    images: uint8 (N, S, S, 3) that none of the nets was trained on; data: all splits. folds: whose nets are asked, by
    default all; leave out those that steered a generator.
    """
    train = data.part("train")
    nets = [net for net, _ in fold_nets(run, train, run.seed)]
    chosen = nets if folds is None else [nets[fold] for fold in folds]
    return np.mean([second_by(net, images, run.recipe.pair) for net in chosen], axis=0)


def second_by(net: nn.Module, images: np.ndarray, pair: tuple[int, int]) -> np.ndarray:
    """Probability (N,) of the pair's second class against its first by one net, of uint8 images (N, S, S, 3)."""
    logits = predict(net, as_tensor(images), mirrored=True)[:, list(pair)]
    return logits.softmax(1)[:, 1].double().numpy()


# --- names that the ImageNet network knows ------------------------------------------------------------------


def labels_for(class_name: str) -> tuple[int, ...] | None:
    """The ImageNet labels (0..999) for a class of this name, singular or plural; None when there are none known."""
    name = class_name.strip().lower()
    return LABELS.get(name) or LABELS.get(name.removesuffix("s"))


@cache
def last_layer() -> nn.Linear:
    """What makes logits of the 1,000 ImageNet labels out of EfficientNet-Lite0's features."""
    return load_with_last_layer(DEFAULT_BACKBONE, side=SIDES[-1])[1].requires_grad_(False)


def log_mass(features: np.ndarray, wanted: Sequence[tuple[int, ...]]) -> np.ndarray:
    """Logarithm of the probability that the ImageNet network gives to groups of its labels: float (N, len(wanted)).

    features: (N, 2 * D) as of judging.features_of, of which those of the larger pictures are read.
    """
    width = features.shape[1] // len(SIDES)
    logits = last_layer()(torch.from_numpy(np.asarray(features[:, -width:], np.float32)))
    log_probability = logits.double().log_softmax(1)
    return torch.stack([log_probability[:, list(labels)].logsumexp(1) for labels in wanted], 1).numpy()


def evidence_by_name(run: Run, data: Dataset, features: np.ndarray) -> np.ndarray | None:
    """Evidence (N, 2) in [0, 1] for the pair by names: the share of pictures of neither that get less of its labels.

    features: (N, 2 * D) as of judging.features_of; data: all splits. Needs the judge's stored features. None when a
    class of the pair has no ImageNet labels.
    """
    wanted = tuple(labels_for(data.classes[label]) for label in run.recipe.pair)
    if None in wanted:
        return None
    others = log_mass_of_others(run.dir, data.fingerprint, len(data.part("train")), wanted)
    return percentile(log_mass(features, wanted), others)


@cache
def log_mass_of_others(
    folder: Path, fingerprint: str, known: int, wanted: tuple[tuple[int, ...], ...]
) -> np.ndarray:
    """`log_mass` of the pictures of neither, sorted: a run's stored features hold them after `known` photographs.

    Kept from call to call; fingerprint: of the data, so that other data are read anew.
    """
    others = store.load(folder, "features/judge.npz")["rows"][known:]
    return np.sort(log_mass(others, wanted), axis=0)


# --- all of them --------------------------------------------------------------------------------------------


def opinions(
    run: Run,
    data: Dataset,
    measured: Evaluation,
    second: np.ndarray,
    *,
    witness: np.ndarray | None = None,
    older: Judge | None = None,
) -> dict[str, np.ndarray]:
    """Which of N measured pictures everybody counts as both (or undecided), bool (N,), by name of the opinion.

    measured: from quality.measure; second: (N,) from `probability_of_second`, or out of fold for photographs; witness:
    (N, C) the evidence that other eyes see (eyes.Eyes); older: a judge for whom the one class speaks against the other
    (other_judges.judge_of). Without names for both classes, that opinion is left out.
    """
    found = {JUDGE: see_both(measured.evidence, measured.pair)}
    if witness is not None:
        found[WITNESS] = see_both(witness, measured.pair)
    if older is not None:
        found[OLDER] = see_both(older.evidence(measured.features), measured.pair)
    found[NETS] = undecided(second)
    by_name = evidence_by_name(run, data, measured.features)
    if by_name is not None:
        found[NAMES] = see_both(by_name, (0, 1))
    return found


def opinion_table(found: Mapping[str, Mapping[str, np.ndarray]]) -> pd.DataFrame:
    """Share of pictures, 0..1, counted as both (or undecided): a row a method, three columns an opinion.

    found: method -> opinions. Columns are method, then <opinion>, <opinion> low and <opinion> high (Wilson's interval).
    """
    rows = []
    for method, said in found.items():
        row = {"method": method}
        for name, opinion in said.items():
            share = share_of(opinion)
            row |= {name: share.value, f"{name} low": share.low, f"{name} high": share.high}
        rows.append(row)
    return pd.DataFrame(rows)
