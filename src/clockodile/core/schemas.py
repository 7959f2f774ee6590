"""What each file that a notebook hands on must hold.

A schema names the parts a file must have, arrays or columns, each with its dtype kind and its number of dimensions.
Kinds are numpy's: u unsigned, i integer, f float, U text, b boolean. OTHERS stands for all further columns.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

Schema = Mapping[str, tuple[str, int]]
OTHERS = ""


def columns(**kinds: str) -> Schema:
    """Schema of a table: one kind per column."""
    return {name: (kind, 1) for name, kind in kinds.items()}


# S seeds, N training images in dataset order, C classes
OUT_OF_FOLD = {
    "ids": ("U", 1),  # (N,)
    "labels": ("i", 1),  # (N,)
    "fold": ("i", 1),  # (N,) the fold whose nets, trained without it, judged the image
    "logits": ("f", 3),  # (S, N, C)
    "centre_distance": ("f", 3),  # (S, N, C) to the class centres of the images that fold trained on
}

CLASSIFIER_RUNS = columns(
    **{"model": "U", "title": "U", "source": "U", "seed": "i", "fold": "i", "parameters": "i"},
    **dict.fromkeys(("train_accuracy", "accuracy", "log_loss", "seconds"), "f"),
)

SCHEMAS = {
    # notebook 01; split is train, test, background or hybrid; labels and folds are -1 where there is none
    "dataset.npz": {"images": ("u", 4), "labels": ("i", 1), "ids": ("U", 1), "split": ("U", 1)},
    "splits.csv": columns(id="U", label="i", group="i", fold="i", split="U"),
    # notebook 02
    "oof_predictions.npz": OUT_OF_FOLD,  # our net's
    "predictions/": {  # one file for each candidate and seed; K folds
        "logits": ("f", 2),  # (N, C) in dataset order, each image's by the fold that did not see it
        "train_accuracy": ("f", 1),  # (K,) in [0, 1]
        "seconds": ("f", 1),  # (K,) to fit
        "parameters": ("i", 1),  # (1,)
    },
    "features/": {"rows": ("f", 2), "seconds": ("f", 1)},  # (N, D) in dataset order; (1,) to compute
    "classifier_runs.csv": CLASSIFIER_RUNS,
    "faces.csv": CLASSIFIER_RUNS,
    "animals_vehicles/results.csv": columns(  # a row for each net and run, measured on held-out training images
        **{"net": "U", "run": "i", "images": "i", "epochs": "i", "seconds": "f"},
        **dict.fromkeys(("accuracy", "precision_animal", "precision_vehicle", "loss"), "f"),
    ),
    # notebook 03
    "judge/": {"rows": ("f", 2)},  # features, scores or evidence of all images, in dataset order
    "ambiguous.csv": columns(  # and a column for each of ambiguous.score_table.SCORES, in [0, 1]
        **{OTHERS: "f", "id": "U", "label": "i", "p": "f", "score": "f", "rank": "i", "quadrant": "U"},
        **{"evidence_a": "f", "evidence_b": "f", "reason": "U"},
    ),
    "pairs.csv": columns(id="U", partner="U", similarity="f"),
    # notebook 04
    # M pictures; seconds to make one, a number a generator in the order of the table
    "hybrids.npz": {"images": ("u", 4), "method": ("U", 1), "seconds": ("f", 1)},
    "hybrids.csv": columns(  # shares in [0, 1]; both_low and both_high are the ends of a 95 % interval
        **{"method": "U", "images": "i"},
        **dict.fromkeys(
            ("first", "second", "both", "both_low", "both_high", "kid", "told_apart", "memorised", "seconds"), "f"
        ),
    ),
    "answers/": columns(question="i", kind="U", answer="U"),  # a rater's, a file for each set of questions
}


def schema_of(name: str) -> Schema:
    """The schema of a file, or of its folder ("predictions/")."""
    return SCHEMAS.get(name) or SCHEMAS[f"{name.partition('/')[0]}/"]


def check_schema(name: str, content: pd.DataFrame | Mapping[str, np.ndarray]) -> None:
    """Raise ValueError when `content` lacks a part of its schema or has one of the wrong kind or dimensions."""
    schema = dict(schema_of(name))
    others = schema.pop(OTHERS, None)
    further = {part: others for part in content if part not in schema} if others else {}
    for part, (kind, dimensions) in {**schema, **further}.items():
        if part not in content:
            raise ValueError(f"{name}: '{part}' is missing; there are {', '.join(content)}")
        values = content[part]
        values = values.to_numpy() if isinstance(values, pd.Series) else np.asarray(values)
        found = "U" if values.dtype.kind in "OT" else values.dtype.kind
        if found != kind or values.ndim != dimensions:
            raise ValueError(
                f"{name}: '{part}' should be kind {kind} with {dimensions} dimensions, is {values.dtype} {values.shape}"
            )
