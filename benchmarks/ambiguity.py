"""Do rankings by ambiguity find what is known to be there? `make bench`, or with --quick only whether it works.

Three experiments: true hybrids among the drawn images of the stand-in (whose identity is known); labels exchanged on
purpose, beside cleanlab (`pip install cleanlab`); and whether `clockodile rank` takes ten times as long for ten times
as many images. About fifteen minutes on two idle cores.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from clockodile.ambiguous.judge import judge_run, maps_of
from clockodile.ambiguous.label_errors import exchange_labels
from clockodile.ambiguous.score_table import SCORES, OutOfFold
from clockodile.ambiguous.scores import low_normalized_margin
from clockodile.classify import own_net
from clockodile.classify.cross_validation import evaluate_held_out
from clockodile.core.workspace import Run, open_run
from clockodile.data.dataset import Dataset, load_dataset

PLANTINGS, SHARE = 5, 0.05


def opinions_with_hybrids(run: Run, epochs: int, *, share: int = 1) -> tuple[OutOfFold, np.ndarray]:
    """What all models say of the stand-in's training images, out of fold, and of its hybrids, which none has seen.

    A hybrid carries the label that our net of its fold would give it: with a random one, scores that look for wrong
    labels would find half of the hybrids for that alone. share: every how many-th image is taken. Returns the opinions
    and which images are hybrids, bool (N,).
    """
    everything = load_dataset(run)
    everything = everything.rows(np.arange(len(everything)) % share == 0)
    train, hybrids = everything.part("train"), everything.part("hybrid")
    judged = judge_run(run, everything)
    folds = int(train.fold.max()) + 1
    labels = np.concatenate([train.labels, np.zeros(len(hybrids), np.int64)])
    fold = np.concatenate([train.fold, np.arange(len(hybrids)) % folds])
    tensor = torch.cat([train.tensor(), hybrids.tensor()])
    logits, distance = (np.zeros((1, len(labels), 2)) for _ in range(2))
    for number, (net, _) in enumerate(own_net.fold_nets(run, train, 0, epochs=epochs)):
        known, unseen = torch.from_numpy(train.fold != number), torch.from_numpy(fold == number)
        known = torch.cat([known, torch.zeros(len(hybrids), dtype=torch.bool)])
        told = evaluate_held_out(net, tensor, torch.from_numpy(labels), known, unseen, 2, mirrored=True)
        logits[0, fold == number], distance[0, fold == number] = told["logits"], told["centre_distance"]
    hybrid = np.arange(len(labels)) >= len(train)
    labels = np.where(hybrid, logits[0].argmax(1), labels)
    shown = judged.judge.evidence(maps_of(hybrids.images), fold[hybrid])
    evidence = np.concatenate([judged.evidence, shown])
    opinions = OutOfFold(labels, fold, logits, distance, evidence, (0, 1))
    return opinions, hybrid


def true_hybrids(folder: Path, *, quick: bool = False) -> None:
    """Average precision of every method for the stand-in's hybrids.

    quick: a fifth of the images, and nets that have hardly learned.
    """
    run = replace(open_run(source="stand_in", effort=0.03 if quick else 1.0), dir=folder)
    opinions, hybrid = opinions_with_hybrids(run, epochs=run.profile.scaled(24), share=5 if quick else 1)
    print(f"\ntrue hybrids: {hybrid.sum()} among {len(hybrid)} drawn images; chance {hybrid.mean():.2f}")
    for method in SCORES.values():
        found = average_precision_score(hybrid, method.score(opinions))
        print(f"  {method.title:<40} average precision {found:.3f}")


def planted_label_errors(data: Dataset, features: np.ndarray) -> None:
    """Average precision for exchanged labels, ours and cleanlab's on the same probabilities."""
    try:
        from cleanlab.rank import get_label_quality_scores
    except ImportError:
        get_label_quality_scores = None
        print(f"\ncleanlab is not installed: {sys.executable} -m pip install cleanlab")
    print(f"\n{100 * SHARE:.0f} % of the labels exchanged, {PLANTINGS} times; average precision")
    rows: dict[str, list[float]] = {}
    for seed in range(PLANTINGS):
        spoiled, exchanged = exchange_labels(data.labels, SHARE, seed=seed)
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=1e-3, max_iter=2000))
        split = PredefinedSplit(data.fold)
        probability = cross_val_predict(probe, features, spoiled, cv=split, method="predict_proba")
        scores = {"ours: label quality": low_normalized_margin(probability, spoiled)}
        if get_label_quality_scores is not None:
            for method in ("self_confidence", "normalized_margin"):
                for adjusted in (False, True):
                    quality = get_label_quality_scores(spoiled, probability, method=method, adjust_pred_probs=adjusted)
                    scores[f"cleanlab: {method}{', adjusted' * adjusted}"] = 1 - quality
        for name, score in scores.items():
            rows.setdefault(name, []).append(average_precision_score(exchanged, score))
    for name, values in rows.items():
        print(f"  {name:<40} {np.mean(values):.3f} +/- {np.std(values, ddof=1):.3f}")


def speed_of_rank(images: np.ndarray, counts: tuple[int, int], folder: Path) -> None:
    """Seconds an image and memory of `clockodile rank --pretrained` for two sizes of folders."""
    found = []
    for count in counts:
        place = folder / f"{count} images"
        rng = np.random.default_rng(count)
        for number in range(count):
            path = place / f"{number // 1000:03d}" / f"{number:06d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture = images[rng.integers(len(images))].copy()
            picture[0, 0] = rng.integers(0, 256, 3)  # no two alike
            Image.fromarray(picture).save(path)
        command = [sys.executable, "-m", "clockodile", "rank", "--pretrained", place, "--csv", folder / "out.csv"]
        start = time.perf_counter()
        environment = os.environ | {"XDG_CACHE_HOME": str(folder / "cache")}
        subprocess.run([str(part) for part in command], check=True, stderr=subprocess.DEVNULL, env=environment)
        seconds = time.perf_counter() - start
        # of the largest child so far: the second can only be told when it needs more than the first
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
        found.append(seconds / count)
        print(f"  {count:>7} images: {seconds:7.0f} s, {1000 * seconds / count:6.1f} ms each, {memory:.2f} GB at most")
    print(f"  an image in the larger folder takes {found[1] / found[0]:.2f} times as long")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="only show that every part works")
    parser.add_argument("--images", nargs=2, type=int, default=(1000, 10_000), metavar="N", help="to rank")
    parser.add_argument("--only", choices=("hybrids", "labels", "rank"), help="one of the three")
    given = parser.parse_args()
    wanted = {given.only} if given.only else {"hybrids", "labels", "rank"}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if "hybrids" in wanted:
            true_hybrids(folder / "stand_in", quick=given.quick)
        run = replace(open_run(), dir=folder / "run")
        if "labels" in wanted:
            everything = load_dataset(run)
            planted_label_errors(everything.part("train"), judge_run(run, everything).features)
        if "rank" in wanted:
            print("\nclockodile rank")
            images = load_dataset(run).part("train").images
            speed_of_rank(images, (20, 40) if given.quick else tuple(given.images), folder)


if __name__ == "__main__":
    main()
