"""The pages beside the notebooks: their links lead somewhere, and the commands and code they show are understood."""

import re
import shlex
from pathlib import Path

import pytest

from clockodile.app.cli import main, parse

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("teaching/*.md")])
COMMAND = re.compile(r"^(?:\.venv/bin/)?clockodile ([a-z][^#\n]*)", re.MULTILINE)
MAKE = re.compile(r"\bmake ((?:[A-Z]+=\S+ )?)([a-z]+)\b")
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def shown_code(text: str) -> list[str]:
    """What a page shows as code, a string a line or a span."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines()]
    return lines + re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))


@each_page
def test_links_lead_to_files(page):
    assert [link for link in LINK.findall(page.read_text("utf-8")) if not (page.parent / link).exists()] == []


@each_page
def test_shown_commands_are_understood(page):
    for code in shown_code(page.read_text("utf-8")):
        if match := COMMAND.match(code):
            words = shlex.split(match[1])
            if len(words) > 1 or words[0] == "recipes":
                parse(words)  # raises UserError for what it does not know


@each_page
def test_shown_targets_of_make_exist(page):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    found = {match[2] for code in shown_code(page.read_text("utf-8")) if (match := MAKE.match(code))}
    assert found <= targets


def test_the_list_of_recipes_is_printed(capsys):
    assert main(["recipes"]) == 0 and "clocks_crocodiles" in capsys.readouterr().out
