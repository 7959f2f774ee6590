"""All of CIFAR-10 as animals and vehicles: report 004's net and changes of it, ours from nothing, its errors, transfer.

`python -m clockodile.classify.studies.animals_vehicles RUN` trains our net on all training pictures, in the folder RUN.
"""

from __future__ import annotations

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

from clockodile.classify.candidates import backbone_features, timed_rows
from clockodile.classify.report_nets import TwoConvBlockNet
from clockodile.classify.studies import say
from clockodile.core import results, store
from clockodile.core.stats import wilson_interval
from clockodile.core.workspace import Run, open_run
from clockodile.data.cifar10 import KINDS, SIDE, kind_of
from clockodile.data.collection import TEST, TRAIN
from clockodile.data.duplicates import twins_of
from clockodile.data.sources import collect
from clockodile.learn.backbones import load_backbone
from clockodile.learn.linear_probe import fine_tune, fit_probe
from clockodile.learn.models import CompactResNet, count_parameters
from clockodile.learn.training import TrainConfig, as_float, predict, train
from clockodile.show import plots

NAMES = tuple(kind for kinds in KINDS.values() for kind in kinds)
# (10, 2) kind -> class
BELONGS = np.array([[kind in kinds for kinds in KINDS.values()] for kind in NAMES], float)
PROBE_SIDE = 224  # pixels, those that EfficientNet-Lite0 was trained with
TUNED_EPOCHS = 3  # how often each picture is seen when all of that network learns
WRONG = 40  # wrong pictures on the page, the most confident ones


@dataclass(frozen=True)
class Budget:
    """How much the study computes; numbers of pictures are upper limits."""

    images: int  # training pictures of each net in the comparison
    epochs: int  # how often it sees each
    runs: int  # how often each is trained
    held_out: int  # training pictures on which they are compared
    own_images: int  # our own net's, unless it comes with the package
    own_epochs: int
    probe_images: int  # training pictures shown to the pretrained network
    probe_tests: int  # test pictures shown to it
    tuned_images: int  # training pictures from which all of its weights learn; 0: none do
    twins: bool  # whether test pictures are compared with all training pictures


QUICK = Budget(2_000, 3, 2, 2_000, 10_000, 3, 500, 500, 0, twins=False)
FULL = Budget(10_000, 6, 3, 10_000, 50_000, 15, 10_000, 10_000, 20_000, twins=True)


@dataclass(frozen=True)
class Pictures:
    """N pictures of CIFAR-10."""

    images: np.ndarray  # uint8 (N, 32, 32, 3)
    labels: np.ndarray  # int (N,) 0 animal, 1 vehicle
    kinds: np.ndarray  # int (N,) index into NAMES
    ids: np.ndarray  # str (N,)

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, chosen) -> Pictures:
        """Some of them; chosen: bool (N,), int (M,), or a number of the first ones."""
        chosen = slice(chosen) if isinstance(chosen, int) else chosen
        return Pictures(*(values[chosen] for values in (self.images, self.labels, self.kinds, self.ids)))

    def tensor(self) -> torch.Tensor:
        """uint8 (N, 3, 32, 32)."""
        return torch.from_numpy(np.ascontiguousarray(self.images)).permute(0, 3, 1, 2)

    def key(self) -> str:
        """Names these pictures and their kinds, in any order."""
        return store.fingerprint(self.images, self.kinds)


def all_pictures(run: Run) -> tuple[Pictures, Pictures]:
    """Training pictures, shuffled, and official test pictures: all there are, not only those that the pages draw."""
    found = collect(replace(run, recipe=replace(run.recipe, per_class=0)), image_size=SIDE)
    rows = np.flatnonzero(found.labels >= 0)
    rng, part = np.random.default_rng(run.seed), found.split[rows]
    kinds = np.array([NAMES.index(kind) for kind in kind_of(found.ids[rows])])
    whole = Pictures(found.images[rows], found.labels[rows], kinds, found.ids[rows])
    return whole.rows(rng.permutation(np.flatnonzero(part == TRAIN))), whole.rows(part == TEST)


def two_classes(probability: np.ndarray) -> np.ndarray:
    """Probabilities of animal and vehicle (N, 2), from those of two or of ten, (N, 2 or 10)."""
    return probability @ BELONGS if probability.shape[1] == len(NAMES) else probability


def asked(net: torch.nn.Module, pictures: Pictures) -> np.ndarray:
    """A net's probabilities, float64 (N, 2 or 10), the mean of a picture's and its mirror image's."""
    return predict(net, pictures.tensor(), mirrored=True).double().softmax(1).numpy()


def measures(labels: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    """accuracy, and precision of each class, in [0, 1] (0 where never named); loss in nats. probability: (N, 2)."""
    said, given = probability.argmax(1), probability[np.arange(len(labels)), labels]
    precision = precision_score(labels, said, labels=range(len(KINDS)), average=None, zero_division=0)
    found = {"accuracy": float((said == labels).mean())}
    found |= {f"precision_{name}": float(value) for name, value in zip(KINDS, precision, strict=True)}
    return found | {"loss": float(-np.log(np.clip(given, np.finfo(np.float32).eps, 1)).mean())}


# --- what is compared -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Variant:
    """A net and how it is trained."""

    net: Callable  # classes -> untrained net
    plan: TrainConfig  # its epochs are the budget's
    ten: bool = False  # taught the ten kinds, whose probabilities are added up, instead of the two classes


our_net = partial(CompactResNet, widths=(64, 128, 256))
OURS = TrainConfig(epochs=0, batch=250, learning_rate=7e-3, muon=True, augmentations=("flip", "shift"))


def report_variant(learning_rate: float = 1e-3, **options) -> Variant:
    """Report 004's net with Adam and the L2 penalty of its transfer net, 1e-3, changed by `options`."""
    plain = {"weight_decay": 0, "label_smoothing": 0, "ema_decay": 0, "warm_up": None, "augmentations": ()}
    net = partial(TwoConvBlockNet, **{"l2": 1e-3} | options)
    return Variant(net, TrainConfig(epochs=0, learning_rate=learning_rate, **plain))


VARIANTS = {
    "report 004's net": report_variant(),
    "without dropout": report_variant(dropout=0.0),
    "without batch normalisation": report_variant(batch_norm=False),
    "without L2 penalty": report_variant(l2=0.0),
    "dense layers of 256 and 128": report_variant(dense=(256, 128)),
    "a third of the learning rate": report_variant(learning_rate=1e-3 / 3),
    # of few pictures, 250 at a time make few steps
    "ours, taught two classes": Variant(our_net, replace(OURS, batch=50)),
    "ours, taught ten kinds": Variant(our_net, replace(OURS, batch=50), ten=True),
}


def compare_variants(run: Run, budget: Budget, known: Pictures, held_out: Pictures) -> pd.DataFrame:
    """Train each of VARIANTS some times on the same pictures: a row a net, measured on pictures it has not seen."""

    def make() -> pd.DataFrame:
        rows, epochs = [], run.profile.scaled(budget.epochs)
        for name, variant in VARIANTS.items():
            truth = torch.from_numpy(known.kinds if variant.ten else known.labels)
            build = partial(variant.net, classes=len(NAMES if variant.ten else KINDS))
            for number in range(budget.runs):
                start, plan = time.perf_counter(), replace(variant.plan, epochs=epochs)
                net, _ = train(build, known.tensor(), truth, plan, seed=run.seed + number)
                about = {"net": name, "run": number, "images": len(known), "epochs": epochs}
                about["seconds"] = time.perf_counter() - start
                rows.append(about | measures(held_out.labels, two_classes(asked(net, held_out))))
            print(f"{name}: {100 * rows[-1]['accuracy']:.1f} %", flush=True)
        return pd.DataFrame(rows)

    config = {"budget": asdict(budget), "seed": run.seed, "effort": run.profile.effort, "data": known.key()}
    depends = [variant.net for variant in VARIANTS.values()]
    return store.cached(run.dir, "animals_vehicles/results.csv", config, make, depends=depends)


def fit_on_kinds(pictures: Pictures, plan: TrainConfig, seed: int) -> tuple[dict, dict]:
    """Our net taught the ten kinds: its weights in half precision, and what was measured meanwhile."""
    build, ticks = partial(our_net, classes=len(NAMES)), [time.process_time()]

    def tell(row: dict) -> None:
        ticks.append(time.process_time())
        words = (
            f"epoch {row['epoch'] + 1} of {plan.epochs}: accuracy {row['accuracy']:.3f} on changed pictures"
        )
        print(f"{words}, {ticks[-1] - ticks[-2]:.0f} s of one processor core", flush=True)

    truth = torch.from_numpy(pictures.kinds)
    net, history = train(build, pictures.tensor(), truth, plan, seed=seed, after_epoch=tell)
    halves = {name: part.half() for name, part in net.state_dict().items() if part.is_floating_point()}
    return net.state_dict() | halves, {
        "processor_seconds": np.diff(ticks).tolist(),  # an entry an epoch
        "history": history.to_dict("list"),
    }


def our_trained_net(
    run: Run, budget: Budget, known: Pictures, *, retrain: bool = False
) -> tuple[torch.nn.Module, store.Checkpoint]:
    """Our net that learned from all training pictures and comes with the package; else one trained now.

    Any copy of CIFAR-10's 50,000 training pictures will do for the former: it has seen none of the test pictures.
    """
    some, plan = known.rows(budget.own_images), replace(OURS, epochs=run.profile.scaled(budget.own_epochs))
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


def lite0_features(run: Run, pictures: Pictures, name: str) -> torch.Tensor:
    """EfficientNet-Lite0's description of each picture, (N, D); kept in the run folder."""

    def make() -> dict[str, np.ndarray]:
        print(f"EfficientNet-Lite0 looks at {len(pictures)} {name} pictures", flush=True)
        return timed_rows(partial(backbone_features, side=PROBE_SIDE), pictures.images)

    config = {"data": pictures.key(), "ids": store.key_of({"ids": pictures.ids.tolist()}), "side": PROBE_SIDE}
    kept = store.cached(run.dir, f"features/cifar10-{name}.npz", config, make, depends=[backbone_features])
    return torch.from_numpy(kept["rows"])


def transfer(run: Run, known: Pictures, tests: Pictures) -> np.ndarray:
    """Probabilities (N, 2) of test pictures: logistic regression of the ten kinds on the frozen network's features."""
    probe = fit_probe(lite0_features(run, known, TRAIN), torch.from_numpy(known.kinds), classes=len(NAMES))
    return two_classes(probe(lite0_features(run, tests, TEST)).double().softmax(1).numpy())


def fine_tuned(run: Run, known: Pictures, tests: Pictures) -> np.ndarray:
    """The same from the network with all its weights trained on, at 96 pixels."""

    def make() -> dict[str, np.ndarray]:
        print(f"all weights of EfficientNet-Lite0 learn from {len(known)} pictures", flush=True)
        images, kinds, start = as_float(known.tensor()), torch.from_numpy(known.kinds), time.perf_counter()
        epochs = run.profile.scaled(TUNED_EPOCHS)
        net, history = fine_tune(
            load_backbone, images, kinds, classes=len(NAMES), seed=run.seed, epochs=epochs
        )
        return {
            "logits": np.log(asked(net, tests)),
            "train_accuracy": history["accuracy"].to_numpy()[-1:],
            "seconds": np.array([time.perf_counter() - start]),
            "parameters": np.array([count_parameters(net)]),
        }

    config = {"known": known.key(), "tests": tests.key(), "seed": run.seed, "effort": run.profile.effort}
    kept = store.cached(run.dir, "predictions/cifar10-fine_tuned.npz", config, make, depends=[fine_tune])
    return two_classes(np.exp(kept["logits"]))


# --- what is shown --------------------------------------------------------------------------------------------


def times(count: int) -> str:
    """How often, in words."""
    return "once" if count == 1 else f"{count} times"


def show(run: Run) -> None:
    """The section of notebook 02 that these data ask for; its table, figure and metrics go into the run folder."""
    budget = FULL if run.profile.slow_candidates else QUICK
    known, tests = all_pictures(run)
    kinds = "; ".join(f"*{word}*: {', '.join(names)}" for word, names in KINDS.items())
    say(
        f"# Beyond this page: all of CIFAR-10\n\nThe pages draw {run.recipe.per_class} pictures of each class. "
        f"Here are all {len(known)} training pictures, and {len(tests)} test pictures by which nothing below is "
        f"chosen. Each class is several kinds of things ({kinds})."
    )
    show_comparison(run, budget, known)
    net, fitted = our_trained_net(run, budget, known)
    show_origin(fitted, known)
    ten = asked(net, tests)
    show_wrong(run, tests, ten)
    some, order = known.rows(budget.probe_images), np.random.default_rng(run.seed).permutation(len(tests))
    few = tests.rows(np.sort(order[: budget.probe_tests]))
    say(
        "## With help from a million other photographs\n\nA network that learned to name a thousand kinds of things "
        f"describes each picture, enlarged to {PROBE_SIDE} pixels a side; its weights stay as they are. A logistic "
        f"regression learns the ten kinds from its descriptions of {len(some)} training pictures."
    )
    found = {
        "ours, from nothing": (two_classes(ten), tests, fitted.config["images"]),
        "EfficientNet-Lite0, frozen": (transfer(run, some, few), few, len(some)),
    }
    if budget.tuned_images:
        some = known.rows(budget.tuned_images)
        say(
            f"In the last row all of its weights went on learning, from {len(some)} pictures enlarged to 96 pixels."
        )
        found["EfficientNet-Lite0, all weights trained"] = (fine_tuned(run, some, tests), tests, len(some))
    display(test_table(found))
    if budget.twins:
        say(twins_sentence(run, known, tests, two_classes(ten)))
    rows = [
        results.metric(f"{name}: {part.replace('_', ' of ')}, {len(pictures)} test images", value, unit="%")
        for name, (probability, pictures, _) in found.items()
        for part, value in measures(pictures.labels, probability).items()
        if part != "loss"
    ]
    results.add_metrics(run.dir, "02", rows)


def show_comparison(run: Run, budget: Budget, known: Pictures) -> None:
    """Report 004's net, changes of it, and ours, all on the same few pictures."""
    count = min(budget.held_out, len(known) // 5)
    held_out, some = known.rows(np.arange(-count, 0)), known.rows(min(budget.images, len(known) - count))
    say(
        "## One net and five changes of it\n\nReport 004 builds three blocks of two layers of filters, and says "
        "what its five models tuned, but not which had what. So we change one thing at a time. **Dropout** sets a "
        "random share of the numbers in a net to zero at each step, so that it cannot rely on any one of them. An "
        "**L2 penalty** adds the squares of the weights to the loss, here of the dense layers. **Precision** of "
        "animals is the share of animals among the pictures that were called one. The last two rows are our net, "
        "once taught the two classes, once the ten kinds: then the probabilities of the six kinds of animals are "
        "added up."
    )
    runs = compare_variants(run, budget, some, held_out)
    shares = [name for name in runs if name.startswith(("accuracy", "precision"))]
    grouped = runs.assign(**100 * runs[shares]).groupby("net", sort=False)[[*shares, "loss"]]
    mean, spread = grouped.mean(), grouped.std().fillna(0)
    cells = {
        f"{name.replace('_', ' of ')}, %" if name in shares else name: [
            f"{m:.{digits}f} ± {s:.{digits}f}" for m, s in zip(mean[name], spread[name], strict=True)
        ]
        for name, digits in {**dict.fromkeys(shares, 1), "loss": 2}.items()
    }
    display(pd.DataFrame(cells, index=mean.index.rename("")))
    accuracy, first = mean["accuracy"], next(iter(VARIANTS))
    best = accuracy[[not name.startswith("ours") for name in accuracy.index]].idxmax()
    say(
        f"Mean ± standard deviation of {budget.runs} runs with different random starts. Each net saw {len(some)} "
        f"pictures {times(runs['epochs'][0])} and was asked about {len(held_out)} other training pictures. Of the "
        f"six nets of the report's kind, the best here is *{best}* ({accuracy[best]:.1f} %; unchanged: "
        f"{accuracy[first]:.1f} %). Runs of one and the same net differ by up to {spread['accuracy'].max():.1f} "
        "points (standard deviation): smaller gaps mean nothing. To be taught the ten kinds instead of two "
        "classes changes the accuracy of our net by "
        f"{accuracy['ours, taught ten kinds'] - accuracy['ours, taught two classes']:+.1f} points. The report's "
        "five models learned from more pictures for longer, and got 94.2 to 95.4 % of their test pictures right."
    )


def show_origin(fitted: store.Checkpoint, known: Pictures) -> None:
    """How our net came about."""
    plan, minutes, count = (
        fitted.config["plan"],
        sum(fitted.metrics["processor_seconds"]) / 60,
        fitted.config["images"],
    )
    shipped = "It comes with the package. " if fitted.origin == "shipped" else ""
    short = f"**This is a quick run**: there are {len(known)} of them. " if count < len(known) else ""
    say(
        f"## Our net, from nothing\n\nIt learned the ten kinds from {count} pictures, each seen "
        f"{times(plan['epochs'])}, mirrored and shifted at random. {short}{shipped}The training took {minutes:.1f} "
        f"minutes of one processor core: {minutes / 2:.1f} on two. It is asked about each test picture twice, as it "
        "is and mirrored.\n\nWhich test pictures does it put into the wrong class? The last column says which kind of "
        "that class it saw most often."
    )


def other_kind(tests: Pictures, ten: np.ndarray) -> np.ndarray:
    """The likeliest kind of the class that a picture is not of, int (N,). ten: probabilities (N, 10)."""
    return (ten * BELONGS.T[1 - tests.labels]).argmax(1)


def errors_by_kind(tests: Pictures, ten: np.ndarray) -> pd.DataFrame:
    """A row a kind: how many test pictures, how many in the wrong class, and what most of these were taken for."""
    rows, wrong = {}, two_classes(ten).argmax(1) != tests.labels
    seen = other_kind(tests, ten)
    for kind, name in enumerate(NAMES):
        own, missed = (tests.kinds == kind).sum(), (tests.kinds == kind) & wrong
        counts = np.bincount(seen[missed], minlength=len(NAMES))
        rows[name] = {
            "class": list(KINDS)[int(BELONGS[kind, 1])],
            "test pictures": own,
            "wrong": missed.sum(),
            "wrong, %": f"{100 * missed.sum() / max(1, own):.1f}",
            "most often seen as": f"{NAMES[counts.argmax()]} ({counts.max()})" if counts.any() else "–",
        }
    return pd.DataFrame(rows).T


def show_wrong(run: Run, tests: Pictures, ten: np.ndarray) -> None:
    """Errors by kind, and the wrong pictures. ten: probabilities (N, 10)."""
    table, probability, seen = errors_by_kind(tests, ten), two_classes(ten), other_kind(tests, ten)
    display(table)
    wrong = np.flatnonzero(probability.argmax(1) != tests.labels)
    if not len(wrong):
        say("None is wrong.")
        return
    flying = [NAMES.index("bird"), NAMES.index("airplane")]
    both = (np.isin(tests.kinds[wrong], flying) & np.isin(seen[wrong], flying)).sum()
    worst = table["wrong"].astype(int).idxmax()
    say(
        f"{len(wrong)} of {len(tests)} are in the wrong class. Hardest is the {worst}: {table['wrong'][worst]} of "
        f"{table['test pictures'][worst]}. Report 004 saw birds and airplanes confused, which share the sky: here that "
        f"makes {both} of the {len(wrong)} errors."
    )
    wrong = wrong[np.argsort(-probability[wrong].max(1), kind="stable")][:WRONG]
    figure = plots.tile_figure(
        tests.images[wrong],
        columns=8,
        captions=[
            f"{NAMES[tests.kinds[row]]}: {NAMES[seen[row]]} {100 * probability[row].max():.0f}"
            for row in wrong
        ],
        colours=[plots.class_colour(label) for label in tests.labels[wrong]],
        title=f"What it is: what the net saw, how sure of the class in % ({plots.colour_key(tuple(KINDS))})",
    )
    alt = f"{len(wrong)} test pictures in the wrong class, most confident first, each with its kind, the kind that our "
    alt += "net saw and its confidence."
    title = "Which animals become vehicles, and which vehicles animals?"
    display(plots.save_figure(figure, "wrong_kinds", run, title=title, alt=alt, notebook="02"))


def test_table(found: dict[str, tuple[np.ndarray, Pictures, int]]) -> pd.DataFrame:
    """A row a net. found: name -> its probabilities (N, 2), of which test pictures, learned from how many."""
    rows = {}
    for name, (probability, pictures, learned) in found.items():
        measured = measures(pictures.labels, probability)
        ends = wilson_interval(measured["accuracy"], len(pictures))
        shares = {
            part.replace("_", " of "): 100 * value for part, value in measured.items() if part != "loss"
        }
        rows[name] = {f"{part}, %": f"{value:.2f}" for part, value in shares.items()}
        rows[name] |= {"95 % interval of accuracy": " to ".join(f"{100 * end:.2f}" for end in ends)}
        rows[name] |= {"learned from": learned, "asked about": len(pictures)}
    return pd.DataFrame(rows).T


def twins_sentence(run: Run, known: Pictures, tests: Pictures, probability: np.ndarray) -> str:
    """What near-duplicates of training pictures among the test pictures are worth to our net."""

    def make() -> dict:
        print("comparing all test pictures with all training pictures", flush=True)
        return {"twins": tests.ids[twins_of(known.images, tests.images) >= 0].tolist()}

    config = {"known": known.key(), "tests": tests.key()}
    twin = np.isin(tests.ids, store.cached(run.dir, "animals_vehicles/twins.json", config, make)["twins"])
    right = 100 * (probability.argmax(1) == tests.labels)
    return (
        f"{twin.sum()} of the {len(tests)} test pictures show what a training picture shows, too. Without them our net "
        f"gets {right[~twin].mean():.2f} % right, with them {right.mean():.2f} %."
    )


def main(words: list[str]) -> None:
    """Train our net on all training pictures, into the run folder named; $CLOCKODILE_DATA may name the data folder."""
    run = open_run(recipe="animals_vehicles", profile="full", run_dir=words[0])
    known, tests = all_pictures(run)
    net, fitted = our_trained_net(run, FULL, known, retrain=True)
    print(test_table({"ours": (two_classes(asked(net, tests)), tests, fitted.config["images"])}).T)


if __name__ == "__main__":
    main(sys.argv[1:])
