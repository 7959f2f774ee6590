"""The first report's experiment on the data of a run: its net and its split."""

from functools import partial

import torch

from clockodile.classify.report_nets import ThreeBlockNet
from clockodile.core import store
from clockodile.core.workspace import Run
from clockodile.data.dataset import Dataset
from clockodile.data.splits import half_quarter_quarter
from clockodile.learn.training import evaluate, train_full_batch


def quarter_accuracies(run: Run, data: Dataset, *, seed: int, retrain: bool = False) -> dict[str, float]:
    """Accuracies on the two unseen quarters, "validation" and "test", of a net trained on half of the images; kept.

    data: training images; seed: decides both the split and the net.
    """
    split = half_quarter_quarter(data.labels, data.group, seed=seed)
    parts = {name: data.rows(rows) for name, rows in split.items()}
    epochs = run.profile.classifier_epochs

    def make() -> dict[str, float]:
        examples = {name: (part.tensor(), torch.from_numpy(part.labels)) for name, part in parts.items()}
        untrained = partial(ThreeBlockNet, classes=len(data.classes), image_size=data.images.shape[1])
        model, _ = train_full_batch(untrained, *examples["train"], seed=seed, epochs=epochs)
        return {name: evaluate(model, *examples[name])["accuracy"] for name in ("validation", "test")}

    # the very images of each part: what is measured with one split must never be taken for another's
    config = {name: store.fingerprint(part.images, part.labels) for name, part in parts.items()}
    config |= {"net": "three_block", "seed": seed, "epochs": epochs}
    return store.cached(run.dir, f"classifier/three_block_net-seed{seed}.json", config, make, anew=retrain)
