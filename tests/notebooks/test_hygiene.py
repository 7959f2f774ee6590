"""What a committed notebook must be like for the next reader: executed, complete, small, and nobody's in particular."""

import re
from pathlib import Path

import nbformat
import pytest

from clockodile.app.notebook_html import read_notebook
from clockodile.app.run import find_notebooks
from clockodile.core.workspace import project_root

NOTEBOOKS = find_notebooks()
FIGURES = project_root() / "images4report"
LARGEST = 700_000  # bytes; larger ones are slow to open and swell the history


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def test_every_formula_is_drawn_in_the_report(notebook, path):
    page = re.sub(r"<pre>.*?</pre>", "", read_notebook(path)[1], flags=re.DOTALL)
    assert page.count("<math") >= prose(notebook).count("$") // 4, "all were found"
    assert not re.search(r"\$|<code>[^<]*\\[a-z]", page), "and understood"


def test_executed_from_top_to_bottom(notebook):
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert sum(bool(cell.outputs) for cell in cells) > len(cells) / 2


def test_nothing_went_wrong_in_it(notebook):
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]


def shown_in(cell) -> str:
    """A cell's source and everything readable in its outputs; pictures are not."""
    parts = [cell.source]
    for output in cell.get("outputs", ()):
        data = output.get("data", {})
        parts += [output.get("text", ""), *(str(data[kind]) for kind in data if kind.startswith("text/"))]
    return "".join(parts)


def test_no_cell_shows_a_path_of_a_machine(notebook):
    private = "|".join(re.escape(str(path)) for path in {project_root(), Path.home()} - {Path("/")})
    for cell in notebook.cells:
        assert not re.search(rf"({private})(?![\w.-])", shown_in(cell))
    shown = "".join(shown_in(cell).removeprefix(cell.source) for cell in notebook.cells)
    assert not re.search(r"(/home/|/root/|/tmp/|/Users/|[A-Z]:\\)", shown)


def test_for_every_reader_the_same(notebook):
    assert notebook.metadata.kernelspec.name == "python3"
    assert "papermill" not in notebook.metadata
    tags = [tag for cell in notebook.cells for tag in cell.metadata.get("tags", [])]
    assert "injected-parameters" not in tags and tags.count("parameters") == 1
    assert not [cell for cell in notebook.cells if {"papermill", "execution"} & set(cell.metadata)]


def test_small_enough(path):
    assert path.stat().st_size < LARGEST


def test_code_cells_are_short_and_plain(notebook):
    """A screen of code at most, which a whole net or a training loop needs, and nothing only Jupyter understands."""
    cells = code_cells(notebook)
    assert max(len(cell.source.splitlines()) for cell in cells) <= 40
    assert not [cell for cell in cells if re.search(r"^[!%]|import \*", cell.source, re.MULTILINE)]


def test_every_figure_is_read(notebook):
    cells = notebook.cells
    for cell, following in zip(cells, cells[1:], strict=False):
        if cell.cell_type == "code" and any("image/png" in output.get("data", {}) for output in cell.outputs):
            assert following.cell_type == "markdown", f"no prose after {cell.source[:60]!r}"


def test_figures_have_alternative_texts(notebook):
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                assert output.metadata["image/png"]["alt"]


def test_checked_outputs_and_a_claim_at_the_end(notebook):
    cells = code_cells(notebook)
    assert sum("nbval-check-output" in cell.metadata.get("tags", []) for cell in cells) >= 1
    assert any("assert" in cell.source for cell in cells)


@pytest.mark.parametrize("part", ["In this notebook you will", "## Summary", "### What did not work", "## Exercises"])
def test_the_parts_a_reader_expects(notebook, part):
    assert part in prose(notebook)


def test_links_between_notebooks_and_figures_lead_somewhere(notebook, path):
    for link in re.findall(r"\]\(([^)#:]+)\)", prose(notebook)):
        assert (path.parent / link).exists(), link


def test_figures_of_the_readme_exist():
    readme = (project_root() / "README.md").read_text("utf-8")
    shown = re.findall(r"images4report/([\w.-]+)", readme)
    assert shown and not [name for name in shown if not (FIGURES / name).exists()]


# --- pages written for a student who has never seen a net ----------------------------------------------------

NO_WORDS = re.compile(
    r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|\]\([^)]*\)|<[^>]+>|^\|[^\n]*$", re.DOTALL | re.MULTILINE
)


def is_plumbing(cell) -> bool:
    """Folded on the page: parameters, imports, storing, checks."""
    return bool({"parameters", "plumbing"} & set(cell.metadata.get("tags", [])))


def lines_of(cells) -> list[str]:
    return [line for cell in cells for line in cell.source.splitlines() if line.strip()]


def test_code_is_commented_and_fits_the_page(notebook):
    shown = [cell for cell in code_cells(notebook) if not is_plumbing(cell)]
    assert max(map(len, lines_of(code_cells(notebook)))) <= 100
    assert sum("#" in line for line in lines_of(shown)) >= 0.15 * len(lines_of(shown))


def test_plumbing_is_folded_and_little(notebook):
    cells = code_cells(notebook)
    folded = [cell for cell in cells if is_plumbing(cell)]
    assert all(cell.metadata.get("jupyter", {}).get("source_hidden") for cell in folded)
    assert len(lines_of(folded)) <= 0.2 * len(lines_of(cells))


def test_few_names_of_the_package(notebook):
    names = set()
    for cell in code_cells(notebook):
        for found in re.findall(
            r"^from clockodile[\w.]* import (?:\((.*?)\)|(.*?)$)", cell.source, re.DOTALL | re.MULTILINE
        ):
            names |= {name.strip() for name in "".join(found).split(",") if name.strip()}
    assert len(names) <= 15


def test_prose_is_not_a_wall_of_numbers(notebook):
    words = NO_WORDS.sub(" ", prose(notebook))
    numbers = re.findall(r"(?<![\w.])\d[\d.,]*", words)
    assert len(numbers) <= 2.5 * len(words.split()) / 100


def test_references_and_exercises(notebook):
    text = prose(notebook)
    assert "## References" in text
    assert len(set(re.findall(r"\]\((https?://[^)]+)\)", text))) >= 8
    started = [cell for cell in code_cells(notebook) if "exercise" in cell.metadata.get("tags", [])]
    assert 5 <= len(started) <= 7
    assert text.count("<summary>Hint") == text.count("<summary>Solution") == len(started)
