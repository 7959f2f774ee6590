"""What keeps `src` readable: rooms that look downwards only, and one meaning for a name."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "clockodile"
ROOMS = ("core", "learn", "show", "data", "classify", "ambiguous", "hybrids", "app")  # each may use those before it
EACH_PAGE = {
    "check_exercise",
    "show_figure",
    "open_page",
    "Page",
    "show",
}  # every notebook's or study's own, one meaning
# `main` is what a module does when it is run as a program, `predict` the command and what it calls
DEFINED_TWICE = {"main", "predict"}


def modules() -> dict[str, ast.Module]:
    """Every module by its path below the package."""
    return {
        path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text("utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def rooms_used(tree: ast.Module) -> set[str]:
    """Rooms that a module imports from, wherever in it."""
    dotted = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            dotted |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            dotted |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in dotted if name.startswith("clockodile.")} & set(ROOMS)


def public_names(tree: ast.Module) -> set[str]:
    """Functions, classes and type aliases at the top of a module; constants and loggers are each module's own."""
    names = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return {name for name in names if not name.startswith("_") and not name.isupper() and name != "log"}


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_downwards_only(room):
    allowed = set(ROOMS[: ROOMS.index(room) + 1])
    climbing = {
        path: rooms_used(tree) - allowed
        for path, tree in modules().items()
        if path.startswith(f"{room}/") and rooms_used(tree) - allowed
    }
    assert climbing == {}


def test_every_module_is_in_a_room():
    outside = {path for path in modules() if path.partition("/")[0] not in ROOMS}
    assert outside == {"__init__.py", "__main__.py"}


def test_a_public_name_has_one_meaning():
    places = defaultdict(list)
    for path, tree in modules().items():
        for name in public_names(tree):
            places[name].append(path)
    twice = {name: paths for name, paths in places.items() if len(paths) > 1}
    print(f"{len(twice)} public names are defined twice")
    assert {name: paths for name, paths in twice.items() if name not in DEFINED_TWICE | EACH_PAGE} == {}
