"""`clockodile pool`: what comes out for a class, and each wrong use in one line."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from clockodile.app import cli
from clockodile.app.pool import shares_of_people
from clockodile.hybrids.quiz import make_quiz, save_answers

PICTURES = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
QUIZ = make_quiz(PICTURES, ["photograph"] * 10 + ["flow"] * 10, ("clock", "crocodile"), count=20)
FLOW = QUIZ.sources == "flow"


def person(flow: str, photograph: str = "neither") -> pd.DataFrame:
    """Someone who says one word for all pictures of a source."""
    return QUIZ.table(np.where(FLOW, flow, photograph).tolist())


@pytest.fixture
def answers(tmp_path, monkeypatch):
    """The current folder, with the answers of six people in `class`: two say "both" for all pictures of the flow."""
    monkeypatch.chdir(tmp_path)
    for number in range(6):
        save_answers(tmp_path / "class" / f"{number}.csv", person("both" if number < 2 else "clock"))
    return tmp_path / "class"


def pool(*words: str) -> int:
    return cli.main(["pool", "class", "--out", "out", *words])


def test_a_class_becomes_a_table_a_figure_and_an_agreement(answers, capsys):
    assert pool() == 0
    table = pd.read_csv("out/pool.csv").set_index(["source", "answer"])
    assert table.loc[("flow", "both"), "count"] == 20 and table.loc[("flow", "both"), "share"] == pytest.approx(
        1 / 3, abs=1e-4
    )
    assert len(table) == 8 and Image.open("out/pool.png").width > 1000
    told = capsys.readouterr()
    assert "33 % (0 to 67)" in told.out and "Cohen's kappa" in told.out and "15 pairs" in told.out
    assert not any(name in told.out for name in ("0.csv", "5.csv")), "nobody is named"


def test_one_persons_answers_do_not_count_as_many():
    words = QUIZ.words
    alike = shares_of_people([person("both" if number < 10 else "clock") for number in range(20)], words)
    rng = np.random.default_rng(0)
    torn = [QUIZ.table(rng.choice(["both", "clock"], len(FLOW)).tolist()) for _ in range(20)]
    apart = shares_of_people(torn, words)
    wide, narrow = (
        table.set_index(["source", "answer"]).eval("high - low")["flow", "both"] for table in (alike, apart)
    )
    assert 0.35 < wide < 0.5, "twenty people, half of them: 1.96 * 2 * sqrt(0.25 / 20) = 0.44"
    assert narrow < 0.2, "two hundred answers: 0.14"


def test_where_all_people_agree_others_might_not():
    table = shares_of_people([person("both")] * 20, QUIZ.words).set_index(["source", "answer"])
    assert table.loc[("flow", "both"), "low"] == pytest.approx(0.839, abs=1e-3)  # Wilson, 20 of 20
    assert table.loc[("flow", "clock"), "high"] == pytest.approx(0.161, abs=1e-3)


def test_files_that_cannot_be_used_are_named_and_left_out(answers, capsys):
    (answers / "empty.csv").touch()
    (answers / "typo.csv").write_text("picture,source,answer\n1-abcd,flow,cloc\n")
    other = make_quiz(255 - PICTURES, ["photograph"] * 20, ("clock", "crocodile"), count=20)
    save_answers(answers / "other.csv", other.table(["clock"] * 20))
    save_answers(answers / "none.csv", QUIZ.table({}))
    save_answers(answers / "some.csv", QUIZ.table({1: "clock"}))
    assert pool() == 1
    told = capsys.readouterr()
    left_out = [line for line in told.err.splitlines() if line.startswith("left out: ")]
    assert [line.split(": ")[1] for line in sorted(left_out)] == [
        f"class/{name}.csv" for name in ("empty", "none", "other", "typo")
    ]
    assert "'cloc' is no answer" in told.err and "other pictures" in told.err and "7 other people" in told.out


def test_a_copy_is_told(answers, capsys):
    assert pool() == 0
    assert "class/0.csv and class/1.csv hold the same answers" in capsys.readouterr().err


def test_one_person_alone(answers, capsys):
    for file in list(answers.glob("[1-9].csv")):
        file.unlink()
    assert pool() == 0
    assert "none can be compared" in capsys.readouterr().out


def test_other_classes_have_other_words(answers, capsys):
    quiz = make_quiz(PICTURES, ["photograph"] * 20, ("cat", "dog"), count=3)
    for file in answers.iterdir():
        save_answers(file, quiz.table(["cat", "dog", "neither"]))
    assert pool("--classes", "cat", "dog") == 0
    assert "cat" in capsys.readouterr().out
    assert pool() == 2 and "none can be used" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words, told",
    [
        (["pool", "nowhere", "--out", "out"], "nowhere: here is no file of answers"),
        (["pool", "class/0.csv", "--out", "out"], "here is no file of answers"),
        (["pool", "class", "--out", "class/0.csv"], "cannot write in class/0.csv: it is a file"),
        (["pool", "class"], "--out"),
        (["pool", "--out", "out"], "DIR"),
    ],
)
def test_a_mistake_is_told_in_one_line(answers, capsys, words, told):
    assert cli.main(words) == 2
    said = capsys.readouterr()
    assert told in said.err and said.err.count("\n") == 1 and said.out == ""


@pytest.mark.parametrize("name", ["pool.csv", "pool.png"])
def test_only_its_own_files_are_overwritten(answers, tmp_path, capsys, name):
    assert pool() == 0 and pool() == 0
    (tmp_path / "out" / name).write_text("somebody's")
    capsys.readouterr()
    assert pool() == 2
    assert f"{name} was not made by this command" in capsys.readouterr().err
    assert (tmp_path / "out" / name).read_text() == "somebody's"
