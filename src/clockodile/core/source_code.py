"""What code a result depends on, as a key: change that code, and what was made with the old one is made anew."""

import ast
import hashlib
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

PACKAGE = __name__.partition(".")[0]


def source_key(*made_by: Callable) -> str:
    """16 hexadecimal digits that change with the modules that define these functions, and with those they import.

    And so on from there, within the same room (clockodile.x) and clockodile.learn. Other rooms and packages do not
    count: what they hand over is data, which is part of a result's configuration. Comments, docstrings and layout do
    not count either. A partial stands for its function.
    """
    todo = [(made.func if isinstance(made, partial) else made).__module__ for made in made_by]
    rooms, found = {room_of(module) for module in todo} | {f"{PACKAGE}.learn"}, {}
    while todo:
        module = todo.pop()
        if module not in found and room_of(module) in rooms:
            found[module], imported = code_of(module)
            todo += imported
    text = "\n\n".join(found[module] for module in sorted(found))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def room_of(module: str) -> str:
    """The room of a module: "clockodile.learn" for clockodile.learn.training."""
    return ".".join(module.split(".")[:2])


@cache
def code_of(module: str) -> tuple[str, list[str]]:
    """A module's code without its docstrings, and the names it imports from and of; nothing outside this package."""
    package, *parts = module.split(".")
    path = Path(__file__).parents[1].joinpath(*parts).with_suffix(".py")
    tree = ast.parse(path.read_text("utf-8") if package == PACKAGE and path.is_file() else "")
    imported = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):  # a name may be a module's, too
            imported += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree), imported
