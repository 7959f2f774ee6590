import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from clockodile.core.errors import UserError
from clockodile.hybrids.quiz import (
    answer_agreement,
    count_answers,
    make_quiz,
    read_answers,
    save_answers,
    shares_in_words,
)
from clockodile.hybrids.quiz_widget import answers_figure, number_sheet, quiz_widget

SOURCES = np.repeat(["photograph", "pixel blend", "flow"], 20)
PICTURES = np.random.default_rng(0).integers(0, 256, (60, 16, 16, 3), dtype=np.uint8)


@pytest.fixture
def quiz():
    return make_quiz(PICTURES, SOURCES, ("cat", "dog"), count=12)


# --- pictures -----------------------------------------------------------------------------------------------


def test_sources_have_equal_room_and_come_in_random_order(quiz):
    names, counts = np.unique(quiz.sources, return_counts=True)
    assert counts.tolist() == [4, 4, 4] and quiz.sources.tolist() != sorted(quiz.sources)
    assert (quiz.images == PICTURES[quiz.rows]).all() and (quiz.sources == SOURCES[quiz.rows]).all()
    again = make_quiz(PICTURES, SOURCES, ("cat", "dog"), count=12)
    other = make_quiz(PICTURES, SOURCES, ("cat", "dog"), count=12, seed=1)
    assert (again.rows == quiz.rows).all() and (other.rows != quiz.rows).any()


def test_a_source_with_few_pictures_leaves_its_room_to_others():
    sources = ["few"] + ["many"] * 59
    assert (make_quiz(PICTURES, sources, ("cat", "dog"), count=10).sources == "few").sum() == 1
    assert len(make_quiz(PICTURES, sources, ("cat", "dog"), count=99).rows) == 60


@pytest.mark.parametrize("name", ["both", "neither", "Both"])
def test_a_class_that_is_called_like_an_answer_stands_in_quotes(name):
    words = make_quiz(PICTURES, SOURCES, ("cat", name)).words
    assert words == ("cat", f"'{name}'", "both", "neither")


# --- answers ------------------------------------------------------------------------------------------------


def test_answers_come_from_a_dictionary_or_from_somebody_who_answered_all(quiz):
    typed = quiz.table({3: "both", 1: "cat"})
    assert typed["answer"].tolist() == ["cat", "both"] and typed["picture"][1].startswith("3-")
    assert typed["source"].tolist() == [quiz.sources[0], quiz.sources[2]]
    assert quiz.table(["dog"] * 12)["picture"].tolist() == quiz.pictures


@pytest.mark.parametrize("wrong", [{0: "cat"}, {13: "cat"}, {1: "crocdile"}, {1: ""}])
def test_a_number_or_a_word_that_there_is_not_is_named(quiz, wrong):
    with pytest.raises(UserError, match="is no answer; pictures are 1 to 12, answers cat, dog, both, neither"):
        quiz.table(wrong)


def test_a_file_gives_back_what_was_answered(quiz, tmp_path):
    file = tmp_path / "answers" / "mine.csv"
    assert quiz.read(file).empty
    save_answers(file, quiz.table({1: "cat", 2: "neither"}))
    assert file.read_text("utf-8").splitlines()[0] == "picture,source,answer"
    pd.testing.assert_frame_equal(quiz.read(file), quiz.table({1: "cat", 2: "neither"}))


def test_answers_to_other_pictures_are_refused(quiz, tmp_path):
    save_answers(tmp_path / "mine.csv", quiz.table({1: "cat"}))
    other = make_quiz(255 - PICTURES, SOURCES, ("cat", "dog"), count=12)
    with pytest.raises(UserError, match="other pictures"):
        other.read(tmp_path / "mine.csv")


@pytest.mark.parametrize(
    "content, told",
    [
        (b"", "no table"),
        (b"\xff\xfe\x00", "no table"),
        (b"picture,answer\n1,cat\n", "no table with the columns picture, source, answer"),
        (b"picture,source,answer\n1,flow,cta\n", "'cta' is no answer"),
        (b"picture,source,answer\n1,flow,\n", "'' is no answer"),
        (b"picture,source,answer\n1,flow,cat\n1,flow,dog\n", "picture 1 is answered twice"),
    ],
)
def test_a_bad_file_is_named_in_one_line(tmp_path, content, told):
    (tmp_path / "bad.csv").write_bytes(content)
    with pytest.raises(UserError, match=f"bad.csv: .*{told}"):
        read_answers(tmp_path / "bad.csv", ("cat", "dog", "both", "neither"))


# --- counting -----------------------------------------------------------------------------------------------


def test_answers_are_counted_by_source(quiz):
    said = ["both" if source == "flow" else "cat" for source in quiz.sources]
    said[quiz.sources.tolist().index("flow")] = "dog"
    found = count_answers(quiz.table(said), quiz.words).set_index(["source", "answer"])
    assert found.loc[("flow", "both"), "count"] == 3 and found.loc[("flow", "dog"), "share"] == 0.25
    assert found.loc[("photograph", "cat"), "share"] == 1 and len(found) == 12
    assert (found["low"] <= found["share"] + 1e-9).all() and (found["share"] <= found["high"] + 1e-9).all()
    # R's prop.test(3, 4, correct = FALSE)
    assert found.loc[("flow", "both"), ["low", "high"]].tolist() == pytest.approx([0.3006, 0.9544], abs=1e-3)
    table = shares_in_words(count_answers(quiz.table(said), quiz.words))
    assert table.loc["flow", "both"] == "75 % (30 to 95)" and list(table) == list(quiz.words)


def test_agreement_is_corrected_for_chance(quiz):
    halves = ["cat"] * 6 + ["dog"] * 6
    one = quiz.table(halves)
    assert answer_agreement(one, one) == 1
    assert answer_agreement(one, quiz.table(halves[::-1])) == -1
    assert answer_agreement(one, quiz.table(["cat"] * 12)) == 0, "who always says one word agrees by chance"
    assert answer_agreement(one, quiz.table({1: "cat", 12: "dog"})) == 1, "over the pictures in both"
    assert np.isnan(answer_agreement(one, quiz.table({})))
    assert np.isnan(answer_agreement(quiz.table(["cat"] * 12), quiz.table(["cat"] * 12)))


# --- what people see ----------------------------------------------------------------------------------------


def test_buttons_lead_through_the_quiz_and_every_click_is_kept(tmp_path):
    quiz, file = make_quiz(PICTURES, SOURCES, ("cat", "dog"), count=3), tmp_path / "mine.csv"
    line, row = quiz_widget(quiz, file).children
    screen, column = row.children
    *answers, back = column.children
    first = bytes(screen.value)
    assert Image.open(io.BytesIO(first)).size == (256, 256)
    assert [button.description for button in answers] == list(quiz.words) and back.disabled
    answers[0].click()
    assert "2 of 3" in line.value and bytes(screen.value) != first
    back.click()
    assert "1 of 3" in line.value and bytes(screen.value) == first and quiz.read(file).empty
    answers[1].click()
    answers[2].click()
    line, row = quiz_widget(quiz, file).children  # the page was opened again
    assert "3 of 3" in line.value
    *answers, back = row.children[1].children
    answers[3].click()
    assert "Done" in line.value and all(button.disabled for button in answers) and not back.disabled
    assert quiz.read(file)["answer"].tolist() == ["dog", "both", "neither"]


def test_the_sheet_shows_numbers_and_no_sources(quiz):
    (ax,) = number_sheet(quiz).axes
    assert [text.get_text() for text in ax.texts] == [str(number) for number in range(1, 13)]
    assert ax.get_title(loc="left") == "For each: cat, dog, both or neither?"


def test_the_figure_has_a_panel_for_each_answer(quiz, drawn_and_closed):
    counts = count_answers(quiz.table(["cat"] * 12), quiz.words)
    figure = answers_figure(counts)
    assert [ax.get_xlabel() for ax in figure.axes] == ["cat, %", "dog, %", "both, %", "neither, %"]
    assert figure.axes[0].lines[0].get_xdata().tolist() == [100, 100, 100]
