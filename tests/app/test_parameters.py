"""Names and types of notebook parameters are checked before anything starts."""

import re
from pathlib import Path

import pytest
from tiny_notebooks import make_notebook

from clockodile.app.parameters import (
    COMMON,
    RANGES,
    Parameter,
    check_parameters,
    check_value,
    convert,
    parse_assignments,
    read_parameters,
)
from clockodile.core.errors import UserError


def test_reads_every_line_of_the_cell(tmp_path):
    own = "epochs: int = 0  # 0 = what the profile says\ntolerance: float = 0.2\nnames: list[int] = []\nold = True\n"
    found = read_parameters(make_notebook(tmp_path / "02_x.ipynb", own=own))
    assert found["epochs"] == Parameter("epochs", "int", 0)
    assert found["tolerance"].type == "float"
    assert found["names"].type == "list[int]"
    assert "old" not in found
    assert found["seed"].type == "int"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"cells": [{}]}'])
def test_a_damaged_notebook_is_named(tmp_path, content):
    path = tmp_path / "01_x.ipynb"
    path.write_text(content)
    with pytest.raises(UserError, match="01_x.ipynb"):
        read_parameters(path)


@pytest.mark.parametrize(
    "declared, text, value",
    [
        ("int", "3", 3),
        ("int", "-1", -1),
        ("float", "1e-3", 0.001),
        ("float", "2", 2.0),
        ("bool", "False", False),
        ("bool", "yes", True),
        ("str", "a=b, c", "a=b, c"),
        ("str", "", ""),
        ("int", 3, 3),
        ("bool", True, True),
    ],
)
def test_text_becomes_the_declared_type(declared, text, value):
    found = convert(Parameter("x", declared, None), text)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    "declared, wrong",
    [
        *(("int", wrong) for wrong in ("ten", "", "1.5", 1.5, True, None)),
        *(("float", wrong) for wrong in ("nan", "inf", "x", [])),
        *(("bool", wrong) for wrong in ("2", "maybe", 3)),
    ],
)
def test_a_value_of_another_type_is_refused(declared, wrong):
    with pytest.raises(UserError, match=r"parameter 'x' wants"):
        convert(Parameter("x", declared, None), wrong)


def test_the_message_says_type_and_value():
    with pytest.raises(UserError) as error:
        convert(Parameter("epochs", "int", 0), "ten")
    assert str(error.value) == "parameter 'epochs' wants int, got 'ten'"


def test_other_types_are_left_to_the_notebook():
    with pytest.raises(UserError, match="only be set in the notebook"):
        convert(Parameter("x", "dict", None), "{}")


def test_assignments_split_at_the_first_sign():
    assert parse_assignments(["a=1", "b=c=d", "e="]) == {"a": "1", "b": "c=d", "e": ""}


@pytest.mark.parametrize("texts", [["epochs"], ["=3"], [" =3"], ["a=1", "a=1"]])
def test_wrong_assignments(texts):
    with pytest.raises(UserError):
        parse_assignments(texts)


def test_each_notebook_receives_what_it_declares():
    epochs, width = Parameter("epochs", "int", 0), Parameter("width", "int", 0)
    declared = {"02": {"epochs": epochs, "width": width}, "04": {"epochs": Parameter("epochs", "float", 0.0)}}
    assert check_parameters(declared, {"epochs": "3", "width": 7}) == {
        "02": {"epochs": 3, "width": 7},
        "04": {"epochs": 3.0},
    }


def test_unknown_names_are_explained():
    declared = {"02": {"epochs": Parameter("epochs", "int", 0)}}
    other = {"03": {"tolerance": Parameter("tolerance", "float", 0.2)}}
    with pytest.raises(UserError) as error:
        check_parameters(declared, {"epoch": "3"}, left_out=other)
    assert str(error.value) == "unknown parameter 'epoch'; did you mean 'epochs'?"
    with pytest.raises(UserError, match="belongs to notebook 03"):
        check_parameters(declared, {"tolerance": "1"}, left_out=other)


# --- values that make no sense ----------------------------------------------------------------------------


def check(name: str, value: str, kind: str = "int") -> dict:
    return check_parameters({"02": {name: Parameter(name, kind, None)}}, {name: value})


@pytest.mark.parametrize(
    "name, kind, wrong, said",
    [
        ("count", "int", "-1", "parameter 'count' is -1; give one from 0 to 10000"),
        ("effort", "float", "0", "parameter 'effort' is 0.0; give one from 0.001 to 100"),
        ("tolerance", "float", "1", "parameter 'tolerance' is 1.0"),
        ("image_size", "int", "33", "parameter 'image_size' is 33; give a multiple of 8"),
        ("image_size", "int", "520", "parameter 'image_size' is 520"),
        ("models", "str", "foo", "unknown model 'foo'; known: majority"),
        ("models", "str", "compact,hog_svn", "did you mean 'hog_svm'"),
        ("pair", "str", "clock", "two different classes"),
        ("pair", "str", "clock,clock", "two different classes"),
        ("title", "str", "caf\udce9", "bytes that are not UTF-8"),
    ],
)
def test_values_out_of_range_are_refused(name, kind, wrong, said):
    with pytest.raises(UserError, match=re.escape(said)) as error:
        check(name, wrong, kind)
    assert len(str(error.value)) < 400, "one line, not the whole of torchvision"


def test_values_in_range_pass():
    for name, value in {"count": "0", "image_size": "512", "models": "compact,resnet18", "pair": "a,b"}.items():
        assert check(name, value, "str" if name in ("models", "pair") else "int")


def real_notebooks() -> list[Path]:
    return sorted((Path(__file__).parents[2] / "notebooks").glob("0*.ipynb"))


@pytest.mark.parametrize("path", real_notebooks(), ids=lambda path: path.stem)
def test_every_number_of_the_notebooks_has_the_range_that_the_notebook_checks(path):
    declared = read_parameters(path)
    numbers = {n for n, p in declared.items() if p.type in ("int", "float") and n not in COMMON}
    assert numbers <= RANGES.keys()
    for name, parameter in declared.items():
        check_value(name, parameter.default)
    for name, low, high in re.findall(r'check_range\(\\"(\w+)\\", \w+, ([\d._]+), ([\d._]+)\)', path.read_text()):
        assert RANGES[name] == (float(low), float(high))
