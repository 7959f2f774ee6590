"""Every number typed into a notebook's text is in one of its outputs or cells, or in a list of what was measured once.

So a sentence that was true of an earlier run is found, unless another output happens to show the same number. Run as a
script, this file writes the list anew from what is not found; the words of entries that stay are kept.
"""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

HERE = Path(__file__).parent
LIST = HERE / "measured_once.csv"  # notebook, number, what, when
NOTEBOOKS = sorted((HERE.parents[1] / "notebooks").glob("*.ipynb"))
# no measurements: programs, formulas, addresses, years of papers, numbers of notebooks, reports, exercises
NOT_PROSE = re.compile(
    r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|\]\([^)]*\)|https?://\S+|<[^>]+>"
    r"|\b(?:19|20)\d\d\b|\b(?:[Nn]otebooks?|[Rr]eports?|[Ee]xercises?|[Ff]old|[Ss]eeds?) \d+(?:(?:,| and| to) \d+\b)*"
    r"|^#+ \d+|^\s*\d+\. ",
    re.DOTALL | re.MULTILINE,
)
# four and more digits without a comma are the name of a picture
NUMBER = re.compile(r"(?<![\w.,/^-])(?:\d{1,3}(?:,\d{3})+|\d{1,3})(?:\.\d+)?(?![\w])")
ANY_NUMBER = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[+-]?\d+)?")


def value(number: str) -> float:
    return float(number.replace(",", ""))


def prose_numbers(notebook) -> Iterator[tuple[str, str]]:
    """Each number of the text as it is written, and the words around it."""
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        text = NOT_PROSE.sub(" ", cell.source)
        for match in NUMBER.finditer(text):
            around = text[max(0, match.start() - 40) : match.end() + 40]
            yield match[0], " ".join(around.split()[1:-1] or around.split())


def shown_numbers(notebook) -> set[float]:
    """Every number in outputs, in alternative texts of figures and in the cells that compute them."""
    texts = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            texts.append(cell.source.replace("_", ""))  # 10_000
            for output in cell.outputs:
                texts.append(output.get("text", ""))
                texts += [str(output.get("data", {}).get(kind, "")) for kind in ("text/plain", "text/html")]
                texts += [str(about.get("alt", "")) for about in output.get("metadata", {}).values()]
    return {value(number) for text in texts for number in ANY_NUMBER.findall(text)}


def is_shown(number: str, shown: set[float]) -> bool:
    """Whether rounding one of `shown`, or a share among them as a percentage, gives `number`."""
    decimals = len(number.partition(".")[2])
    close = 0.5 * 10**-decimals + 1e-9
    candidates = shown | {100 * found for found in shown if found <= 1}
    return any(abs(found - value(number)) <= close for found in candidates)


def not_shown(path: Path) -> dict[str, str]:
    """Numbers of a notebook's text that it does not show, each with the words around its first place."""
    notebook = nbformat.read(path, as_version=4)
    shown = shown_numbers(notebook)
    found = {}
    for number, around in prose_numbers(notebook):
        if not is_shown(number, shown):
            found.setdefault(number, around)
    return found


def measured_once() -> dict[tuple[str, str], dict]:
    with LIST.open(encoding="utf-8", newline="") as file:
        return {(row["notebook"], row["number"]): row for row in csv.DictReader(file)}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_number_in_the_text_is_shown_or_was_measured_once(path):
    known = {number for notebook, number in measured_once() if notebook == path.stem}
    assert {number: around for number, around in not_shown(path).items() if number not in known} == {}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_list_holds_nothing_that_is_no_longer_said(path):
    known = {number for notebook, number in measured_once() if notebook == path.stem}
    said = {number for number, _ in prose_numbers(nbformat.read(path, as_version=4))}
    assert known <= said


def page(text: str, output: str):
    """A notebook of one text and one output."""
    code = nbformat.v4.new_code_cell("x = 7", outputs=[nbformat.v4.new_output("stream", text=output)])
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text), code])


@pytest.mark.parametrize(
    "text, wrong",
    [
        ("It is 72 % (60 to 81).", []),
        ("It is 71 %.", ["71"]),
        ("Of 1,024 walks 0.719 and 0.72, not 0.71.", ["0.71"]),
        ("In notebook 03, report 000 and 001, CIFAR-10 (Oliva, 2006): `x = 99` and $55$.", []),
        ("Seven is 7.", []),
    ],
)
def test_what_is_found(text, wrong):
    made = page(text, "share 0.7188 (59.5 to 81.2)\n1024 walks")
    shown = shown_numbers(made)
    assert [number for number, _ in prose_numbers(made) if not is_shown(number, shown)] == wrong


if __name__ == "__main__":
    known = measured_once() if LIST.is_file() else {}
    with LIST.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["notebook", "number", "what", "when"], lineterminator="\n")
        writer.writeheader()
        for path in NOTEBOOKS:
            for number, around in not_shown(path).items():
                new = {"notebook": path.stem, "number": number, "what": around, "when": "first edition"}
                writer.writerow(known.get((path.stem, number), new))
