"""Our net on the data of a run: one for each fold and seed, kept; what they say of images they never saw; all at once.

For the clocks and crocodiles trained nets come with the package, and a run starts with those instead of training.
"""

from dataclasses import asdict, replace
from functools import partial

import numpy as np
import torch
from scipy.special import softmax

from clockodile.classify.calibration import fit_temperature, log_mean_probability
from clockodile.classify.cross_validation import predict_out_of_fold
from clockodile.classify.predictor import Predictor, read_predictor_record, state_of
from clockodile.core import results, store
from clockodile.core.errors import UserError
from clockodile.core.recipes import pick
from clockodile.core.stats import wilson_interval
from clockodile.core.workspace import Run
from clockodile.data.dataset import Dataset
from clockodile.learn.models import CompactResNet, count_parameters
from clockodile.learn.training import TrainConfig, evaluate, predict, train

SHIPPED = "predictor-compact.safetensors"  # among the package's weights
FILE = "oof_predictions.npz"  # out of fold, for notebook 03
DECLARED = ("net", "seed", "fold", "known")  # what a shipped net must agree with


FEW = 250  # photographs: of fewer a step takes SMALL_BATCH, or there would be hardly a step
SMALL_BATCH = 8
FEWEST_EPOCHS = 8  # however many images there are


def plan_for(run: Run, data: Dataset, *, epochs: int = 0) -> TrainConfig:
    """How our net is trained in this run's profile; data: training images; epochs: 0 for the profile's."""
    usual, seen = run.profile.own_net_epochs, max(1, len(data) * (run.profile.folds - 1) // run.profile.folds)
    affordable = max(run.profile.scaled(FEWEST_EPOCHS), run.profile.own_net_views // seen)
    plan = TrainConfig(epochs=epochs or min(usual, affordable))
    return plan if len(data) >= FEW else replace(plan, batch=SMALL_BATCH)


def net_for(data: Dataset) -> partial:
    """Builds an untrained net of ours for these classes and pixels."""
    return partial(CompactResNet, classes=len(data.classes), image_size=data.images.shape[1])


def fit_fold(
    run: Run, data: Dataset, fold: int, seed: int, *, epochs: int = 0, retrain: bool = False
) -> tuple[CompactResNet, store.Checkpoint]:
    """The net that knows all folds but one: from the run folder, else from the package, else trained now.

    data: training images with folds >= 0. Returns the net in evaluation mode and its record, whose metrics hold loss
    and accuracy of "train".
    """
    known = data.fold != fold
    plan = plan_for(run, data, epochs=epochs)
    config = {"net": "compact", "seed": seed, "fold": fold, "plan": asdict(plan)}
    # the very images it was trained on: a net must never be taken for another split, whose held-out images it has seen
    config["known"] = store.fingerprint(data.images[known], data.labels[known])

    def fit() -> tuple[dict, dict]:
        images, labels = data.tensor()[known], torch.from_numpy(data.labels[known])
        model, _ = train(net_for(data), images, labels, plan, seed=int(seed * (data.fold.max() + 1) + fold))
        return model.state_dict(), {"train": evaluate(model, images, labels)}

    name = f"classifier/compact-fold{fold}-seed{seed}-epochs{plan.epochs}"
    # with a number of epochs a user asks for a net of their own
    shipped = (lambda: None) if epochs else partial(shipped_net, config)
    fitted = store.fit_or_load(name, config, data.fingerprint, fit, run_dir=run.dir, retrain=retrain, shipped=shipped)
    model = net_for(data)()
    model.load_state_dict(fitted.state)
    return model.eval(), fitted


def shipped_net(config: dict) -> store.Checkpoint | None:
    """The net with this seed, fold and training images that comes with the package, or None.

    It may have been trained longer than the profile would: better nets that are there need not be trained again.
    """
    path = store.shipped_weights() / SHIPPED
    if not path.is_file():
        return None
    try:
        for number, training in enumerate(read_predictor_record(path)["trainings"]):
            if store.matches(training["config"], {name: config[name] for name in DECLARED}):
                words = (training["metrics"], training["seconds"], "shipped", training["config"])
                return store.Checkpoint(state_of(store.read_weights(path)[1], number), *words)
    except UserError as error:
        store.LOG.warning("%s", error)
    return None


def fold_nets(
    run: Run, data: Dataset, seed: int, *, epochs: int | None = None, retrain: bool = False
) -> list[tuple[CompactResNet, store.Checkpoint]]:
    """One (net, record) for each fold, in order. epochs: 0 for the profile's, None for as many as notebook 02 used."""
    folds = range(data.fold.max() + 1)
    if epochs is None:
        stored = store.recorded_config(run.dir, FILE, stored_config(run, data)) or {}
        epochs = stored.get("asked", 0)
    return [fit_fold(run, data, fold, seed, epochs=epochs, retrain=retrain) for fold in folds]


def stored_config(run: Run, data: Dataset) -> dict:
    """What our net's stored predictions must agree with, whatever notebook 02 was asked for."""
    return {"net": "compact", "folds": data.folds_key, "seed": run.seed}


def out_of_fold(run: Run, data: Dataset, *, epochs: int | None = None, retrain: bool = False) -> dict[str, np.ndarray]:
    """Every image judged by nets that never saw it nor a near-duplicate of it; stored as oof_predictions.npz.

    data: training images. epochs: 0 for the profile's; None for whatever notebook 02 used, or, when it has not been
    run, a single net a fold: more would be trained for half an hour just to be asked. Returns the arrays of
    schemas.SCHEMAS["oof_predictions.npz"]; logits are logarithms of the mean of the probabilities of a picture and
    its mirror image.
    """
    config = stored_config(run, data)
    config["seeds"] = 1 if epochs is None else run.profile.oof_seeds
    config |= {
        "plan": asdict(plan_for(run, data, epochs=epochs or 0)),
        "asked": epochs or 0,  # 0 may mean the package's nets
    }

    def net_of(seed: int, fold: int) -> CompactResNet:
        return fit_fold(run, data, fold, seed, epochs=epochs or 0, retrain=retrain)[0]

    def make() -> dict[str, np.ndarray]:
        return predict_out_of_fold(net_of, data, range(run.seed, run.seed + config["seeds"]), mirrored=True)

    if epochs is None and not retrain:
        stored = store.load_cached(run.dir, FILE, stored_config(run, data), subset=True, source=store.source_key(make))
        if stored is not None:
            return stored
    return store.cached(run.dir, FILE, config, make, anew=retrain)


def choose_pair(run: Run, data: Dataset) -> Run:
    """The run with the pair of classes that notebooks 03 and 04 compare in its recipe.

    The one that was asked for; else the recipe's; else, of more than two classes, the one that notebook 02's nets
    confuse most, if it has been run; a line then says which. data: training images. Raises UserError, naming the
    nearest, for an unknown name.
    """
    pair, labels = run.recipe.pair, {name: label for label, name in enumerate(data.classes)}
    if run.pair:
        pair = tuple(pick("class", name, labels) if isinstance(name, str) else name for name in run.pair)
    elif pair == (0, 1) and len(labels) > 2:
        stored = store.load_cached(run.dir, FILE, stored_config(run, data), subset=True)
        if stored is not None:
            pair = most_confused(stored["logits"], data.labels)
            names = " and ".join(data.classes[label] for label in pair)
            print(f"NOTE: compared are {names}, which our net confuses most; --pair A B names others")
    return replace(run, recipe=replace(run.recipe, pair=pair))


def most_confused(logits: np.ndarray, labels: np.ndarray) -> tuple[int, int]:
    """The two classes whose images get most of the other one's probability. logits: (S, N, C); labels: int (N,)."""
    probability = softmax(log_mean_probability(logits), axis=1)
    given = np.array([probability[labels == label].mean(0) for label in range(logits.shape[2])])
    mutual = np.triu(given + given.T, k=1)
    first, second = np.unravel_index(mutual.argmax(), mutual.shape)
    return int(first), int(second)


def official_test_row(nets: list, data: Dataset) -> list[dict]:
    """Accuracy of all nets together on test images that the source kept apart, as a row of results; [] without any.

    data: all splits, for test images with a near-duplicate in training are left out, and counted.
    """
    tests, left_out = data.fresh_tests()
    if not len(tests):
        return []
    together = torch.stack([predict(net, tests.tensor(), mirrored=True).softmax(1) for net in nets]).mean(0)
    share = float((together.argmax(1).numpy() == tests.labels).mean())
    low, high = wilson_interval(share, len(tests))
    note = f"95 % interval {100 * low:.1f} to {100 * high:.1f} %"
    note += f"; {left_out} with a near-duplicate in training left out" if left_out else ""
    return [results.metric("ours, the source's own test images", share, unit="%", note=note)]


def predictions(run: Run, data: Dataset, seed: int, *, epochs: int = 0, retrain: bool = False) -> dict[str, np.ndarray]:
    """One seed's nets as a row of the comparison: the arrays of schemas.SCHEMAS["predictions/"].

    seed: one of those whose predictions `out_of_fold` keeps.
    """
    records = [record for _, record in fold_nets(run, data, seed, epochs=epochs, retrain=retrain)]
    return {
        "logits": out_of_fold(run, data, epochs=epochs, retrain=retrain)["logits"][seed - run.seed],
        "train_accuracy": np.array([record.metrics["train"]["accuracy"] for record in records]),
        "seconds": np.array([record.seconds for record in records]),
        "parameters": np.array([count_parameters(net_for(data)())]),
    }


def ensemble(run: Run, data: Dataset, seed: int, *, epochs: int = 0, retrain: bool = False) -> Predictor:
    """The nets of all folds together, as `clockodile predict` uses them.

    Several nets together are less sure than each, so the temperature is that of averages: of all nets, one for each
    seed of the profile, that did not see an image. Its recorded accuracy is that of single nets on images they did not
    see; all together can only be asked about images that none of them saw, which the data have none of.
    """
    nets = fold_nets(run, data, seed, epochs=epochs, retrain=retrain)
    logits = out_of_fold(run, data, epochs=epochs, retrain=retrain)["logits"]
    return Predictor(
        name=f"compact residual net, {len(nets)} nets",
        classes=data.classes,
        image_size=data.images.shape[1],
        models=[net for net, _ in nets],
        temperature=fit_temperature(log_mean_probability(logits), data.labels),
        note="; ".join(data.remarks),
        kind="compact",
        accuracy=float((logits[seed - run.seed].argmax(1) == data.labels).mean()),
        trained_on=f"{len(data)} images of {' and '.join(data.classes)}, four fifths of them each net",
        trainings=[
            {"config": fitted.config, "metrics": fitted.metrics, "seconds": fitted.seconds} for _, fitted in nets
        ],
    )
