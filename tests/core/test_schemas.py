import numpy as np
import pandas as pd
import pytest

from clockodile.core import schemas

SPLITS = {"id": ["a/1"], "label": [0], "group": [0], "fold": [0], "split": ["train"]}


def test_a_table_or_arrays_may_hold_more_than_their_schema():
    schemas.check_schema("splits.csv", pd.DataFrame(SPLITS | {"more": [0.5]}))
    schemas.check_schema("splits.csv", {name: np.array(part) for name, part in SPLITS.items()})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": [0.5]}, "'label' should be kind i with 1 dimensions, is float64"),
        ({"label": [[0]]}, "'label' should be kind i with 1 dimensions, is int64"),
        ({"id": [7]}, "'id' should be kind U"),
    ],
)
def test_a_part_of_the_wrong_kind_or_shape_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        schemas.check_schema("splits.csv", SPLITS | change)


def test_a_missing_part_is_named_with_what_there_is():
    with pytest.raises(ValueError, match="'id' is missing; there are label, group, fold, split"):
        schemas.check_schema("splits.csv", {name: part for name, part in SPLITS.items() if name != "id"})


def test_files_of_a_folder_share_its_schema():
    assert schemas.schema_of("predictions/one.npz") is schemas.schema_of("predictions/")
    assert schemas.schema_of("splits.csv") is schemas.SCHEMAS["splits.csv"]
    with pytest.raises(KeyError):
        schemas.schema_of("unknown.csv")
