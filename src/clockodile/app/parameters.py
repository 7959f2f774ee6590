"""The parameters a notebook declares, and whether the values a user gave fit them.

A name that no notebook declares would be set and never read, so the cell is read, as the Python it is, beforehand.
"""

import ast
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from clockodile.core.errors import UserError
from clockodile.core.recipes import pick
from clockodile.core.workspace import check_range, names_of_pair

LARGEST = 2**63  # no parameter needs a larger number, and torch and numpy take none
# what every notebook declares
COMMON = ("recipe", "classes", "profile", "seed", "source", "data_dir", "run_dir")
BOOLEANS = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(("false", "no", "off", "0"), False)
FROM_TEXT = {"int": int, "float": float, "str": str, "bool": lambda text: BOOLEANS[text.strip().lower()]}
RANGES = {  # smallest and largest value; the notebooks check the same, but only when they have been reached
    "image_size": (0, 512),
    "epochs": (0, 10_000),
    "seeds": (0, 1000),
    "effort": (0.001, 100),
    "tolerance": (0.001, 0.999),
    "count": (0, 10_000),
    "n_per_class": (0, 2000),
}


@dataclass(frozen=True)
class Parameter:
    """One `name: type = default` line of a notebook's cell tagged `parameters`."""

    name: str
    type: str  # as written, such as int
    default: object  # None when it would have to be computed


def read_parameters(path: Path) -> dict[str, Parameter]:
    """The parameters declared in a notebook, by name. Raises UserError when it, or its parameters cell, is damaged."""
    try:
        cells = json.loads(path.read_text("utf-8"))["cells"]
        sources = [cell["source"] for cell in cells if "parameters" in cell["metadata"].get("tags", ())]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is not a readable notebook ({type(error).__name__}); restore it") from None
    try:
        statements = ast.parse("".join(sources[0]) if sources else "").body
    except SyntaxError as error:
        line = f"line {error.lineno}"
        raise UserError(f"{path.name}: the cell tagged parameters has an error in {line}") from None
    found = {}
    for statement in statements:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name, declared = statement.target.id, ast.unparse(statement.annotation).strip("'\"")
            try:
                default = ast.literal_eval(statement.value)
            except (ValueError, TypeError):  # it would have to be computed
                default = None
            found[name] = Parameter(name, declared, default)
    return found


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
    """`value`, a text or already of the right type, as the type the notebook declares. UserError if it does not fit."""
    name, wanted = parameter.name, parameter.type
    if wanted not in FROM_TEXT:
        raise UserError(f"parameter '{name}' is {wanted}; it can only be set in the notebook")
    try:
        found = FROM_TEXT[wanted](str(value))
        if wanted in ("int", "float") and not abs(found) < LARGEST:
            raise ValueError  # infinite, not a number, or longer than a 64-bit number
    except (ValueError, KeyError):
        raise UserError(f"parameter '{name}' wants {wanted}, got '{value}'") from None
    check_text(f"parameter '{name}'", found)
    return found


def check_text(what: str, value: object) -> None:
    """Raise UserError for a text that is no UTF-8, which neither a notebook nor a record can hold."""
    try:
        str(value).encode()
    except UnicodeEncodeError:
        cure = "rename it, or set LC_ALL=C.UTF-8 if it is readable elsewhere"
        raise UserError(f"{what}: '{value}' has bytes that are not UTF-8; {cure}") from None


def check_value(name: str, value: object) -> None:
    """Raise UserError for a value of the right type that makes no sense."""
    if name in RANGES:
        check_range(name, value, *RANGES[name])
    if name == "image_size" and value % 8:
        raise UserError(f"parameter 'image_size' is {value}; give a multiple of 8, or 0")
    if name == "pair":
        names_of_pair(value)
    if name == "models":
        from clockodile.classify.candidates import pick_candidates  # it takes seconds to load

        try:
            pick_candidates(value, slow=False)
        except UserError as error:  # which names all of torchvision's networks
            what, _, hint = str(error).partition("; ")
            ours = f"known: {', '.join(pick_candidates('', slow=True))}, and torchvision's networks"
            raise UserError(f"{what}; {hint if hint.startswith('did you mean') else ours}") from None


def check_parameters(
    declared: Mapping[str, Mapping[str, Parameter]],
    values: Mapping[str, object],
    *,
    left_out: Mapping[str, Mapping[str, Parameter]] | None = None,
) -> dict[str, dict[str, object]]:
    """What each notebook receives: those of `values` it declares, as the types it declares.

    declared: notebook -> its parameters.
    left_out: the same for notebooks that will not run, only for a better message.
    Raises UserError for a name that none declares, and for a value of the wrong type or out of range.
    """
    known = {name for parameters in declared.values() for name in parameters}
    for name in values:
        if name in known:
            continue
        owners = [notebook for notebook, parameters in (left_out or {}).items() if name in parameters]
        if owners:
            raise UserError(f"parameter '{name}' belongs to notebook {owners[0]}, which --only leaves out")
        pick("parameter", name, dict.fromkeys(sorted(known)))
    checked = {
        notebook: {name: convert(own[name], value) for name, value in values.items() if name in own}
        for notebook, own in declared.items()
    }
    for own in checked.values():
        for name, value in own.items():
            check_value(name, value)
    return checked
