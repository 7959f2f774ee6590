"""What judges any image file: the judge of a run and its classifier, loaded from two files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clockodile.ambiguous.describe import describe_evidence, quadrant_name
from clockodile.ambiguous.evidence import Judge, percentile
from clockodile.ambiguous.judge import NAME, features_of, judge_from
from clockodile.ambiguous.scores import both
from clockodile.app.predict import Tell, find_best
from clockodile.classify.predictor import Predictor
from clockodile.core.atomic_files import file_digest
from clockodile.core.errors import UserError
from clockodile.core.store import read_checkpoint, shipped_weights


@dataclass(frozen=True)
class Ranker:
    """Everything that judges an image: the frozen network with its probes, and the classifier."""

    judge: Judge
    predictor: Predictor
    classes: tuple[str, ...]
    pair: tuple[int, int]
    image_size: int
    note: str
    key: str  # changes with any of the weights

    def rows(self, images: np.ndarray) -> list[tuple[float, float, str, str, str]]:
        """Score, smaller log-odds, quadrant, reason and all numbers (JSON) of images, uint8 (N, S, S, 3)."""
        odds = self.judge.scores(features_of(images))
        evidence = percentile(odds, self.judge.background)
        probability = self.predictor.probabilities(images)
        scores, finer = both(evidence, self.pair), both(odds, self.pair)
        return [
            (
                float(score),
                float(fine),
                quadrant_name(part, self.classes, self.pair),
                describe_evidence(part, self.classes, self.pair),
                json.dumps([np.round(p, 4).tolist(), np.round(part, 4).tolist()]),
            )
            for score, fine, part, p in zip(scores, finer, evidence, probability, strict=True)
        ]


def load_ranker(run_dir: Path | None, *, tell: Tell) -> Ranker:
    """The judge and the best small classifier of a run, or those that come with the package for None.

    Raises UserError when the run has no judge: notebook 03 makes it.
    """
    folder = shipped_weights() if run_dir is None else run_dir
    path = folder / f"{NAME}.safetensors"
    try:
        found = read_checkpoint(path)
    except UserError as error:
        raise UserError(
            f"{path} is missing or damaged; `clockodile run --only 03 --out {folder}` makes it, with that run's options"
        ) from error
    about = found.metrics
    where_from, predictor = find_best(
        shipped_weights() if run_dir is None else run_dir / "classifier",
        tell=tell,
        kinds=("compact",),
    )
    if predictor.classes != tuple(about["classes"]):
        raise UserError(f"{path} and {where_from} are of different classes; run notebooks 02 and 03 again")
    return Ranker(
        judge_from(found),
        predictor,
        tuple(about["classes"]),
        tuple(about["pair"]),
        about["image_size"],
        "; ".join(note for note in (predictor.note, about["note"]) if note),
        file_digest(path)[:16] + file_digest(where_from)[:16],
    )
