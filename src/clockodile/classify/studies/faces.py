"""Few photographs of people: what was cut out of them, and which net tells the faces apart.

Report 002 had 100 photographs of each of two actresses, cut out the faces and trained two nets: its own, of seven
blocks, and SqueezeNet. With so few photographs a single split says little, so every net here is tested by the same
folds, dealt anew several times, near-duplicates always in one fold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from IPython.display import Image, display
from matplotlib.patches import Rectangle

from clockodile.classify import candidates, figures
from clockodile.classify.candidates import CANDIDATES, Candidate, fit_net, measure_folds
from clockodile.classify.page02 import show_figure
from clockodile.classify.report_nets import SevenBlockNet
from clockodile.classify.studies import say
from clockodile.core import results, store
from clockodile.core.errors import UserError
from clockodile.core.workspace import Run
from clockodile.data import faces
from clockodile.data.dataset import Dataset, as_tensor, load_dataset
from clockodile.data.files import InvalidImage
from clockodile.data.folders import class_files, folder_collection
from clockodile.data.splits import grouped_folds
from clockodile.learn.backbones import DEFAULT_BACKBONE, load_backbone
from clockodile.learn.linear_probe import fine_tune
from clockodile.learn.models import CompactResNet, count_parameters
from clockodile.learn.training import TrainConfig, train
from clockodile.show import plots

CUT, WHOLE = "cut", "whole"
SHOWN = 4  # photographs of each person on the sheet, and of the refused
FROZEN_REPEATS = 10  # each takes a second or two
TUNING_EPOCHS = 20
BATCH = 8  # of so few photographs, or a net would hardly take a step
# the report's augmentation; all else plain, as in the other reports' nets
AS_REPORTED = {"augmentations": ("noise", "blur", "colour"), "learning_rate": 1e-3, "warm_up": None}
AS_REPORTED |= {"label_smoothing": 0.0, "ema_decay": 0.0, "weight_decay": 0.0}
SQUEEZENET = "squeezenet1_1"
REPORT = "https://github.com/Lolik-Bolik/binary_classification"


# --- who is compared ------------------------------------------------------------------------------------------------


@cache
def frozen_parameters() -> int:
    """Numbers in the frozen network."""
    return count_parameters(load_backbone(DEFAULT_BACKBONE))


def fit_frozen(rows, labels, **about) -> tuple[candidates.Predict, int]:
    """Logistic regression on the features of a frozen network, which is counted too."""
    judge, trained = candidates.fit_on_features(rows, labels, **about)
    return judge, frozen_parameters() + trained


def fit_squeezenet(epochs: int, rows, labels, *, classes: int, image_size: int, seed: int):
    """SqueezeNet with its ImageNet weights, at 96 pixels, all of them trained on."""
    make, known = partial(load_backbone, SQUEEZENET), torch.from_numpy(labels)
    model, _ = fine_tune(make, rows, known, classes=classes, seed=seed, epochs=epochs, batch=BATCH)
    return candidates.predict_with(model, mirrored=True)


def plans(run: Run) -> dict[str, tuple[type, TrainConfig]]:
    """The nets that know nothing beforehand, by their titles, and how they are trained."""
    epochs = run.profile.own_net_epochs
    return {
        "our net, from nothing": (CompactResNet, TrainConfig(epochs, BATCH)),
        "seven blocks, from nothing": (SevenBlockNet, TrainConfig(epochs, BATCH, **AS_REPORTED)),
    }


def contenders(run: Run) -> list[Candidate]:
    """What is compared; the source is what the report measured."""
    tuning = min(TUNING_EPOCHS, run.profile.own_net_epochs)
    look = CANDIDATES["frozen"].prepare
    fit = partial(fit_squeezenet, tuning)
    ours, seven = (
        Candidate(title, "–", as_tensor, partial(fit_net, *plan), recipe=asdict(plan[1]))
        for title, plan in plans(run).items()
    )
    return [
        Candidate("EfficientNet-Lite0, frozen", "–", look, fit_frozen, quick=True),
        Candidate("SqueezeNet, trained on", "93.75 %", as_tensor, fit, recipe={"epochs": tuning}),
        ours,
        replace(seven, source="81.25 %", repeats=False),
    ]


# --- repeated cross-validation --------------------------------------------------------------------------------------


def whole_photographs(run: Run, data: Dataset) -> Dataset | None:
    """The same photographs, of each the square in its middle, in the same order; None when they cannot be matched."""
    whole = folder_collection(run.recipe, run.data_dir, data.images.shape[1])
    row_of = {name: row for row, name in enumerate(whole.ids)}
    if not all(name in row_of for name in data.ids):
        return None
    return replace(data, images=whole.images[[row_of[name] for name in data.ids]])


def repeated(run: Run, data: Dataset, one: Candidate, cut: str) -> list[dict]:
    """A row for each fold of each repeat, as in classifier_runs.csv; the same folds for every net and cut.

    Raises UserError when weights cannot be had.
    """
    rows, repeats = [], repeats_of(run, one)
    print(f"{one.title}, {cut}: {repeats} times {run.profile.folds} folds")
    images = store.fingerprint(data.images, data.labels)
    one = replace(one, recipe={**(one.recipe or {}), "images": images})
    name = "faces_" + "".join(letter for letter in one.title.lower() if letter.isalnum()) + "_" + cut
    for seed in range(run.seed, run.seed + repeats):
        fold = grouped_folds(
            data.labels, data.group, folds=run.profile.folds, seed=seed, classes=data.classes
        )
        dealt = replace(data, fold=fold)
        found = candidates.cross_validate(run, dealt, name, one, seed=seed)
        about = {"model": cut, "title": one.title, "source": one.source, "seed": seed}
        rows += [about | row for row in measure_folds(dealt, found)]
    return rows


def repeats_of(run: Run, one: Candidate) -> int:
    """How often the folds are dealt anew for a contender: the slow ones less often."""
    return FROZEN_REPEATS if one.quick else run.profile.seeds if one.repeats else run.profile.oof_seeds


def epoch_curves(run: Run, data: Dataset) -> np.ndarray:
    """Accuracy of the nets of `plans` after each epoch, (nets, epochs, 2): on what is learned from, and on fold 0."""

    def make() -> dict[str, np.ndarray]:
        images, labels, known = as_tensor(data.images), torch.from_numpy(data.labels), data.fold != 0
        curves = []
        for net, plan in plans(run).values():
            build = partial(net, classes=len(data.classes), image_size=images.shape[-1])
            unseen = images[~known], labels[~known]
            _, history = train(build, images[known], labels[known], plan, seed=run.seed, validation=unseen)
            curves.append(history[["accuracy", "validation_accuracy"]].to_numpy(np.float64))
        return {"accuracy": np.stack(curves)}

    config = {"folds": data.folds_key, "seed": run.seed, "epochs": run.profile.own_net_epochs}
    return store.cached(run.dir, "faces_epochs.npz", config, make)["accuracy"]


# --- what is shown --------------------------------------------------------------------------------------------------


def sheet_of_cuts(run: Run, data: Dataset) -> Image:
    """Photographs with their boxes, beside what was cut out; below, those that were refused."""
    reasons = (faces.NO_FACE, faces.SEVERAL)
    refused = [
        run.data_dir / n["path"]
        for n in data.card["notes"]
        if not n["used"] and n["reason"].startswith(reasons)
    ]
    rows = {}
    for name, paths in class_files(run.recipe, run.data_dir).items():
        used = [path for path in paths if path not in refused]
        rows[name] = used[:: max(1, len(used) // SHOWN)][:SHOWN]
    rows |= {"refused": refused[:SHOWN]} if refused else {}
    size = {"height": 1.15 * len(rows) + 0.2, "width_ratios": (3, 2) * SHOWN}
    figure, axes = plots.new_figure(len(rows), 2 * SHOWN, squeeze=False, **size)
    for line, (name, paths) in zip(axes, rows.items(), strict=True):
        for ax in line:
            ax.set_axis_off()
        line[0].set_title(name)
        for path, left, right in zip(paths, line[::2], line[1::2], strict=False):
            draw_cut(path, left, right)
    alt = "Photographs with a frame round each face that was found, each beside the square that was cut out of it; "
    alt += "refused ones stand alone." if refused else "none was refused."
    return show_figure(figure, "faces_cut", run, "What was found, and what was cut out", alt)


def draw_cut(path: Path, left, right) -> None:
    """A photograph with its boxes into one axes, what is cut out of it into the other."""
    try:
        photograph, boxes = faces.look(path)
        left.imshow(photograph)
        for top, start, side in boxes:
            left.add_patch(Rectangle((start, top), side, side, fill=False, ec=plots.VERMILION, lw=1.5))
        top, start, side = faces.with_margin(faces.chosen_face(boxes), *photograph.size)
        right.imshow(photograph.crop((start, top, start + side, top + side)))
    except InvalidImage:  # refused: nothing was cut out of it
        pass


def plus_minus(values: pd.Series) -> str:
    """Mean and standard deviation of shares, in percent."""
    return f"{100 * values.mean():.1f} ± {100 * values.std():.1f}"


def comparison(runs: pd.DataFrame, order: list[Candidate]) -> pd.DataFrame:
    """A row for each contender. runs: of `repeated`."""
    rows = {}
    for one in order:
        mine = {cut: runs[(runs["title"] == one.title) & (runs["model"] == cut)] for cut in (CUT, WHOLE)}
        cut, rows[one.title] = mine[CUT], ["not tried", *["–"] * 4, one.source]
        if len(cut):
            whole = plus_minus(mine[WHOLE]["accuracy"]) if len(mine[WHOLE]) else "–"
            count, megabytes = cut["parameters"].iloc[0], cut["megabytes"].iloc[0]
            rows[one.title][:5] = [
                f"{plus_minus(cut['accuracy'])} ({len(cut)} folds)",
                whole,
                f"{100 * cut['train_accuracy'].mean():.1f}",
                f"{cut['seconds'].mean():.1f}",
                f"{count:,} ({megabytes:.1f} MB)",
            ]
    columns = ["face, %", "whole, %", "learned from, %", "seconds a fold", "parameters", "in the report"]
    return pd.DataFrame(rows, index=columns).T


def show(run: Run) -> None:
    """Show what was cut out, the comparison by repeated cross-validation, curves, and what must be said."""
    data, order = load_dataset(run).part("train"), contenders(run)
    whole = whole_photographs(run, data)
    say(introduction(data))
    display(sheet_of_cuts(run, data))
    rows, missing = [], {}
    for one in order:
        try:
            rows += repeated(run, data, one, CUT)
            if whole is not None and one.source == "–":  # not again what the report did only with faces
                rows += repeated(run, whole, one, WHOLE)
        except UserError as error:
            missing[one.title] = str(error.__cause__ or error)
    runs = pd.DataFrame(rows)
    store.save(run.dir, "faces.csv", runs, {"data": data.fingerprint, "seed": run.seed})
    say(method(run, data))
    display(comparison(runs, order))
    say(conclusions(runs, missing, len(data)))
    curves = dict(zip(plans(run), epoch_curves(run, data), strict=True))
    figure = figures.accuracy_by_epoch(curves, epochs=run.profile.own_net_epochs)
    alt = (
        "Accuracy by epoch on the changed copies that are learned from, and on the unseen fold, for two nets."
    )
    display(
        show_figure(figure, "faces_epochs", run, "How do two nets learn faces, with one fold unseen?", alt)
    )
    say(CONSENT)
    keep(run, runs)


def keep(run: Run, runs: pd.DataFrame) -> None:
    """Add the study's rows to the results."""
    words = {CUT: "the face cut out", WHOLE: "the middle of the photograph"}
    added = [
        results.metric(f"{title}: {words[cut]}", part["accuracy"], unit="%")
        for (title, cut), part in runs.groupby(["title", "model"], sort=False)
    ]
    results.add_metrics(run.dir, "02", added)


# --- in words -------------------------------------------------------------------------------------------------------


def introduction(data: Dataset) -> str:
    """What was found in the photographs."""
    notes = [note["reason"] for note in data.card["notes"] if not note["used"]]
    none, several = (sum(map(lambda text: text.startswith(r), notes)) for r in (faces.NO_FACE, faces.SEVERAL))
    counts = [f"{(data.labels == label).sum()} of {name}" for label, name in enumerate(data.classes)]
    left_out = f"{none} had no face in them and {several} had several, none clearly the largest"
    return (
        f"## Faces: {' or '.join(data.classes)}?\n\n[Report 002]({REPORT}) told two actresses apart, and cut out their "
        f"faces first. So does this run: {faces.detector()[0]} looks for faces, and of each photograph the largest "
        f"is cut out with {faces.MARGIN:.0%} of its side to spare all round, before anything is scaled down to "
        f"{data.images.shape[1]} pixels. That leaves {', '.join(counts)}; {left_out}. "
        + (
            "The data card names those; which to crop by hand is for you to decide. "
            if none + several
            else ""
        )
        + "Check the frames: a face cut out wrongly is a wrong picture with a right label."
    )


def method(run: Run, data: Dataset) -> str:
    """How it was measured."""
    tested, folds = len(data) / run.profile.folds, run.profile.folds
    return (
        f"A fold of {len(data)} photographs holds about {tested:.0f}, so one mistake costs {100 / tested:.0f} points "
        f"there. A single split, as in the report, says little. We deal the photographs into {folds} folds again and "
        "again, near-duplicates always into the same one, and give mean and standard deviation over all folds. The "
        "**frozen network** comes first: where photographs are few, what was learned from a million others is worth "
        "most, and only a last layer is fitted to these. *Whole* is the square in the middle of the photograph instead "
        "of the face, in the same folds. *In the report* stands what it measured, on its own photographs."
    )


def conclusions(runs: pd.DataFrame, missing: Mapping[str, str], count: int) -> str:
    """What came out."""
    means = runs.groupby(["title", "model"])["accuracy"].mean().unstack()
    best = means[CUT].idxmax()
    wrong = count * (1 - means[CUT][best])
    words = [f"Best is **{best}** with {100 * means[CUT][best]:.1f} % of the faces right: "]
    words[0] += (
        f"in a repeat {wrong:.1f} of {count} wrong." if wrong > 1e-9 else "not one wrong in any repeat."
    )
    words.append("(Chosen as the best of several on the same photographs, which is a little kind.)")
    if WHOLE in means:
        change = 100 * (means[WHOLE] - means[CUT]).dropna()
        drops = [f"{title} {points:+.1f}" for title, points in change.items()]
        words.append(
            f"Without the cut, points change by: {', '.join(drops)}. Where that is little, or even a gain, the room, "
            "the clothes or the hair do the face's work: people are photographed in series. No test on these "
            "photographs can tell; one on photographs of another day can."
        )
    if missing:
        reasons = (f"{title} ({why})" for title, why in missing.items())
        words.append(f"Could not be tried, for want of its weights: {', '.join(reasons)}.")
    return " ".join(words)


CONSENT = """
**Before you use other people's faces.** A photograph of a person is personal data, and features by which a program
recognises somebody are biometric data: in the European Union nobody may process them without that person's explicit
consent or one of the few other reasons of [Article 9 of the GDPR](https://eur-lex.europa.eu/eli/reg/2016/679/oj). That
a photograph can be found on the internet is no consent. Its *licence* is another matter: it comes from the
photographer, and a photograph that may be copied still shows somebody who was not asked. So take yourself and a friend
who agrees, or a data set made for research, and keep the run folder, which holds the faces, to yourself. Know also what
such a net cannot do: it names one of the people it has learned of anybody, strangers too, and it has seen them in few
rooms on few days. Detectors miss some people more often than others; look at whom they refuse. Never use it to find
out who somebody is, or to decide anything about a person.
"""
