"""Few photographs of people: what was cut out of them, and which net tells the faces apart.

Report 002 had 100 photographs of each of two actresses, cut out the faces and trained two nets: its own, of seven
blocks, and SqueezeNet. With so few photographs a single split says little, so every net here is tested by the same
folds, dealt anew several times, near-duplicates always in one fold.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import cache, partial

import pandas as pd
import torch
from IPython.display import Image, display
from matplotlib.patches import Rectangle

from clockodile.classify import candidates, figures
from clockodile.classify.candidates import CANDIDATES, PLAIN, Candidate, fit_net, measure_folds
from clockodile.classify.figures import show_figure
from clockodile.classify.report_nets import SevenBlockNet
from clockodile.classify.studies import kept, say
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
WORDS = {CUT: "the face cut out", WHOLE: "the middle of the photograph"}
SHOWN = 4  # photographs of each person on the sheet, and of the refused
FROZEN_REPEATS = 10  # each takes a second or two
TUNING_EPOCHS = 20
BATCH = 8  # of so few photographs, or a net would hardly take a step


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
    make, known = partial(load_backbone, "squeezenet1_1"), torch.from_numpy(labels)
    model = fine_tune(make, rows, known, classes=classes, seed=seed, epochs=epochs, batch=BATCH)
    return candidates.predict_with(model, mirrored=True)


def contenders(run: Run) -> dict[str, Candidate]:
    """What is compared; the source is what the report measured."""
    epochs, slowly = run.profile.own_net_epochs, run.profile.slow_candidates
    tuning = min(TUNING_EPOCHS, epochs)
    look, tune = CANDIDATES["frozen"].prepare, partial(fit_squeezenet, tuning)
    plan = TrainConfig(epochs, BATCH)
    ours = Candidate(
        *("our net, from nothing", "–", as_tensor, partial(fit_net, CompactResNet, plan)),
        recipe=asdict(plan),
        repeats=slowly,
    )
    # as in the report, but for a quick run: of its 18 million weights that would be more than all others together
    plan = replace(plan, augmentations=("noise", "blur", "colour"), **PLAIN)
    plan = plan if slowly else replace(plan, epochs=-(-epochs // 3))
    seven = replace(ours, title="seven blocks, from nothing", source="81.25 %", repeats=False)
    return {
        "frozen": Candidate("EfficientNet-Lite0, frozen", "–", look, fit_frozen, quick=True),
        "squeezenet": Candidate("SqueezeNet, trained on", "93.75 %", as_tensor, tune, recipe={"epochs": tuning}),
        "ours": ours,
        "seven_blocks": replace(seven, fit=partial(fit_net, SevenBlockNet, plan), recipe=asdict(plan)),
    }


# --- repeated cross-validation --------------------------------------------------------------------------------------


def whole_photographs(run: Run, data: Dataset) -> Dataset | None:
    """The same photographs, of each the square in its middle, in the same order; None when they cannot be matched."""
    whole = folder_collection(run.recipe, run.data_dir, data.images.shape[1])
    row_of = {name: row for row, name in enumerate(whole.ids)}
    if not all(name in row_of for name in data.ids):
        return None
    return replace(data, images=whole.images[[row_of[name] for name in data.ids]])


def repeated(run: Run, data: Dataset, name: str, one: Candidate, cut: str) -> list[dict]:
    """A row for each fold of each repeat, as in classifier_runs.csv; the same folds for every net and cut.

    Raises UserError when weights cannot be had.
    """
    folds = run.profile.folds  # dealt anew less often for slow ones
    repeats = FROZEN_REPEATS if one.quick else run.profile.seeds if one.repeats else run.profile.oof_seeds
    print(f"{one.title}, {cut}: {repeats} times {folds} folds")
    one = replace(one, recipe={**(one.recipe or {}), "images": store.fingerprint(data.images, data.labels)})
    rows = []
    for seed in range(run.seed, run.seed + repeats):
        fold = grouped_folds(data.labels, data.group, folds=folds, seed=seed, classes=data.classes)
        dealt = replace(data, fold=fold)
        found = candidates.cross_validate(run, dealt, f"faces_{name}_{cut}", one, seed=seed)
        about = {"model": cut, "title": one.title, "source": one.source, "seed": seed}
        rows += [about | row for row in measure_folds(dealt, found)]
    return rows


def epoch_curves(run: Run, data: Dataset) -> dict[str, list]:
    """Two accuracies of the nets trained from nothing after each epoch: on what is learned from, and on fold 0."""
    images, labels, known = data.tensor(), torch.from_numpy(data.labels), data.fold != 0
    curves = {}
    for one in (contenders(run)[name] for name in ("ours", "seven_blocks")):
        net, plan = one.fit.args
        build = partial(net, classes=len(data.classes), image_size=images.shape[-1])
        unseen = images[~known], labels[~known]
        _, history = train(build, images[known], labels[known], plan, seed=run.seed, validation=unseen)
        curves[one.title] = history[["accuracy", "validation_accuracy"]].to_numpy().tolist()
    return curves


# --- what is shown --------------------------------------------------------------------------------------------------


def refused(data: Dataset, *reasons: str) -> list[str]:
    """Paths of the photographs that were not used for one of these reasons."""
    return [note["path"] for note in data.card["notes"] if not note["used"] and note["reason"].startswith(reasons)]


def sheet_of_cuts(run: Run, data: Dataset) -> Image:
    """Photographs with their boxes, beside what was cut out; below, those that were refused."""
    without = [run.data_dir / path for path in refused(data, faces.NO_FACE, faces.SEVERAL)]
    rows = {}
    for name, paths in class_files(run.recipe, run.data_dir).items():
        used = [path for path in paths if path not in without]
        rows[name] = used[:: max(1, len(used) // SHOWN)][:SHOWN]
    rows |= {"refused": without[:SHOWN]} if without else {}
    size = {"height": 1.15 * len(rows) + 0.2, "width_ratios": (3, 2) * SHOWN}
    figure, axes = plots.new_figure(len(rows), 2 * SHOWN, squeeze=False, **size)
    for line, (name, paths) in zip(axes, rows.items(), strict=True):
        for ax in line:
            ax.set_axis_off()
        line[0].set_title(name)
        for path, left, right in zip(paths, line[::2], line[1::2], strict=False):
            try:
                photograph, boxes = faces.look(path)
                left.imshow(photograph)
                for top, start, side in boxes:
                    left.add_patch(Rectangle((start, top), side, side, fill=False, ec=plots.VERMILION, lw=1.5))
                top, start, side = faces.with_margin(faces.chosen_face(boxes), *photograph.size)
                right.imshow(photograph.crop((start, top, start + side, top + side)))
            except InvalidImage:  # refused: nothing was cut out of it
                pass
    alt = "Photographs with a frame round each face that was found, each beside the square that was cut out of it; "
    alt += "refused ones stand alone." if without else "none was refused."
    return show_figure(figure, "faces_cut", run, "What was found, and what was cut out", alt)


def plus_minus(values: pd.Series) -> str:
    """Mean and standard deviation of shares, in percent."""
    return f"{100 * values.mean():.1f} ± {100 * values.std():.1f}"


def comparison(runs: pd.DataFrame, order: list[Candidate]) -> pd.DataFrame:
    """A row for each contender. runs: of `repeated`."""
    rows = {}
    for one in order:
        mine = runs[runs["title"] == one.title]
        cut, whole = (mine[mine["model"] == model] for model in (CUT, WHOLE))
        rows[one.title] = {"face, %": "not tried"}
        if len(cut):
            count = cut["parameters"].iloc[0]
            rows[one.title] = {
                "face, %": f"{plus_minus(cut['accuracy'])} ({len(cut)} folds)",
                "whole, %": plus_minus(whole["accuracy"]) if len(whole) else "–",
                "learned from, %": f"{100 * cut['train_accuracy'].mean():.1f}",
                "seconds a fold": f"{cut['seconds'].mean():.1f}",
                "parameters": f"{count:,} ({4 * count / 1e6:.1f} MB)",
            }
        rows[one.title]["in the report"] = one.source
    return pd.DataFrame(rows).T.fillna("–")


def show(run: Run) -> None:
    """Show what was cut out, the comparison by repeated cross-validation, curves, and what must be said."""
    data, order = load_dataset(run).part("train"), contenders(run)
    whole = whole_photographs(run, data)
    say(introduction(data))
    display(sheet_of_cuts(run, data))
    rows, missing = [], {}
    for name, one in order.items():
        try:
            rows += repeated(run, data, name, one, CUT)
            if whole is not None and one.source == "–":  # not again what the report did only with faces
                rows += repeated(run, whole, name, one, WHOLE)
        except UserError as error:
            missing[one.title] = str(error.__cause__ or error)
    runs = pd.DataFrame(rows)
    store.save(run.dir, "faces.csv", runs, {"data": data.fingerprint, "seed": run.seed})
    folds, held_out = run.profile.folds, len(data) / run.profile.folds
    say(
        f"A fold of {len(data)} photographs holds about {held_out:.0f}, so one mistake costs {100 / held_out:.0f}",
        f"points there. We deal the photographs into {folds} folds again and again, near-duplicates always into the",
        "same one, and give mean and standard deviation over all folds. *Whole* is the square in the middle of the",
        "photograph instead of the face, in the same folds; *in the report* is what it measured on its photographs.",
    )
    display(comparison(runs, list(order.values())))
    say(conclusions(runs, missing, len(data)))
    about = {"folds": data.folds_key, "epochs": run.profile.own_net_epochs}
    curves = kept(run, about, epoch_curves, run, data)
    figure = figures.accuracy_by_epoch(curves, epochs=run.profile.own_net_epochs)
    alt = "Accuracy by epoch on the changed copies that are learned from, and on the unseen fold, for two nets."
    title = "How do two nets learn faces, with one fold unseen?"
    display(show_figure(figure, "faces_epochs", run, title, alt))
    say(CONSENT)
    added = [
        results.metric(f"{title}: {WORDS[cut]}", part["accuracy"], unit="%")
        for (title, cut), part in runs.groupby(["title", "model"], sort=False)
    ]
    results.add_metrics(run.dir, "02", added)


# --- in words -------------------------------------------------------------------------------------------------------


def introduction(data: Dataset) -> str:
    """What was found in the photographs."""
    none, several = (len(refused(data, reason)) for reason in (faces.NO_FACE, faces.SEVERAL))
    counts = [f"{(data.labels == label).sum()} of {name}" for label, name in enumerate(data.classes)]
    return (
        f"## Faces: {' or '.join(data.classes)}?\n\n[Report 002](https://github.com/Lolik-Bolik/binary_classification) "
        f"told two actresses apart, and cut out their faces first. So does this run: {faces.detector()[0]} looks for "
        f"faces, and of each photograph the largest is cut out with {faces.MARGIN:.0%} of its side to spare all round, "
        f"before anything is scaled down to {data.images.shape[1]} pixels. That leaves {', '.join(counts)}; {none} had "
        f"no face in them and {several} had several, none clearly the largest: the data card names those. Check the "
        "frames: a face cut out wrongly is a wrong picture with a right label."
    )


def conclusions(runs: pd.DataFrame, missing: Mapping[str, str], count: int) -> str:
    """What came out."""
    means = runs.groupby(["title", "model"])["accuracy"].mean().unstack()
    best = means[CUT].idxmax()
    words = (
        f"Best is **{best}** with {100 * means[CUT][best]:.1f} % of the faces right: in a repeat "
        f"{count * (1 - means[CUT][best]):.1f} of {count} wrong. (Chosen as the best of several on the same "
        "photographs, which is a little kind.)"
    )
    if WHOLE in means:
        change = 100 * (means[WHOLE] - means[CUT]).dropna()
        words += (
            f" Without the cut, points change by: {', '.join(f'{t} {points:+.1f}' for t, points in change.items())}. "
            "Where that is little, or even a gain, the room, the clothes or the hair do the face's work: people are "
            "photographed in series. No test on these photographs can tell; one on photographs of another day can."
        )
    if missing:
        reasons = ", ".join(f"{title} ({why})" for title, why in missing.items())
        words += f" Could not be tried, for want of its weights: {reasons}."
    return words


CONSENT = """
**Before you use other people's faces.** A photograph of a person is personal data, and features by which a program
recognises somebody are biometric data: in the European Union nobody may process them without that person's explicit
consent or one of the few other reasons of [Article 9 of the GDPR](https://eur-lex.europa.eu/eli/reg/2016/679/oj). That
a photograph can be found on the internet is no consent, and its *licence* comes from the photographer, not from the
person shown. So take yourself and a friend who agrees, or a data set made for research, and keep the run folder, which
holds the faces, to yourself. Such a net names one of the people it has learned of anybody, strangers too; detectors
miss some people more often than others. Never use it to find out who somebody is, or to decide anything about a person.
"""
