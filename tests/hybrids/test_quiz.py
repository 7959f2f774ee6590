import io

import numpy as np
import pytest
from PIL import Image

from clockodile.core import store
from clockodile.core.errors import UserError
from clockodile.hybrids.quiz import RatingSession, choose_questions
from clockodile.hybrids.quiz_widget import quiz_widget

NAMES = ("cat", "dog")
CORNERS = np.array([[0.97, 0.1], [0.1, 0.97], [0.95, 0.95], [0.2, 0.2]])


def make_questions(count=12, seed=0):
    rng = np.random.default_rng(seed)
    groups = {
        kind: (rng.integers(0, 256, (20, 16, 16, 3), dtype=np.uint8), CORNERS[np.arange(20) % 4])
        for kind in ("photograph", "pixel blend", "flow")
    }
    mixes = {"pixel blend": np.linspace(0, 1, 20)}
    return choose_questions(groups, NAMES, mixes=mixes, count=count, seed=seed)


@pytest.fixture
def quiz(tmp_path):
    return RatingSession(tmp_path, make_questions())


def answer_all(quiz, words):
    for word in words:
        quiz.answer(str(word))


# --- questions ----------------------------------------------------------------------------------------------


def test_kinds_have_equal_room_and_come_in_random_order():
    found = make_questions(count=12)
    names, counts = np.unique(found.kinds, return_counts=True)
    assert counts.tolist() == [4, 4, 4] and len(names) == 3
    assert found.kinds.tolist() != sorted(found.kinds) and (found.kinds == make_questions(12).kinds).all()
    assert (np.isnan(found.mixes) == (found.kinds != "pixel blend")).all()


def test_a_kind_with_few_pictures_leaves_its_room_to_others():
    one, many = np.zeros((1, 8, 8, 3), np.uint8), np.ones((30, 8, 8, 3), np.uint8)
    groups = {"few": (one, np.zeros((1, 2))), "many": (many, np.zeros((30, 2)))}
    found = choose_questions(groups, NAMES, count=10)
    assert len(found.kinds) == 10 and (found.kinds == "few").sum() == 1
    assert len(choose_questions(groups, NAMES, count=99).kinds) == 31
    with pytest.raises(UserError, match="no pictures"):
        choose_questions({}, NAMES)


def test_the_judge_answers_in_the_words_of_the_rater():
    found = make_questions()
    by_hand = {(0.97, 0.1): "cat", (0.1, 0.97): "dog", (0.95, 0.95): "both", (0.2, 0.2): "neither"}
    assert found.judged.tolist() == [by_hand[tuple(row)] for row in found.evidence]


@pytest.mark.parametrize("name", ["both", "neither", "Both"])
def test_a_class_that_is_called_like_an_answer_stands_in_quotes(name, tmp_path):
    groups = {"photograph": (np.zeros((4, 8, 8, 3), np.uint8), CORNERS)}
    quiz = RatingSession(tmp_path, choose_questions(groups, ("cat", name)))
    assert quiz.questions.words == ("cat", f"'{name}'", "both", "neither")
    answer_all(quiz, quiz.questions.judged)
    assert len(set(quiz.answers)) == 4 and quiz.agreement().value == 1
    assert RatingSession(tmp_path, quiz.questions).next is None


# --- answering ----------------------------------------------------------------------------------------------


def test_a_session_goes_on_after_a_restart_where_it_stopped(quiz, tmp_path):
    assert quiz.next == 0
    answer_all(quiz, ["cat", "both"])
    again = RatingSession(tmp_path, make_questions())
    assert again.next == 2 and again.answers[:2].tolist() == ["cat", "both"]
    answer_all(again, ["dog"] * 10)
    assert again.next is None and RatingSession(tmp_path, make_questions()).next is None


def test_answers_to_other_questions_stay(quiz, tmp_path):
    quiz.answer("cat")
    other = RatingSession(tmp_path, make_questions(seed=1))
    assert other.next == 0
    other.answer("dog")
    other.start_again()
    assert RatingSession(tmp_path, make_questions()).answers[0] == "cat"


@pytest.mark.parametrize("word", ["bird", "", "first"])
def test_a_bad_answer_is_refused_in_words_and_changes_nothing(quiz, word, tmp_path):
    with pytest.raises(UserError, match="give"):
        quiz.answer(word)
    assert quiz.next == 0 and not (tmp_path / "answers").exists()


def test_no_answer_is_taken_after_the_last(quiz):
    answer_all(quiz, ["cat"] * 12)
    with pytest.raises(UserError, match="open question"):
        quiz.answer("dog")


def test_the_last_answer_can_be_taken_back(quiz, tmp_path):
    quiz.take_back()
    quiz.answer("cat")
    quiz.take_back()
    assert quiz.next == 0 and RatingSession(tmp_path, make_questions()).next == 0
    answer_all(quiz, ["cat"] * 12)
    quiz.take_back()
    assert quiz.next == 11


def test_a_file_edited_by_hand_is_not_overwritten(quiz, tmp_path):
    quiz.answer("cat")
    path = tmp_path / quiz.name
    path.write_text(path.read_text().replace("cat", "dog"))
    with pytest.raises(UserError, match="edited"):
        RatingSession(tmp_path, make_questions())


def test_answers_are_a_table_that_others_can_read(quiz, tmp_path):
    quiz.answer("neither")
    stored = store.load(tmp_path, quiz.name)
    assert stored[["question", "answer"]].to_numpy().tolist() == [[0, "neither"]]


# --- the rater and the judge --------------------------------------------------------------------------------


def test_agreement_is_the_share_of_equal_answers(quiz):
    assert np.isnan(quiz.agreement().value), "nothing is answered yet"
    judged = quiz.questions.judged
    answer_all(quiz, judged[:6])
    assert quiz.agreement().value == 1 and quiz.agreement().low < 1
    answer_all(quiz, ["cat" if word == "dog" else "dog" for word in judged[6:]])
    assert quiz.agreement().value == 0.5


def test_the_own_curve_rises_for_a_rater_who_follows_the_mix(tmp_path):
    quiz = RatingSession(tmp_path, make_questions(60))
    answer_all(quiz, np.where(quiz.questions.mixes > 0.5, "dog", "cat"))
    found = quiz.curve()
    assert found["rater"].is_monotonic_increasing and len(found) == 5
    assert found["rater"].iloc[0] == 0 and found["rater"].iloc[-1] == 1


# --- buttons ------------------------------------------------------------------------------------------------


def test_buttons_lead_through_the_quiz_to_the_results(tmp_path):
    quiz = RatingSession(tmp_path, make_questions(4))
    box = quiz_widget(quiz)
    line, row, curve = box.children
    screen, column = row.children
    *answers, back, again = column.children
    assert Image.open(io.BytesIO(screen.value)).size == (256, 256)
    assert screen.layout.align_self == curve.layout.align_self == "flex-start", "not stretched"
    assert [button.description for button in answers] == list(quiz.questions.words) and back.disabled
    first = bytes(screen.value)
    answers[0].click()
    assert "2 of 4" in line.value and bytes(screen.value) != first and not back.disabled
    back.click()
    assert "1 of 4" in line.value and bytes(screen.value) == first
    for _ in range(4):
        answers[2].click()
    assert quiz.next is None and "Done" in line.value and all(button.disabled for button in answers)
    assert curve.layout.display is None and curve.value, "the rater's own curve"
    back.click()
    assert quiz.next == 3 and not answers[0].disabled and curve.layout.display == "none"
    assert again.disabled, "not by accident"
    answers[1].click()
    again.click()
    assert "1 of 4" in line.value and quiz.next == 0 and bytes(screen.value) == first
    assert RatingSession(tmp_path, make_questions(4)).next == 0, "in the file as well"


def test_a_widget_made_again_goes_on(tmp_path):
    quiz = RatingSession(tmp_path, make_questions(4))
    quiz.answer("cat")
    line, *_ = quiz_widget(RatingSession(tmp_path, make_questions(4))).children
    assert "2 of 4" in line.value
