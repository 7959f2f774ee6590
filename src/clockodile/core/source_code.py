"""What code a result depends on, as a key: change that code, and what was made with the old one is made anew."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

PACKAGE = __name__.partition(".")[0]
FUNCTIONS = (ast.FunctionDef, ast.Lambda)
Place = tuple[str, ast.AST]  # a module's name and something defined in it


def source_key(*made_by: Callable) -> str:
    """16 hexadecimal digits that change with the code of functions or classes and of all that they reach.

    Reached is what their text names: what is defined in the same module or imported from their own room (clockodile.x)
    or from clockodile.learn, and so on from there. Other rooms and packages do not count: what they hand over is data,
    which is part of a result's configuration. Comments, docstrings and layout do not count either. A partial stands for
    its function and for all functions among its arguments.
    """
    todo = [place for made in made_by for place in places_of(made)]
    rooms, found = {room_of(module) for module, _ in todo} | {f"{PACKAGE}.learn"}, set()
    while todo:
        module, node = todo.pop()
        if (text := ast.unparse(node)) not in found:
            found.add(text)
            todo += [place for place in reached(module, node) if room_of(place[0]) in rooms]
    return hashlib.sha256("\n\n".join(sorted(found)).encode()).hexdigest()[:16]


def room_of(module: str) -> str:
    """The room of a module: "clockodile.learn" for clockodile.learn.training."""
    return ".".join(module.split(".")[:2])


def places_of(made: object) -> Iterator[Place]:
    """Where a function, a class or a net, or each function in a partial, is defined; nothing outside this package."""
    if isinstance(made, partial):
        for part in (made.func, *made.args, *made.keywords.values()):
            yield from places_of(part)
    elif callable(made):
        made = getattr(made, "__wrapped__", made)
        made = made if hasattr(made, "__qualname__") else type(made)
        code, module = getattr(made, "__code__", None), made.__module__
        if code is None:
            yield from named(module, made.__qualname__)
        else:
            yield from ((module, node) for node in functions(module).get(code.co_firstlineno, ()))


def reached(module: str, node: ast.AST) -> Iterator[Place]:
    """What of this package a piece of code names."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            yield from named(module, part.id)
        elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            yield from named(".".join(imports(module).get(part.value.id, ("",))), part.attr)


def named(module: str, name: str) -> Iterator[Place]:
    """The definitions behind a name in a module, or in the one that it is imported from."""
    if name in imports(module):
        module, name = imports(module)[name]
    yield from ((module, node) for node in definitions(module).get(name, ()))


@cache
def tree_of(module: str) -> ast.Module:
    """A module of this package without its docstrings; empty for any other."""
    package, *parts = module.split(".")
    path = Path(__file__).parents[1].joinpath(*parts).with_suffix(".py")
    tree = ast.parse(path.read_text("utf-8") if package == PACKAGE and path.is_file() else "")
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return tree


@cache
def functions(module: str) -> dict[int, list[ast.AST]]:
    """Functions by the line in which they begin, decorators included."""
    found: dict[int, list[ast.AST]] = {}
    for node in ast.walk(tree_of(module)):
        if isinstance(node, FUNCTIONS):
            line = min([node.lineno, *(part.lineno for part in getattr(node, "decorator_list", ()))])
            found.setdefault(line, []).append(node)
    return found


@cache
def definitions(module: str) -> dict[str, list[ast.AST]]:
    """What a module defines under each name: functions at any depth, classes, and values outside of functions."""
    found: dict[str, list[ast.AST]] = {}
    for node in ast.walk(tree_of(module)):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.setdefault(node.name, []).append(node)
    for node in tree_of(module).body:
        for target in getattr(node, "targets", [getattr(node, "target", None)]):
            for part in ast.walk(target) if target is not None else ():
                if isinstance(part, ast.Name):
                    found.setdefault(part.id, []).append(node)
    return found


@cache
def imports(module: str) -> dict[str, tuple[str, str]]:
    """What a module imports by name, anywhere in it: its own name for it -> module and name there."""
    return {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
