"""A rating session: forty pictures, four answers, and then the judge's answers beside the rater's.

It knows nothing of buttons: `quiz_widget` puts them on top. Every answer is kept at once, in the run folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from clockodile.ambiguous.evidence import LENIENT, quadrants
from clockodile.core import store
from clockodile.core.errors import UserError
from clockodile.hybrids.measures import Estimate, share_of

N_QUESTIONS = 40
CORNERS = ("first", "second", "both", "neither")


@dataclass(frozen=True)
class Questions:
    """Q pictures in the order in which they are asked, and what the judge says of them."""

    images: np.ndarray  # uint8 (Q, S, S, 3)
    kinds: np.ndarray  # str (Q,) where a picture comes from, such as "photograph" or "pixel blend"
    evidence: np.ndarray  # float (Q, 2) in [0, 1] for the two classes of the pair
    mixes: np.ndarray  # float (Q,) share of the second class that was asked for, nan where there is none
    names: tuple[str, str]  # of the two classes

    @property
    def words(self) -> tuple[str, str, str, str]:
        """The four answers that a rater may give; a class that is called like an answer stands in quotes."""
        own = (f"'{name}'" if name.lower() in CORNERS[2:] else name for name in self.names)
        return (*own, *CORNERS[2:])

    @property
    def judged(self) -> np.ndarray:
        """The judge's answers in the same words, str (Q,)."""
        corners = quadrants(self.evidence, (0, 1), threshold=LENIENT)
        return np.array([self.words[CORNERS.index(corner)] for corner in corners])


def choose_questions(
    groups: Mapping[str, tuple[np.ndarray, np.ndarray]],
    names: tuple[str, str],
    *,
    mixes: Mapping[str, np.ndarray] | None = None,
    count: int = N_QUESTIONS,
    seed: int = 0,
) -> Questions:
    """As many pictures of each kind as there is room for, `count` in all, in random order.

    groups: kind -> images uint8 (N, S, S, 3) and evidence (N, 2) for the pair; mixes: kind -> (N,) where there are any.
    Kinds with few pictures leave their room to others. Raises UserError when there are no pictures.
    """
    rng, mixes = np.random.default_rng(seed), mixes or {}
    orders = {kind: rng.permutation(len(images)) for kind, (images, _) in groups.items()}
    turns = [(turn, kind, row) for kind, order in orders.items() for turn, row in enumerate(order)]
    # a first picture of each kind, then a second, ...
    chosen = sorted(turns, key=lambda pick: pick[0])[:count]
    if not chosen:
        raise UserError("there are no pictures to ask about")
    chosen = [chosen[place][1:] for place in rng.permutation(len(chosen))]
    return Questions(
        images=np.stack([groups[kind][0][row] for kind, row in chosen]),
        kinds=np.array([kind for kind, _ in chosen]),
        evidence=np.stack([groups[kind][1][row] for kind, row in chosen]),
        mixes=np.array([mixes[kind][row] if kind in mixes else np.nan for kind, row in chosen], float),
        names=names,
    )


class RatingSession:
    """The questions, the answers so far, and the file they are kept in, one for each set of questions.

    answers: str (Q,), "" where there is none yet. A session made again with the same questions goes on where it
    stopped; raises UserError when its file is damaged.
    """

    def __init__(self, run_dir: Path, questions: Questions):
        shown = store.fingerprint(questions.images, np.arange(len(questions.kinds)))
        self.run_dir, self.questions = Path(run_dir), questions
        self.name = f"answers/{store.key_of({'images': shown, 'words': questions.words})}.csv"
        self.answers = np.full(len(questions.kinds), "", dtype=object)
        if (self.run_dir / self.name).is_file():
            kept = store.load(self.run_dir, self.name)
            self.answers[kept["question"]] = kept["answer"]

    def __len__(self) -> int:
        return len(self.answers)

    @property
    def next(self) -> int | None:
        """Number of the first question without an answer, None when all are answered."""
        return next((number for number, word in enumerate(self.answers) if not word), None)

    def answer(self, word: str) -> None:
        """Answer the next question and keep it. Raises UserError for another word, or when all are answered."""
        if self.next is None or word not in self.questions.words:
            raise UserError(
                f"'{word}' is no answer to an open question; give one of: {', '.join(self.questions.words)}"
            )
        self.answers[self.next] = word
        self._keep()

    def take_back(self) -> None:
        """Forget the answer before the next question, if there is one."""
        if number := len(self) if self.next is None else self.next:
            self.answers[number - 1] = ""
            self._keep()

    def start_again(self) -> None:
        """Forget all answers to these questions."""
        self.answers[:] = ""
        self._keep()

    def table(self) -> pd.DataFrame:
        """A row for each answered question: question, kind, mix, answer, judge (the judge's answer)."""
        asked, answered = self.questions, np.flatnonzero(self.answers != "")
        return pd.DataFrame(
            {
                "question": answered,
                "kind": asked.kinds[answered],
                "mix": asked.mixes[answered],
                "answer": self.answers[answered].astype(str),
                "judge": asked.judged[answered],
            }
        )

    def agreement(self) -> Estimate:
        """Share of the answers, 0..1, that are the judge's too; nan before the first answer."""
        table = self.table()
        return share_of((table["answer"] == table["judge"]).to_numpy())

    def curve(self, *, bins: int = 5) -> pd.DataFrame:
        """The rater's own psychometric curve: mix (middle of a bin), rater and judge, in [0, 1].

        Those are mean answers where the first class counts 0, the second 1, and "both" and "neither" one half. Only
        questions with a mix count; empty bins are left out.
        """
        table, (first, second, *_) = self.table().dropna(subset="mix"), self.questions.words
        place = np.clip((table["mix"] * bins).astype(int), 0, bins - 1)
        value = {who: table[who].map({first: 0.0, second: 1.0}).fillna(0.5) for who in ("answer", "judge")}
        scored = pd.DataFrame(
            {"mix": (place + 0.5) / bins, "rater": value["answer"], "judge": value["judge"]}
        )
        return scored.groupby("mix", as_index=False).mean()

    def _keep(self) -> None:
        if (self.answers == "").all():  # an empty table has lost the kinds of its columns
            store.invalidate(self.run_dir, self.name)
        else:
            store.save(self.run_dir, self.name, self.table()[["question", "kind", "answer"]], {})
