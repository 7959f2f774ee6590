"""What notebook 02 does besides with the data of one recipe: a module each, whose `show(run)` displays it."""

from IPython.display import Markdown, display


def say(*lines: str) -> None:
    """Show a paragraph of Markdown."""
    display(Markdown(" ".join(lines)))
