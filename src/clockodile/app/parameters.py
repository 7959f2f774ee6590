"""The parameters a notebook declares, and whether the values a user gave fit them.

A name that no notebook declares would be set and never read, so the cell is read, as the Python it is, beforehand.
"""

from __future__ import annotations

import ast
import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from clockodile.core.errors import UserError

LARGEST = 2**63  # no parameter needs a larger number, and torch and numpy take none
COMMON = ("recipe", "profile", "seed", "source", "data_dir", "run_dir")  # what every notebook declares
TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


@dataclass(frozen=True)
class Parameter:
    """One `name: type = default` line of a notebook's cell tagged `parameters`."""

    name: str
    type: str  # as written: int, float, bool, str, list or list[int]; "" when it cannot be told
    default: object


def tagged_source(path: Path, tag: str = "parameters") -> str:
    """Source of the first cell with this tag, or "". Raises UserError when the file is not a notebook."""
    try:
        cells = json.loads(path.read_text("utf-8"))["cells"]
        sources = [cell["source"] for cell in cells if tag in cell["metadata"].get("tags", ())]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is not a readable notebook ({type(error).__name__}); restore it") from None
    return "".join(sources[0]) if sources else ""


def read_parameters(path: Path) -> dict[str, Parameter]:
    """The parameters declared in a notebook, by name.

    Raises UserError when its parameters cell is not Python.
    """
    try:
        statements = ast.parse(tagged_source(path)).body
    except SyntaxError as error:
        raise UserError(
            f"{path.name}: the cell tagged parameters has an error in line {error.lineno}"
        ) from None
    found = {}
    for statement in statements:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name, declared = statement.target.id, ast.unparse(statement.annotation).strip("'\"")
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name, declared = statement.targets[0].id, ""
        else:
            continue
        default = literal(statement.value)
        found[name] = Parameter(name, declared or type(default).__name__, default)
    return found


def literal(node: ast.expr | None) -> object:
    """The value of a literal, or None for anything that would have to be computed."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        return None


def parse_assignments(texts: Iterable[str]) -> dict[str, str]:
    """{"epochs": "3"} from ["epochs=3"]. Raises UserError for a missing "=" or a name given twice."""
    values: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not name:
            raise UserError(f"-p {text}: write it as -p name=value")
        if name in values:
            raise UserError(f"parameter '{name}' is given twice: '{values[name]}' and '{value}'")
        values[name] = value
    return values


def convert(parameter: Parameter, value: object) -> object:
    """`value`, a text or already of the right type, as the type the notebook declares.

    UserError when it does not fit.
    """
    try:
        return convert_to(parameter.type, value)
    except (ValueError, SyntaxError, TypeError):
        wants = parameter.type
        raise UserError(f"parameter '{parameter.name}' wants {wants}, got '{value}'") from None
    except NotImplementedError:
        raise UserError(
            f"parameter '{parameter.name}' is {parameter.type}; it can only be set in the notebook"
        ) from None


def convert_to(wanted: str, value: object) -> object:
    """`value` as the type called `wanted`.

    ValueError when it does not fit, NotImplementedError for other types.
    """
    if wanted.startswith(("list", "tuple")):
        return convert_list(wanted, value)
    if wanted == "str":
        if not isinstance(value, str):
            raise ValueError
        return value
    if wanted == "bool":
        return convert_bool(value)
    if wanted in ("int", "float"):
        if isinstance(value, bool) or (wanted == "int" and isinstance(value, float)):
            raise ValueError  # int(2.5) would round without a word
        number = int(value) if wanted == "int" else float(value)
        if not abs(number) < LARGEST:  # infinite, not a number, or longer than a 64-bit number
            raise ValueError
        return number
    raise NotImplementedError(wanted)


def convert_bool(value: object) -> bool:
    """True or False from a boolean or one of the usual words. ValueError for anything else."""
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word not in TRUE + FALSE:
        raise ValueError
    return word in TRUE


def convert_list(wanted: str, value: object) -> list:
    """A list from "1,2,3", "[1, 2, 3]" or a sequence, items of the type between the brackets, else str."""
    item_type = wanted.partition("[")[2].rstrip("]").split(",")[0].strip() or "str"
    if isinstance(value, str):
        inside = value.strip().removeprefix("[").removesuffix("]").strip()
        items: Sequence = [item.strip().strip("'\"") for item in inside.split(",")] if inside else []
    elif isinstance(value, Sequence):
        items = value
    else:
        raise ValueError
    return [convert_to(item_type, item) for item in items]


def check_parameters(
    declared: Mapping[str, Mapping[str, Parameter]],
    values: Mapping[str, object],
    *,
    left_out: Mapping[str, Mapping[str, Parameter]] | None = None,
) -> dict[str, dict[str, object]]:
    """What each notebook receives: those of `values` it declares, as the types it declares.

    declared: notebook -> its parameters.
    left_out: the same for notebooks that will not run, only for a better message.
    Raises UserError for a name that none declares and for a value of the wrong type.
    """
    known = {name for parameters in declared.values() for name in parameters}
    for name in values:
        if name not in known:
            raise UserError(unknown(name, known, left_out or {}))
    return {
        notebook: {
            name: convert(parameters[name], value) for name, value in values.items() if name in parameters
        }
        for notebook, parameters in declared.items()
    }


def unknown(name: str, known: Iterable[str], left_out: Mapping[str, Mapping[str, Parameter]]) -> str:
    """The message for a parameter that no selected notebook declares."""
    owners = [notebook for notebook, parameters in left_out.items() if name in parameters]
    if owners:
        return f"parameter '{name}' belongs to notebook {owners[0]}, which --only leaves out"
    near = difflib.get_close_matches(name, list(known), n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(sorted(known)) or 'none'}"
    return f"unknown parameter '{name}'; {hint}"
