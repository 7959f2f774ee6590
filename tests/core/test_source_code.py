"""A key of code: what changes it, and what must not."""

from functools import partial

import pytest

from clockodile.core import source_code
from clockodile.core.source_code import code_of, source_key

FILES = {
    "learn/training.py": """
from clockodile.core.stats import mean

RATE = 0.1

def train(net):
    "Fit."
    return RATE * mean(net)
""",
    "learn/models.py": "def deep():\n    return 1\n",
    "core/stats.py": "def mean(values):\n    return values\n",
    "classify/nets.py": """
from clockodile.classify import parts
from clockodile.learn.training import train as fit_net

def make():
    def fit():  # trains
        return fit_net(parts.build())
    return fit
""",
    "classify/parts.py": """
class Net:
    width = 3

def build():
    from clockodile.classify.layers import layer
    return Net(), layer
""",
    "classify/layers.py": "layer = 7\n",
    "classify/page.py": "from clockodile.classify.nets import make\n",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A small package of its own: the key of a function in classify/nets.py, after an edit."""
    root = tmp_path / "clockodile"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    monkeypatch.setattr(source_code, "__file__", str(root / "core/source_code.py"))

    def key(*edits, wrapped=lambda made: made):
        for name, old, new in edits:
            text = (root / name).read_text()
            assert old in text
            (root / name).write_text(text.replace(old, new))
        code_of.cache_clear()
        module = {"__name__": "clockodile.classify.nets"}
        exec("def make():\n    return lambda: 0", module)
        return source_key(wrapped(module["make"]()))

    yield key
    code_of.cache_clear()


@pytest.mark.parametrize(
    "edit",
    [
        ("classify/nets.py", "parts.build()", "parts.build"),
        ("classify/parts.py", "width = 3", "width = 4"),
        ("classify/layers.py", "layer = 7", "layer = 8"),
        ("learn/training.py", "RATE = 0.1", "RATE = 0.2"),
    ],
    ids=["its module", "a module in its room", "one that this imports inside", "one in learn"],
)
def test_the_key_changes_with_all_modules_that_are_reached(package, edit):
    assert package() != package(edit)


@pytest.mark.parametrize(
    "edit",
    [
        ("classify/nets.py", "# trains", "# trains it"),
        ("learn/training.py", '"Fit."', '"Trains a net."'),
        ("learn/training.py", '    "Fit."\n', ""),
        ("learn/models.py", "return 1", "return 2"),
        ("classify/page.py", "import make", "import make as made"),
        ("core/stats.py", "return values", "return sum(values)"),
    ],
    ids=["a comment", "a docstring", "none at all", "another module of learn", "who imports it", "another room"],
)
def test_the_key_stays_when_nothing_that_matters_changes(package, edit):
    assert package() == package(edit)


def test_a_partial_stands_for_its_function(package):
    assert package(wrapped=lambda made: partial(made, 1)) == package() != source_key(print)


def test_functions_of_other_packages_have_no_code_here():
    assert source_key(len) == source_key(partial(pytest.approx, 1)) == source_key(pytest.fixture)


def test_a_changed_training_loop_invalidates_our_net():
    from clockodile.classify import own_net

    assert {"clockodile.learn.training", "clockodile.learn.models"} <= set(code_of(own_net.__name__)[1])
    assert "clockodile.learn.augmentation" in code_of("clockodile.learn.training")[1]


def test_no_result_depends_on_the_words_of_a_page():
    """A sentence may change without anything being trained or drawn again."""
    makers = ("classify.candidates", "classify.half_quarter_quarter", "ambiguous.judge", "hybrids.generators.table")
    for name in makers:
        todo, found = [f"clockodile.{name}"], set()
        while todo:
            module = todo.pop()
            if module not in found:
                found.add(module)
                todo += code_of(module)[1]
        assert not [module for module in found if ".page0" in module]
