from functools import partial

import pytest

from clockodile.core import source_code
from clockodile.core.source_code import source_key

FILES = {
    "learn/training.py": """
from clockodile.core.stats import mean

RATE = 0.1

def train(net):
    "Fit."
    return step(net, RATE) + mean(net)

def step(net, rate):
    return net * rate

def unused():
    return 0
""",
    "core/stats.py": "def mean(values):\n    return values\n",
    "classify/nets.py": """
from clockodile.classify import parts
from clockodile.learn.training import train as fit_net

def make(run):
    def fit():  # trains
        return fit_net(parts.build(run)), helper()
    def helper():
        return 1
    return fit

def other():
    return 2

ROWS = {
    "a": lambda: other(),
}
""",
    "classify/parts.py": "class Net:\n    width = 3\n\n\ndef build(run):\n    return Net()\n",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A small package of its own, and what imports its modules anew after an edit."""
    root = tmp_path / "clockodile"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    monkeypatch.setattr(source_code, "__file__", str(root / "core/source_code.py"))

    def key(edits=(), get=lambda module: module["make"](0)):
        for name, old, new in edits:
            text = (root / name).read_text()
            assert old in text
            (root / name).write_text(text.replace(old, new))
        for part in (
            source_code.tree_of,
            source_code.functions,
            source_code.definitions,
            source_code.imports,
        ):
            part.cache_clear()
        path = root / "classify/nets.py"
        module = {
            "__name__": "clockodile.classify.nets",
            **{"fit_net": None, "parts": None, "imported": True},
        }
        text = "\n".join("" if "import" in line else line for line in path.read_text().splitlines())
        exec(compile(text, str(path), "exec"), module)
        return source_key(get(module))

    yield key
    for part in (source_code.tree_of, source_code.functions, source_code.definitions, source_code.imports):
        part.cache_clear()


@pytest.mark.parametrize(
    "edit",
    [
        ("classify/nets.py", "helper()\n", "helper() + 1\n"),
        ("classify/nets.py", "return 1", "return 3"),
        ("classify/parts.py", "width = 3", "width = 4"),
        ("learn/training.py", "RATE = 0.1", "RATE = 0.2"),
        ("learn/training.py", "net * rate", "net / rate"),
    ],
    ids=["itself", "a function inside", "a class in its room", "a value in learn", "what learn calls"],
)
def test_the_key_changes_with_all_code_that_is_reached(package, edit):
    assert package() != package([edit])


@pytest.mark.parametrize(
    "edit",
    [
        ("classify/nets.py", "# trains", "# trains it"),
        ("learn/training.py", '"Fit."', '"Trains a net."'),
        ("learn/training.py", "return 0", "return 1"),
        ("classify/nets.py", "return 2", "return 3"),
        ("core/stats.py", "return values", "return sum(values)"),
    ],
    ids=["a comment", "a docstring", "an unused function", "another function", "another room"],
)
def test_the_key_stays_when_nothing_that_matters_changes(package, edit):
    assert package() == package([edit])


def test_a_lambda_in_a_table_and_a_partial_are_followed(package):
    edit = [("classify/nets.py", "return 2", "return 3")]
    row = lambda module: partial(print, module["ROWS"]["a"])  # noqa: E731
    assert package(get=row) != package(edit, get=row)


def test_functions_of_other_packages_have_no_code_here():
    assert source_key(len) == source_key(partial(pytest.approx, 1)) == source_key()


def test_a_changed_training_loop_invalidates_our_net():
    from clockodile.classify import own_net
    from clockodile.learn import augmentation, training

    reached, todo = set(), [place for place in source_code.places_of(own_net.fit_fold)]
    while todo:
        module, node = todo.pop()
        if (module, node) not in reached:
            reached.add((module, node))
            todo += source_code.reached(module, node)
    names = {(module, getattr(node, "name", "")) for module, node in reached}
    assert (training.__name__, "train") in names and (augmentation.__name__, "augment") in names
