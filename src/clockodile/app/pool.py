"""`clockodile pool`: a class's answers to the quiz of notebook 04, a file a person, as one table and one figure."""

import argparse
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from clockodile.app.output import make_writable, print_stderr, write_stdout
from clockodile.core.atomic_files import atomic
from clockodile.core.errors import UserError
from clockodile.core.stats import wilson_interval
from clockodile.hybrids.quiz import answer_agreement, count_answers, read_answers, shares_in_words
from clockodile.hybrids.quiz_widget import answers_figure

RESAMPLES = 2000  # of the people
OURS = {"pool.csv": b"source,answer,count,share", "pool.png": b"clockodile pool"}  # how they begin


def pool_command(args: argparse.Namespace) -> int:
    """Do what the command line asks. Returns 0, or 1 when files were left out.

    Raises UserError for a wrong argument, when no file can be used, or when somebody else's would be overwritten.
    """
    out = Path(args.out)
    files = sorted(file for file in Path(args.folder).glob("*.csv") if file.name not in OURS)
    if not files:
        raise UserError(f"{args.folder}: here is no file of answers (*.csv); give the folder that holds them")
    make_writable(out)
    for path, begin in ((out / name, begin) for name, begin in OURS.items()):
        if path.exists() and not (path.is_file() and begin in path.read_bytes()[:100]):
            raise UserError(f"{path} was not made by this command; give another --out")
    words = (*args.classes, "both", "neither")
    people = usable(files, words)
    if not people:
        raise UserError(f"{args.folder}: of {len(files)} files none can be used")
    table = shares_of_people(people, words)
    figure = answers_figure(table)
    title = f"What {len(people)} people see, % of their answers (95 % intervals)"
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    with atomic(out / "pool.png") as temporary:
        figure.savefig(temporary, format="png", dpi=150, metadata={"Software": "clockodile pool"})
    plt.close(figure)
    with atomic(out / "pool.csv") as temporary:
        table.round(4).to_csv(temporary, index=False)
    write_stdout(
        f"{shares_in_words(table).to_string()}\n\n95 % intervals: {len(people)} other people, the same pictures\n"
        f"{agreement_in_words(people)}\nwritten: {', '.join(str(out / name) for name in OURS)}\n"
    )
    return 1 if len(people) < len(files) else 0


def usable(files: Sequence[Path], words: Sequence[str]) -> list[pd.DataFrame]:
    """The tables of those who answered the pictures that most did; each other file is named on stderr."""
    people = {}
    for file in files:
        try:
            people[file] = read_answers(file, words)
        except UserError as error:
            print_stderr(f"left out: {error}")
    asked = {file: table["picture"] + " " + table["source"] for file, table in people.items()}
    often = pd.concat([pd.Series(dtype=str), *asked.values()]).value_counts().index
    usual = often[~often.str.replace("-.*", "", regex=True).duplicated()]  # what a number most often stands for
    for file, names in asked.items():
        if names.empty or not names.isin(usual).all():
            why = "holds no answer" if names.empty else "holds answers to other pictures than most do"
            print_stderr(f"left out: {file}: {why}")
            del people[file]
    for one, other in combinations(people, 2):
        if people[one].equals(people[other]):
            print_stderr(f"NOTE: {one} and {other} hold the same answers; if one is a copy, remove it")
    return list(people.values())


def shares_of_people(people: Sequence[pd.DataFrame], words: Sequence[str]) -> pd.DataFrame:
    """count_answers of all together, with intervals from drawing people anew, each with all of his answers.

    For the answers of one person hang together. Where all have the same share such draws cannot differ; there it is
    Wilson's interval for as many answers as there are people.
    """
    table, count = count_answers(pd.concat(people), words), len(people)
    cells = pd.MultiIndex.from_frame(table[["source", "answer"]])
    counts = [one.groupby(["source", "answer"]).size().reindex(cells, fill_value=0) for one in people]
    times = np.random.default_rng(0).multinomial(count, [1 / count] * count, RESAMPLES)
    drawn = (times @ np.array(counts, float)).reshape(RESAMPLES, -1, len(words))
    total = drawn.sum(2, keepdims=True)
    shares = np.divide(drawn, total, out=np.full_like(drawn, np.nan), where=total > 0)  # partial answers
    low, high = np.nanquantile(shares, [0.025, 0.975], axis=0).reshape(2, -1)
    alike = wilson_interval(table["share"].to_numpy(), count)
    table["low"], table["high"] = np.where(high - low > 1e-9, (low, high), alike)
    return table


def agreement_in_words(people: Sequence[pd.DataFrame]) -> str:
    """Mean Cohen's kappa over all pairs of people (Light, 1971), and the range that holds nine pairs of ten."""
    kappa = np.array([answer_agreement(one, other) for one, other in combinations(people, 2)])
    kappa = kappa[np.isfinite(kappa)]
    if not len(kappa):
        return "agreement between people: none can be compared"
    low, high = np.quantile(kappa, [0.05, 0.95])
    pairs = f"{len(kappa)} pairs, nine of ten from {low:.2f} to {high:.2f}"
    return f"agreement between people: Cohen's kappa {kappa.mean():.2f} on average ({pairs})"
