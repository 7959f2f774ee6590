"""What src imports is what requirements.txt pins."""

import ast
import re
import sys
from importlib.metadata import packages_distributions

import clockodile
from clockodile.core.workspace import project_root


def imported() -> set[str]:
    """The packages of other people that any module of src imports, by the names they are imported under."""
    found = set()
    for path in (project_root() / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {clockodile.__name__}


def test_every_import_is_pinned():
    text = (project_root() / "requirements.txt").read_text("utf-8").lower()
    pinned = {name.replace("_", "-") for name in re.findall(r"^([\w.-]+)==", text, re.MULTILINE)}
    owners = packages_distributions()
    missing = [
        name for name in sorted(imported()) if not {owner.lower().replace("_", "-") for owner in owners[name]} & pinned
    ]
    assert missing == []
