"""Names and types of notebook parameters are checked before anything starts."""

import pytest
from tiny_notebooks import make_notebook

from clockodile.app.parameters import (
    Parameter,
    check_parameters,
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
    assert found["old"].type == "bool"
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
        ("list[int]", "1,2", [1, 2]),
        ("list[float]", "[1, 2.5]", [1.0, 2.5]),
        ("list", "'a', b", ["a", "b"]),
        ("list[str]", "", []),
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
        *(("list[int]", wrong) for wrong in ("1,x", 3)),
        ("str", 3),
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
