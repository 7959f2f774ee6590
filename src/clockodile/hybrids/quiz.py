"""The quiz of notebook 04: what do you see in small pictures that do not tell where they come from?

`make_quiz` hides the sources; quiz_widget.py shows the pictures with buttons, or as a sheet with numbers. Answers are a
table of picture, source, answer: `Quiz.read` has those of a file, `Quiz.table` those that were typed, or the judge's.
A file of answers is one person's and names nobody: a CSV `picture,source,answer`, one row for each answered picture.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import cohen_kappa_score

from clockodile.core.atomic_files import atomic
from clockodile.core.errors import UserError, os_reason
from clockodile.core.stats import wilson_interval

COLUMNS = ["picture", "source", "answer"]


@dataclass(frozen=True)
class Quiz:
    """Q pictures in the order in which they are asked; their numbers are 1..Q."""

    images: np.ndarray  # uint8 (Q, S, S, 3)
    sources: np.ndarray  # str (Q,) where a picture comes from, such as "photograph"
    words: tuple[str, str, str, str]  # the four answers: the two classes, both, neither
    rows: np.ndarray  # int (Q,) the places of these pictures in what make_quiz was given

    @property
    def pictures(self) -> list[str]:
        """Names in a file, (Q,): number and four digits of the content, so that no two quizzes are taken for one."""
        return [
            f"{number}-{hashlib.sha256(image.tobytes()).hexdigest()[:4]}" for number, image in enumerate(self.images, 1)
        ]

    def table(self, answers: Mapping[int, str] | Sequence[str]) -> pd.DataFrame:
        """picture, source, answer of a dictionary number -> word, or of one word for each of the Q pictures.

        Raises UserError for a number or a word that the quiz does not have.
        """
        names, rows = self.pictures, []
        given = answers if isinstance(answers, Mapping) else dict(enumerate(answers, 1))
        for number, word in sorted(given.items()):
            if number not in range(1, len(names) + 1) or word not in self.words:
                raise UserError(
                    f"picture {number}: '{word}' is no answer; pictures are 1 to {len(names)}, answers "
                    + ", ".join(self.words)
                )
            rows.append((names[number - 1], self.sources[number - 1], str(word)))
        return pd.DataFrame(rows, columns=COLUMNS, dtype=str)

    def read(self, file: Path) -> pd.DataFrame:
        """The answers in a file; none when it is not there. Raises UserError when they are to other pictures."""
        if not Path(file).exists():
            return self.table({})
        found = read_answers(file, self.words)
        if not found["picture"].isin(self.pictures).all():
            raise UserError(f"{file}: holds answers to other pictures; move it away, or name another file")
        return found


def make_quiz(
    images: np.ndarray, sources: Sequence[str], classes: tuple[str, str], *, count: int = 40, seed: int = 0
) -> Quiz:
    """As many pictures of each source as there is room for, `count` in all, in random order.

    images: uint8 (N, S, S, 3); sources: (N,). A source with few pictures leaves its room to others. A class called
    "both" or "neither" stands in quotes.
    """
    rng, sources = np.random.default_rng(seed), np.asarray(sources)
    shuffled = pd.Series(sources).sample(frac=1, random_state=rng)
    turn = shuffled.groupby(shuffled).cumcount()  # a first picture of each source, then a second, ...
    rows = rng.permutation(turn.sort_values(kind="stable").index[:count])
    own = (f"'{name}'" if name.lower() in ("both", "neither") else name for name in classes)
    return Quiz(images[rows], sources[rows], (*own, "both", "neither"), rows)


def save_answers(file: Path, answers: pd.DataFrame) -> None:
    """Write answers as a CSV, whole or not at all."""
    with atomic(Path(file)) as temporary:
        answers.to_csv(temporary, columns=COLUMNS, index=False)


def read_answers(file: Path, words: Sequence[str]) -> pd.DataFrame:
    """One person's answers: picture, source, answer. Raises UserError for a file that is no such table."""
    try:
        found = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8-sig")[COLUMNS]
    except OSError as error:
        raise UserError(f"{file}: {os_reason(error)}") from None
    except (ValueError, KeyError):
        raise UserError(f"{file}: no table with the columns {', '.join(COLUMNS)}") from None
    for word in found["answer"][~found["answer"].isin(words)]:
        raise UserError(f"{file}: '{word}' is no answer; known: {', '.join(words)}")
    for name in found["picture"][found["picture"].duplicated()]:
        raise UserError(f"{file}: picture {name} is answered twice")
    return found


def count_answers(answers: pd.DataFrame, words: Sequence[str]) -> pd.DataFrame:
    """How often each answer was given to the pictures of each source, by one person.

    Returns a row for each source and each of `words`: source, answer, count, share (of the answers to that source,
    0..1) and its 95 % interval low, high (Wilson).
    """
    cells = pd.MultiIndex.from_product([sorted(set(answers["source"])), words], names=["source", "answer"])
    counts = answers.groupby(["source", "answer"]).size().reindex(cells, fill_value=0)
    counts = counts.rename("count").reset_index()
    total = counts.groupby("source")["count"].transform("sum")
    counts["share"] = counts["count"] / total
    ends = [wilson_interval(share, of) for share, of in zip(counts["share"], total, strict=True)]
    counts[["low", "high"]] = np.reshape(ends, (-1, 2))
    return counts


def shares_in_words(counts: pd.DataFrame) -> pd.DataFrame:
    """A row a source, a column an answer: "45 % (32 to 60)". counts: from count_answers."""
    percent = (100 * counts[["share", "low", "high"]]).round().astype(int).astype(str)
    told = percent["share"] + " % (" + percent["low"] + " to " + percent["high"] + ")"
    table = counts.assign(told=told).pivot(index="source", columns="answer", values="told")
    return table.loc[counts["source"].unique(), counts["answer"].unique()]


def answer_agreement(one: pd.DataFrame, other: pd.DataFrame) -> float:
    """Cohen's kappa of two tables of answers, over the pictures in both: 1 = all the same, 0 = as many as by chance.

    nan when there is nothing to compare, or both always say the same one word.
    """
    first, second = one.merge(other, on="picture")[["answer_x", "answer_y"]].to_numpy().T
    return float(cohen_kappa_score(first, second)) if len({*first, *second}) > 1 else float("nan")
