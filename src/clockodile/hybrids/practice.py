"""Practice: the flow learns from those of its own pictures that the guides like best.

Composing two classes rarely meets a picture of both, but meets it sometimes. So the flow draws many, the rule of
mixing.py picks the few best, and they become photographs of a new label, "both" (reward-ranked fine-tuning, Dong et
al., 2023; the idea is as old as breeding). Only what tells the net about time and label may change, a tenth of its
numbers: how to draw has been learned already. Then once more, with what it draws now. The judge has no part in it.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from clockodile import artifacts
from clockodile.data.dataset import Dataset, as_images, as_tensor
from clockodile.hybrids.flow import FlowPlan, train_flow
from clockodile.hybrids.generator import Material, material_of
from clockodile.hybrids.mixing import (
    COMPOSING,
    PRACTISED,
    Mixer,
    in_equal_parts,
    mix_once,
    way_of,
    worth,
)
from clockodile.hybrids.unet import UNet, learn_both, tells
from clockodile.workspace import Run

NAME, FOLDER = "generators/practice", "practice"  # weights, and pictures drawn on the way
VERSION = 1  # raise it when practice changes its meaning: kept weights are then trained anew
LOOKS = 4  # times that a round's training is kept on the way
FIRST_SEED = 300_000  # of the pictures drawn for practice: far from those shown


@dataclass(frozen=True)
class Practice:
    """How a flow practises. One number for each round where there are several."""

    drawn: tuple[int, ...]  # pictures drawn
    kept: int  # of all that were drawn up to then
    plan: FlowPlan  # of the training that follows
    steps: int = 6  # of the walk: these need not be the finest


SHORT = FlowPlan(steps=240, learning_rate=1e-3, averaging=0.99, others=0.15, both=0.45)
PRACTICES = {  # by profile
    "quick": Practice(drawn=(96, 48), kept=32, plan=replace(SHORT, steps=60, batch=32)),
    "full": Practice(drawn=(2880, 1152), kept=256, plan=SHORT),
}


def practice_for(run: Run) -> Practice:
    """How the flow practises in this run's profile."""
    practice, scaled = PRACTICES[run.profile.name], run.profile.scaled
    plan = replace(practice.plan, steps=scaled(practice.plan.steps))
    return replace(practice, drawn=tuple(scaled(count) for count in practice.drawn), plan=plan)


def fit_practice(run: Run, data: Dataset, mixer: Mixer, *, retrain: bool = False) -> artifacts.Fitted:
    """What the mixer's flow learns by practice; its metrics hold "rounds", see `best_of`.

    data: all splits; mixer: as from `fit_composer`. Pictures drawn on the way are kept in the run folder.
    """
    practice, material = practice_for(run), material_of(data, seed=run.seed)
    config = {"net": "practice", "version": VERSION, "seed": run.seed, "known": material.key}
    config |= {"flow": weights_key(mixer.net)}
    made_with = {"practice": asdict(practice), "ways": [*COMPOSING, *PRACTISED]}
    whole, places = config | made_with, []

    def fit() -> tuple[dict, dict]:
        now, pool, rounds = mixer, [], []
        for number, count in enumerate(practice.drawn, start=1):
            drawing = partial(draw, now, FIRST_SEED * number, count, practice.steps)
            pool.append(artifacts.remember(run.dir, f"{FOLDER}/{number}.npz", whole, drawing, anew=retrain))
            best, about = best_of(pool, practice.kept)
            rounds.append(about)
            places.append(run.dir / FOLDER / f"{artifacts.key_of(whole)}-{number}.checkpoint")
            now = learn_from(
                now, best, material, practice.plan, seed=run.seed + number, checkpoint=places[-1]
            )
        state = {name: part.half() for name, part in now.net.state_dict().items() if tells(name)}
        return state, {"rounds": rounds}

    fitted = artifacts.fit_or_load(
        NAME, whole, data.fingerprint, fit, run_dir=run.dir, retrain=retrain, enough=config
    )
    for place in places:  # not before the weights are stored
        place.unlink(missing_ok=True)
    return fitted


def draw(mixer: Mixer, first_seed: int, count: int, steps: int) -> dict[str, np.ndarray]:
    """Pictures to choose from, by all the mixer's ways in turn: images (N, S, S, 3), their worth by the rule (N,)."""
    parts, ways = [], len(mixer.ways)
    for number in range(min(ways, count)):
        seeds = range(first_seed + number, first_seed + count, ways)
        parts.append(mix_once(mixer, seeds, steps=steps, **way_of(mixer, number)))
    images = torch.cat(parts)
    evidence = in_equal_parts(mixer.guides.evidence, images)[:, list(mixer.pair)]
    return {"images": as_images(images), "worth": worth(evidence, 0.5).numpy()}


def best_of(pool: list[dict[str, np.ndarray]], kept: int) -> tuple[np.ndarray, dict]:
    """The pictures of greatest worth in all rounds, uint8 (kept, S, S, 3), and what was found in the last round."""
    images, found = (np.concatenate([drawn[part] for drawn in pool]) for part in ("images", "worth"))
    best = np.argsort(-found, kind="stable")[:kept]
    about = {
        "drawn": len(pool[-1]["worth"]),
        "kept": len(best),
        "worth": float(pool[-1]["worth"].mean()),
        "least": float(found[best].min()),
    }
    return images[best], about


def learn_from(
    mixer: Mixer, best: np.ndarray, material: Material, plan: FlowPlan, *, seed: int, checkpoint: Path
) -> Mixer:
    """The mixer after one round: pictures `best` are learned as "both", beside all that was known before."""
    classes = len(mixer.classes)
    start = mixer.net if hasattr(mixer.net, "both") else learn_both(mixer.net, mixer.pair)
    images = torch.cat([material.images, as_tensor(best)])
    labels = torch.cat([material.labels, torch.full((len(best),), start.both)])
    net, _ = train_flow(
        images,
        labels,
        plan,
        classes=classes,
        seed=seed,
        start=start,
        learning=tells,
        checkpoint=checkpoint,
        every=-(-plan.steps // LOOKS),
    )
    return replace(mixer, net=net, ways=PRACTISED)


def practised(mixer: Mixer, state: dict[str, torch.Tensor]) -> Mixer:
    """The mixer after practice; its tries differ by their noise alone. state: as `fit_practice` keeps it."""
    net = learn_both(mixer.net, mixer.pair)
    net.load_state_dict({name: part.float() for name, part in state.items()}, strict=False)
    return replace(mixer, net=net.eval(), ways=PRACTISED[:1])


def weights_key(net: UNet) -> str:
    """16 hexadecimal digits that change with the net that practice starts from."""
    digest = hashlib.sha256()
    for part in net.state_dict().values():
        digest.update(part.half().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]
