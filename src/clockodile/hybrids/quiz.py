"""You are the judge: forty pictures, four answers, and then the machines' answers beside your own.

The quiz knows nothing of buttons: `reader_widget` puts them on top. Every answer is kept at once, in the run folder.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import cohen_kappa_score

from clockodile.ambiguous.evidence import LENIENT, quadrants
from clockodile.core import store
from clockodile.core.errors import UserError
from clockodile.hybrids.measures import share_of

WARN = logging.getLogger("clockodile").warning
NAME, EARLIER = "answers.csv", "answers-earlier-{}.csv"  # the latter for answers of another CONFIG
CONFIG = {"quiz": 1}  # raise it when the columns change their meaning
QUESTIONS = 40
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
        """The four answers that a reader may give; a class that is called like an answer stands in quotes."""
        own = (f"'{name}'" if name.lower() in CORNERS[2:] else name for name in self.names)
        return (*own, *CORNERS[2:])

    @property
    def judged(self) -> np.ndarray:
        """The judge's answers in the same words, str (Q,)."""
        corners = quadrants(self.evidence, (0, 1), threshold=LENIENT)
        return np.array([self.words[CORNERS.index(corner)] for corner in corners])

    @property
    def key(self) -> str:
        """Names these very pictures in this order: answers to others must not be mistaken for theirs."""
        shown = [store.fingerprint(image[None], np.zeros(1)) for image in self.images]
        return store.key_of({"images": shown, "words": self.words})


def choose_questions(
    groups: Mapping[str, tuple[np.ndarray, np.ndarray]],
    names: tuple[str, str],
    *,
    mixes: Mapping[str, np.ndarray] | None = None,
    count: int = QUESTIONS,
    seed: int = 0,
) -> Questions:
    """As many pictures of each kind as there is room for, `count` in all, in random order.

    groups: kind -> images uint8 (N, S, S, 3) and evidence (N, 2) for the pair; mixes: kind -> (N,) where there are any.
    Kinds with few pictures leave their room to others. Raises UserError when there are no pictures.
    """
    rng, mixes = np.random.default_rng(seed), mixes or {}
    orders = {kind: rng.permutation(len(images)) for kind, (images, _) in groups.items()}
    turns = [(turn, kind, row) for kind, order in orders.items() for turn, row in enumerate(order)]
    chosen = sorted(turns, key=lambda pick: pick[0])[
        :count
    ]  # a first picture of each kind, then a second, ...
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
    """The questions, the answers so far, and the file they are kept in.

    answers: str (Q,), "" where there is none yet. A quiz made again with the same questions goes on where it stopped;
    answers to other questions stay in the file.
    """

    def __init__(self, run_dir: Path, questions: Questions):
        self.run_dir, self.questions, self.key = Path(run_dir), questions, questions.key
        self.answers = np.full(len(questions.kinds), "", dtype=object)
        kept = self._kept()
        for number, word in kept.loc[kept["quiz"] == self.key, ["question", "answer"]].itertuples(
            index=False
        ):
            self.answers[number] = word

    def __len__(self) -> int:
        return len(self.answers)

    @property
    def next(self) -> int | None:
        """Number of the first question without an answer, None when all are answered."""
        return next((number for number, word in enumerate(self.answers) if not word), None)

    @property
    def done(self) -> bool:
        """Whether every question has an answer."""
        return self.next is None

    def answer(self, number: int, word: str) -> None:
        """Answer question `number` (0..Q-1), or change the answer, and keep it. Raises UserError for another word."""
        if isinstance(number, bool) or number not in range(len(self)):
            raise UserError(f"there is no question {number!r}; give 0 to {len(self) - 1}")
        if word not in self.questions.words:
            raise UserError(f"'{word}' is no answer; give one of: {', '.join(self.questions.words)}")
        self.answers[number] = word
        self._keep()

    def take_back(self) -> None:
        """Forget the answer before the next question, if there is one."""
        number = len(self) if self.done else self.next
        if number:
            self.answers[number - 1] = ""
            self._keep()

    def start_again(self) -> None:
        """Forget all answers to these questions."""
        self.answers[:] = ""
        self._keep()

    def table(self) -> pd.DataFrame:
        """A row for each answered question: question, kind, mix, answer, judge (the judge's answer)."""
        asked = self.questions
        answered = np.flatnonzero(self.answers != "")
        return pd.DataFrame(
            {
                "question": answered,
                "kind": asked.kinds[answered],
                "mix": asked.mixes[answered],
                "answer": self.answers[answered].astype(str),
                "judge": asked.judged[answered],
            }
        )

    def _keep(self) -> None:
        kept = self._kept()
        mine = self.table()[["question", "kind", "answer"]].assign(quiz=self.key)
        others = kept[kept["quiz"] != self.key]
        rows = pd.concat([others, mine]) if len(others) else mine
        if rows.empty:  # an empty table has lost the kinds of its columns
            (self.run_dir / NAME).unlink(missing_ok=True)
            return
        columns = rows[["quiz", "question", "kind", "answer"]].astype({"question": int})
        store.save(self.run_dir, NAME, columns, CONFIG)

    def _kept(self) -> pd.DataFrame:
        """All answers in the file; those of another CONFIG are set aside, for they may mean something else.

        Raises UserError when it is damaged: nobody likes to answer twice.
        """
        path = self.run_dir / NAME
        if path.is_file() and store.recorded_config(self.run_dir, NAME, {}) not in (None, CONFIG):
            aside = next(
                place
                for place in (self.run_dir / EARLIER.format(number) for number in itertools.count(1))
                if not place.exists()
            )
            path.replace(aside)
            store.invalidate(self.run_dir, NAME)
            WARN(f"the answers in {path} are of an earlier version; they were moved to {aside.name}")
        if not path.is_file():
            return pd.DataFrame(columns=["quiz", "question", "kind", "answer"])
        return store.load(self.run_dir, NAME)


def simulated_answers(
    evidence: np.ndarray, words: Sequence[str], rng: np.random.Generator, *, lapses: float = 0.1
) -> np.ndarray:
    """Answers, str (Q,), of a made-up reader who sees what the judge sees and errs in a share `lapses` of the cases.

    evidence: (Q, 2) in [0, 1]; words: the four answers, in the order of Questions.words.
    """
    corners = quadrants(evidence, (0, 1), threshold=LENIENT)
    seen = np.array([words[CORNERS.index(corner)] for corner in corners])
    return np.where(rng.random(len(seen)) < lapses, rng.choice(words, len(seen)), seen)


# --- the reader and the machines ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Agreement:
    """How far two judges agree on the same pictures."""

    count: int  # pictures
    share: float  # of the same answers, 0..1
    low: float  # ends of its 95 % interval
    high: float
    kappa: float  # Cohen's: 0 = as by chance, 1 = always; nan when nobody ever varies


def agreement_with_judge(quiz: RatingSession) -> Agreement:
    """How far the reader's answers agree with the judge's (Cohen, 1960). Raises UserError before the first answer."""
    table = quiz.table()
    if table.empty:
        raise UserError("no question has been answered yet")
    share = share_of((table["answer"] == table["judge"]).to_numpy())
    together = pd.concat([table["answer"], table["judge"]])
    varied = together.nunique() > 1
    kappa = float(cohen_kappa_score(table["answer"], table["judge"])) if varied else np.nan
    return Agreement(len(table), share.value, share.low, share.high, kappa)


def curve_of_answers(quiz: RatingSession, *, bins: int = 5) -> pd.DataFrame:
    """The reader's own psychometric curve: mix (middle of a bin), count, reader and judge.

    Those are mean answers where the first class counts 0, the second 1, and "both" and "neither" one half. Only
    questions with a mix count; empty bins are left out.
    """
    table = quiz.table().dropna(subset="mix")
    first, second, *_ = quiz.questions.words
    value = {first: 0.0, second: 1.0}
    place = np.clip((table["mix"].to_numpy() * bins).astype(int), 0, bins - 1)
    scored = pd.DataFrame(
        {who: table[who].map(lambda word: value.get(word, 0.5)) for who in ("answer", "judge")}
    )
    grouped = scored.assign(mix=(place + 0.5) / bins, count=1).groupby("mix")
    found = grouped.agg(count=("count", "size"), reader=("answer", "mean"), judge=("judge", "mean"))
    return found.reset_index()
