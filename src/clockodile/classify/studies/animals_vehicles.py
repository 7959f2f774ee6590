"""All of CIFAR-10 as animals and vehicles: report 004's net and changes of it, ours from nothing, its errors, transfer.

`python -m clockodile.classify.studies.animals_vehicles RUN` trains our net on all training pictures, in the folder RUN.
"""

import hashlib
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
import torch
from IPython.display import display
from sklearn.metrics import precision_score

from clockodile.classify.candidates import PLAIN, backbone_features
from clockodile.classify.figures import show_figure
from clockodile.classify.report_nets import TwoConvBlockNet
from clockodile.classify.studies import kept, say
from clockodile.core import results, store
from clockodile.core.stats import wilson_interval
from clockodile.core.timing import timed
from clockodile.core.workspace import Run, open_run
from clockodile.data.cifar10 import KINDS, SIDE, kind_of
from clockodile.data.collection import TEST, TRAIN
from clockodile.data.duplicates import twins_of
from clockodile.data.sources import collect
from clockodile.learn.backbones import load_backbone
from clockodile.learn.linear_probe import fine_tune, fit_probe
from clockodile.learn.models import CompactResNet
from clockodile.learn.training import TrainConfig, as_float, predict, train
from clockodile.show import plots

NAMES = np.array([kind for kinds in KINDS.values() for kind in kinds])
# (10, 2) kind -> class
BELONGS = np.array([[kind in kinds for kinds in KINDS.values()] for kind in NAMES], float)
SHARES = {"accuracy": "accuracy"} | {f"precision_{name}": f"precision of {name}" for name in KINDS}
PROBE_SIDE = 224  # pixels, those that EfficientNet-Lite0 was trained with
TUNED_EPOCHS = 3  # how often each picture is seen when all of that network learns
WRONG = 40  # wrong pictures on the page, the most confident ones


@dataclass(frozen=True)
class Budget:
    """How much the study computes; numbers of pictures are upper limits."""

    images: int  # training pictures of each net in the comparison; as many others judge them
    epochs: int  # how often it sees each
    runs: int  # how often each is trained
    own_images: int  # our own net's, unless it comes with the package
    own_epochs: int
    probed: int  # training pictures, and test pictures, shown to the pretrained network
    tests: int = 0  # test pictures, drawn at random; 0: all
    tuned: int = 0  # training pictures from which all of its weights learn; 0: none do


QUICK = Budget(images=400, epochs=3, runs=2, own_images=10_000, own_epochs=3, probed=200, tests=2_000)
FULL = Budget(10_000, 6, 3, own_images=50_000, own_epochs=15, probed=10_000, tuned=50_000)


@dataclass(frozen=True)
class Pictures:
    """N pictures of CIFAR-10."""

    images: np.ndarray  # uint8 (N, 32, 32, 3)
    labels: np.ndarray  # int (N,) 0 animal, 1 vehicle
    kinds: np.ndarray  # int (N,) index into NAMES

    def __len__(self) -> int:
        return len(self.kinds)

    def rows(self, chosen: slice | np.ndarray) -> "Pictures":
        return Pictures(self.images[chosen], self.labels[chosen], self.kinds[chosen])

    def drawn(self, count: int, seed: int) -> "Pictures":
        """So many of them, or all that there are, at random, in their order."""
        return self.rows(np.sort(np.random.default_rng(seed).permutation(len(self))[:count]))

    def tensor(self) -> torch.Tensor:
        """uint8 (N, 3, 32, 32)."""
        return torch.from_numpy(np.ascontiguousarray(self.images)).permute(0, 3, 1, 2)

    def key(self) -> str:
        """Names these pictures and their kinds."""
        return hashlib.sha256(self.images.tobytes() + self.kinds.tobytes()).hexdigest()[:16]


def all_pictures(run: Run) -> tuple[Pictures, Pictures]:
    """Training pictures, shuffled, and official test pictures: all there are, not only those that the pages draw."""
    found = collect(replace(run, recipe=replace(run.recipe, per_class=0)), image_size=SIDE)
    known, tests = (np.flatnonzero(found.split == split) for split in (TRAIN, TEST))
    known = np.random.default_rng(run.seed).permutation(known)
    number = {kind: place for place, kind in enumerate(NAMES)}
    kinds = np.array([number.get(kind, -1) for kind in kind_of(found.ids)])  # none of them: in the background
    return tuple(Pictures(found.images[rows], found.labels[rows], kinds[rows]) for rows in (known, tests))


def two_classes(probability: np.ndarray) -> np.ndarray:
    """Probabilities of animal and vehicle (N, 2), from those of two or of ten, (N, 2 or 10)."""
    return probability @ BELONGS if probability.shape[1] == len(NAMES) else probability


def asked(net: torch.nn.Module, pictures: Pictures) -> np.ndarray:
    """A net's probabilities, float64 (N, 2 or 10), the mean of six views of each picture.

    It is seen as it is, moved by a pixel to the upper left and to the lower right (edges reflected), and each of these
    mirrored.
    """
    wider = np.pad(pictures.images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    views = [replace(pictures, images=wider[:, at : at + SIDE, at : at + SIDE]) for at in (1, 2, 0)]
    said = [predict(net, view.tensor(), mirrored=True).double().softmax(1) for view in views]
    return torch.stack(said).mean(0).numpy()


def measures(labels: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    """SHARES, in [0, 1] (0 for a class that is never named), and loss in nats. probability: (N, 2 or 10)."""
    probability = two_classes(probability)
    said, given = probability.argmax(1), probability[np.arange(len(labels)), labels]
    precision = precision_score(labels, said, labels=range(len(KINDS)), average=None, zero_division=0)
    shares = dict(zip(SHARES, map(float, ((said == labels).mean(), *precision)), strict=True))
    return shares | {"loss": float(-np.log(np.clip(given, np.finfo(np.float32).eps, 1)).mean())}


# --- what is compared -------------------------------------------------------------------------------------------

# report 004's net with Adam and the L2 penalty of its transfer net; epochs are the budget's
report_net = partial(TwoConvBlockNet, l2=1e-3)
REPORTED = TrainConfig(epochs=0, augmentations=(), **PLAIN)
our_net = partial(CompactResNet, widths=(64, 128, 256))
OURS = TrainConfig(epochs=0, batch=250, learning_rate=7e-3, muon=True, augmentations=("flip", "shift"))
OF_FEW = replace(OURS, batch=50)  # of few pictures, 250 at a time make few steps
TEN = "ours, taught ten kinds"  # the probabilities of a class's kinds are added up

VARIANTS: dict[str, tuple[Callable, TrainConfig]] = {  # how the net is built for some classes, and trained
    "report 004's net": (report_net, REPORTED),
    "without dropout": (partial(report_net, dropout=0.0), REPORTED),
    "without batch normalisation": (partial(report_net, batch_norm=False), REPORTED),
    "without L2 penalty": (partial(report_net, l2=0.0), REPORTED),
    "dense layers of 256 and 128": (partial(report_net, dense=(256, 128)), REPORTED),
    "a third of the learning rate": (report_net, replace(REPORTED, learning_rate=1e-3 / 3)),
    "ours, taught two classes": (our_net, OF_FEW),
    TEN: (our_net, OF_FEW),
}


def compare_variants(run: Run, budget: Budget, known: Pictures, held_out: Pictures) -> pd.DataFrame:
    """Train each of VARIANTS some times on the same pictures: a row a net, measured on pictures it has not seen."""

    def make() -> pd.DataFrame:
        rows, epochs = [], run.profile.scaled(budget.epochs)
        for name, (net, plan) in VARIANTS.items():
            answers, classes = (known.kinds, len(NAMES)) if name == TEN else (known.labels, len(KINDS))
            taught = partial(net, classes=classes), known.tensor(), torch.from_numpy(answers)
            for number in range(budget.runs):
                seed = run.seed + number
                (trained, _), seconds = timed(train, *taught, replace(plan, epochs=epochs), seed=seed)
                said = predict(trained, held_out.tensor()).double().softmax(1).numpy()
                about = {"net": name, "run": number, "images": len(known), "epochs": epochs}
                rows.append({**about, "seconds": seconds, **measures(held_out.labels, said)})
            print(f"{name}: {100 * rows[-1]['accuracy']:.1f} %", flush=True)
        return pd.DataFrame(rows)

    config = {"budget": asdict(budget), "seed": run.seed, "effort": run.profile.effort, "data": known.key()}
    return store.cached(run.dir, "animals_vehicles/results.csv", config, make)


def fit_on_kinds(pictures: Pictures, plan: TrainConfig, seed: int) -> tuple[dict, dict]:
    """Our net taught the ten kinds: its weights in half precision, and how long that took."""
    start = time.process_time()

    def tell(row: dict) -> None:
        print(f"epoch {row['epoch'] + 1} of {plan.epochs}: accuracy {row['accuracy']:.3f}", flush=True)

    build, truth = partial(our_net, classes=len(NAMES)), torch.from_numpy(pictures.kinds)
    net, _ = train(build, pictures.tensor(), truth, plan, seed=seed, after_epoch=tell)
    halves = {name: part.half() for name, part in net.state_dict().items() if part.is_floating_point()}
    return net.state_dict() | halves, {"processor_seconds": [time.process_time() - start]}


def our_trained_net(
    run: Run, budget: Budget, known: Pictures, *, retrain: bool = False
) -> tuple[torch.nn.Module, store.Checkpoint]:
    """Our net that learned from all training pictures and comes with the package; else one trained now.

    Any copy of CIFAR-10's 50,000 training pictures will do for the former: it has seen none of the test pictures.
    """
    some = known.rows(slice(budget.own_images))
    plan = replace(OURS, epochs=run.profile.scaled(budget.own_epochs))
    config = {"net": "animals_vehicles", "images": len(some), "plan": asdict(plan), "seed": run.seed}
    fitted = store.fit_or_load(
        "classifier/animals_vehicles",
        config,
        some.key(),
        lambda: fit_on_kinds(some, plan, run.seed),
        run_dir=run.dir,
        retrain=retrain,
        accept_shipped_if={"net": config["net"], "images": len(known)},
    )
    net = our_net(classes=len(NAMES))
    net.load_state_dict(fitted.state)
    return net.eval(), fitted


def frozen_answers(known: Pictures, tests: Pictures) -> list:
    """Probabilities (N, 10) of test pictures: logistic regression of the kinds on EfficientNet-Lite0's features."""
    rows, asked_rows = (torch.from_numpy(backbone_features(part.images, side=PROBE_SIDE)) for part in (known, tests))
    probe = fit_probe(rows, torch.from_numpy(known.kinds), classes=len(NAMES))
    return probe(asked_rows).double().softmax(1).tolist()


def fine_tuned_answers(known: Pictures, tests: Pictures, seed: int, epochs: int) -> list:
    """The same from the network with all its weights trained on, at 96 pixels."""
    images, kinds = as_float(known.tensor()), torch.from_numpy(known.kinds)
    net = fine_tune(load_backbone, images, kinds, classes=len(NAMES), seed=seed, epochs=epochs)
    return asked(net, tests).tolist()


def twins_of_training(known: Pictures, tests: Pictures) -> list:
    """Which test pictures show what a training picture shows, too: bool (N,)."""
    return (twins_of(known.images, tests.images) >= 0).tolist()


def found_once(run: Run, make: Callable, known: Pictures, tests: Pictures, *more) -> np.ndarray:
    """What `make(known, tests, *more)` returns, made once for these pictures."""
    return np.array(kept(run, {"known": known.key(), "tests": tests.key()}, make, known, tests, *more))


# --- what is shown --------------------------------------------------------------------------------------------


def show(run: Run) -> None:
    """The section of notebook 02 that these data ask for; its table, figure and metrics go into the run folder."""
    budget = FULL if run.profile.slow_candidates else QUICK
    known, tests = all_pictures(run)
    there, tests = len(tests), tests.drawn(budget.tests or len(tests), run.seed)
    kinds = "; ".join(f"*{word}*: {', '.join(names)}" for word, names in KINDS.items())
    say(
        f"# Beyond this page: all of CIFAR-10\n\nHere are all {len(known)} training pictures of these classes",
        f"({kinds}), and {len(tests)} of the {there} test pictures.",
    )
    show_comparison(run, budget, known)
    net, fitted = our_trained_net(run, budget, known)
    say(origin(fitted, len(known)))
    ten = asked(net, tests)
    show_wrong(run, tests, ten)
    some = known.rows(slice(budget.probed))
    few = tests.drawn(budget.probed, run.seed)
    say(
        "## With help from a million other photographs\n\nA logistic regression learns the ten kinds from what a",
        f"network trained on ImageNet says of each picture, enlarged to {PROBE_SIDE} pixels. *All weights trained*:",
        "the network itself went on learning, from pictures enlarged to 96 pixels.",
    )
    found = {
        "ours, from nothing": (ten, tests, fitted.config["images"]),
        "EfficientNet-Lite0, frozen": (found_once(run, frozen_answers, some, few), few, len(some)),
    }
    if budget.tuned:
        some = known.rows(slice(budget.tuned))
        epochs = run.profile.scaled(TUNED_EPOCHS)
        tuned = found_once(run, fine_tuned_answers, some, tests, run.seed, epochs)
        found["EfficientNet-Lite0, all weights trained"] = (tuned, tests, len(some))
    display(test_table(found))
    if budget.tuned:
        twin = found_once(run, twins_of_training, known, tests)
        right = 100 * (two_classes(ten).argmax(1) == tests.labels)
        say(
            f"{twin.sum()} of the {len(tests)} test pictures show what a training picture shows, too. Without them",
            f"our net gets {right[~twin].mean():.2f} % right, with them {right.mean():.2f} %.",
        )
    rows = [
        results.metric(f"{name}: {SHARES[part]}, {len(pictures)} test images", value, unit="%")
        for name, (probability, pictures, _) in found.items()
        for part, value in measures(pictures.labels, probability).items()
        if part in SHARES
    ]
    results.add_metrics(run.dir, "02", rows)


def show_comparison(run: Run, budget: Budget, known: Pictures) -> None:
    """Report 004's net, changes of it, and ours, all on the same few pictures."""
    count = min(budget.images, len(known) // 5)
    held_out = known.rows(slice(-count, None))
    some = known.rows(slice(min(budget.images, len(known) - count)))
    say(
        "## One net and five changes of it\n\nReport 004 does not say which of its models had what, so we change one",
        "thing at a time. *Dropout* sets a random share of a net's numbers to zero at each step, an *L2 penalty* adds",
        "the squares of the dense weights to the loss. *Precision* of animals: the share of animals among what was",
        "called one. Our net is taught the two classes, or the ten kinds, whose probabilities are then added up.",
    )
    runs = compare_variants(run, budget, some, held_out)
    grouped = runs.assign(**100 * runs[[*SHARES]]).groupby("net", sort=False)[[*SHARES, "loss"]]
    mean, spread = grouped.mean(), grouped.std().fillna(0)
    table = mean.map("{:.1f}".format) + " ± " + spread.map("{:.1f}".format)
    table["loss"] = mean["loss"].map("{:.2f}".format) + " ± " + spread["loss"].map("{:.2f}".format)
    heads = {part: f"{words}, %" for part, words in SHARES.items()}
    display(table.rename(columns=heads).rename_axis(""))
    accuracy = mean["accuracy"]
    reported = accuracy[[name for name in accuracy.index if not name.startswith("ours")]]
    say(
        f"Mean ± standard deviation of {budget.runs} runs. Each net saw {len(some)} pictures, {runs['epochs'][0]}",
        f"times each, and was asked about {len(held_out)} other training pictures. Of the report's kind, the best",
        f"here is *{reported.idxmax()}* ({reported.max():.1f} %; unchanged: {reported.iloc[0]:.1f} %). Runs of the",
        f"same net differ by up to {spread['accuracy'].max():.1f} points: smaller gaps mean nothing. To be taught the",
        f"ten kinds instead of two classes gives our net {accuracy[TEN] - accuracy['ours, taught two classes']:+.1f}",
        "points. The report's models, of more pictures for longer, got 94.2 to 95.4 % of their test pictures right.",
    )


def origin(fitted: store.Checkpoint, known: int) -> str:
    """How our net came about. known: how many training pictures there are."""
    minutes, count = sum(fitted.metrics["processor_seconds"]) / 60, fitted.config["images"]
    shipped = "It comes with the package. " if fitted.origin == "shipped" else ""
    short = f"**This is a quick run**: there are {known} of them. " if count < known else ""
    return (
        f"## Our net, from nothing\n\nIt learned the ten kinds from {count} pictures, mirrored and shifted at random, "
        f"in {fitted.config['plan']['epochs']} epochs. {short}{shipped}The training took {minutes:.1f} minutes of one "
        "processor core. It is asked about each test picture six times: as it is, moved by a pixel to the upper left "
        "and to the lower right, and each of these mirrored. (How long it learns, and from how many views it is asked, "
        "was settled after a look at the test pictures; so the true figure may be a little lower.)\n\n"
        "Which test pictures does it put into the wrong class? The last column says which kind of that class it saw "
        "most often."
    )


def other_kind(tests: Pictures, ten: np.ndarray) -> np.ndarray:
    """The likeliest kind of the class that a picture is not of, int (N,). ten: probabilities (N, 10)."""
    return (ten * BELONGS.T[1 - tests.labels]).argmax(1)


def errors_by_kind(tests: Pictures, ten: np.ndarray) -> pd.DataFrame:
    """A row a kind: how many test pictures, how many in the wrong class, and what most of these were taken for."""
    rows, wrong, seen = {}, two_classes(ten).argmax(1) != tests.labels, other_kind(tests, ten)
    for kind, name in enumerate(NAMES):
        own = tests.kinds == kind
        taken = np.bincount(seen[own & wrong], minlength=len(NAMES))
        rows[name] = {
            "class": list(KINDS)[int(BELONGS[kind, 1])],
            "test pictures": own.sum(),
            "wrong": taken.sum(),
            "wrong, %": f"{100 * taken.sum() / max(1, own.sum()):.1f}",
            "most often seen as": f"{NAMES[taken.argmax()]} ({taken.max()})" if taken.any() else "–",
        }
    return pd.DataFrame(rows).T


def show_wrong(run: Run, tests: Pictures, ten: np.ndarray) -> None:
    """Errors by kind, and the wrong pictures. ten: probabilities (N, 10)."""
    table, probability = errors_by_kind(tests, ten), two_classes(ten)
    display(table)
    wrong = np.flatnonzero(probability.argmax(1) != tests.labels)
    if not len(wrong):
        say("None is wrong.")
        return
    kinds, seen, flying = NAMES[tests.kinds], NAMES[other_kind(tests, ten)], ["bird", "airplane"]
    both = (np.isin(kinds[wrong], flying) & np.isin(seen[wrong], flying)).sum()
    worst = table["wrong"].astype(int).idxmax()
    say(
        f"{len(wrong)} of {len(tests)} are in the wrong class. Hardest is the {worst}: {table['wrong'][worst]} of",
        f"{table['test pictures'][worst]}. Report 004 saw birds and airplanes confused, which share the sky: here",
        f"that makes {both} of the {len(wrong)} errors.",
    )
    wrong = wrong[np.argsort(-probability[wrong].max(1), kind="stable")][:WRONG]
    figure = plots.tile_figure(
        tests.images[wrong],
        columns=8,
        captions=[f"{kinds[row]}: {seen[row]} {100 * probability[row].max():.0f}" for row in wrong],
        colours=[plots.class_colour(label) for label in tests.labels[wrong]],
        title=f"What it is: what the net saw, how sure of the class in % ({plots.colour_key(tuple(KINDS))})",
    )
    alt = f"{len(wrong)} test pictures in the wrong class, most confident first, each with its kind, the kind that our "
    alt += "net saw and its confidence."
    title = "Which animals become vehicles, and which vehicles animals?"
    display(show_figure(figure, "wrong_kinds", run, title, alt))


def test_table(found: dict[str, tuple[np.ndarray, Pictures, int]]) -> pd.DataFrame:
    """A row a net. found: name -> its probabilities (N, 2 or 10), of which test pictures, learned from how many."""
    rows = {}
    for name, (probability, pictures, learned) in found.items():
        measured = measures(pictures.labels, probability)
        ends = wilson_interval(measured["accuracy"], len(pictures))
        rows[name] = {f"{words}, %": f"{100 * measured[part]:.2f}" for part, words in SHARES.items()}
        rows[name] |= {"95 % interval of accuracy": " to ".join(f"{100 * end:.2f}" for end in ends)}
        rows[name] |= {"learned from": learned, "asked about": len(pictures)}
    return pd.DataFrame(rows).T


def main(run_dir: str) -> None:
    """Train our net on all training pictures, into the run folder named; $CLOCKODILE_DATA may name the data folder."""
    run = open_run(recipe="animals_vehicles", profile="full", run_dir=run_dir)
    known, tests = all_pictures(run)
    net, fitted = our_trained_net(run, FULL, known, retrain=True)
    print(test_table({"ours": (asked(net, tests), tests, fitted.config["images"])}).T)


if __name__ == "__main__":
    main(sys.argv[1])
