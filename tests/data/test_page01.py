from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from clockodile.data import page01

pytestmark = pytest.mark.filterwarnings("error")
PATCH = slice(10, 17)


@pytest.fixture
def twins(data):
    """The images with two pairs: one by name in the card, in groups of their own but for it."""
    pairs = [
        {"first": data.ids[3], "second": data.ids[8], "correlation": 0.98, "hash_bits": 2},
        {"first": data.ids[60], "second": data.ids[65], "correlation": 0.93, "hash_bits": 9},
    ]
    group = data.group.copy()
    group[[8, 65]] = group[[3, 60]]
    return replace(data, group=group, card={**data.card, "near_duplicates": pairs})


def test_the_example_of_a_class_is_the_chosen_picture_if_it_is_there(data):
    assert page01.examples(data) == [0, 60]
    ids = np.where(np.arange(120) == 70, page01.CLEAR[1], data.ids)
    assert page01.examples(replace(data, ids=ids)) == [0, 70]


def test_pairs_are_found_by_name(twins):
    pairs = page01.near_duplicates(twins)
    assert pairs[["first", "second"]].to_numpy().tolist() == [[3, 8], [60, 65]]
    nobody = replace(twins, card={"near_duplicates": []})
    assert len(page01.near_duplicates(nobody)) == 0 and "correlation" in page01.near_duplicates(nobody)


def test_near_misses_are_alike_and_in_no_group_together(twins):
    missed = page01.near_misses(twins)
    assert (twins.group[missed["first"]] != twins.group[missed["second"]]).all()
    assert missed["correlation"].is_monotonic_decreasing


def test_a_coin_scatters_less_over_larger_folds(data):
    assert page01.coin_spread(0.5, data) == pytest.approx(0.5 / np.sqrt(24))
    assert page01.coin_spread(1.0, data) == 0


@pytest.mark.parametrize("number", range(1, 7))
def test_an_exercise_may_stay_open_or_be_wrong(twins, capsys, number):
    page01.check_exercise(number, None, twins)
    page01.check_exercise(number, [-1.0, -1.0] if number == 2 else -1.0, twins)
    first, second = capsys.readouterr().out.splitlines()
    assert first == "Not answered yet." and second.startswith("Not yet")


def test_answers_that_a_reader_can_count(twins, capsys):
    bright = (twins.images.mean((1, 2, 3)) / 255) > 0.5
    answers = {1: float(twins.tensor()[3, 1, 5, 7]), 2: [bright[:60].mean(), bright[60:].mean()], 3: 1}
    for number, answer in answers.items():
        page01.check_exercise(number, answer, twins)
    assert capsys.readouterr().out.splitlines() == ["Right."] * 3


def test_the_ring_and_thumbnails_of_plain_pictures_tell_all(twins, capsys):
    colours = np.where(twins.labels == 0, 40, 200).astype(np.uint8)
    plain = replace(twins, images=np.broadcast_to(colours[:, None, None, None], twins.images.shape).copy())
    plain.images[:, 1:-1, 1:-1] = 0  # only the outermost ring knows
    page01.check_exercise(5, 1.0, plain)
    page01.check_exercise(4, 1.0, plain)
    assert capsys.readouterr().out.splitlines() == ["Right."] * 2


def figures(run, data):
    """Every figure of the page by its name."""
    values, rates = (np.array([0.2, 0.7]), np.array([0.1, 0.4])), (np.array([0, 0.5, 1]), np.array([0, 1, 1]))
    scores = pd.DataFrame({"split": ["grouped", "random", "random"], "accuracy": [0.8, 0.9, 1.0]})
    picture, everywhere = data.images[0].mean(2) / 255, slice(0, 32)
    pairs = page01.near_duplicates(data)
    return {
        "numbers": page01.show_numbers(run, data.images[0], PATCH, PATCH),
        "axes": page01.show_axes(run, data.images[0]),
        "check": page01.show_classes(run, data),
        "roc": page01.show_roc(run, data.classes, values, rates, threshold=0.5),
        "lazy": page01.show_lazy(run, data, pd.Series({"red": 0.7, "edges": 0.4}), (0, 1)),
        "folds": page01.show_folds(run, data),
        "shift": page01.show_alignment(run, [("one", picture, everywhere), ("two", picture, PATCH)]),
        "near_duplicates": page01.show_pairs(run, "near_duplicates", data, pairs, "Pairs"),
        "leak": page01.show_leak(run, scores),
        "augmentation": page01.show_augmentations(run, data, page01.examples(data)[:2]),
    }


@pytest.mark.parametrize("classes", [2, 3])
def test_every_figure_is_drawn_and_kept(run, twins, classes):
    labels = np.where(np.arange(120) % 7 == 0, classes - 1, twins.labels)
    shown = figures(run, replace(twins, labels=labels, classes=("ball", "stripe", "tinted ball")[:classes]))
    assert {path.stem for path in (run.dir / "figures").glob("*.png")} == set(shown)
    nothing = page01.near_duplicates(twins).head(0)
    assert page01.show_pairs(run, "nobody", twins, nothing, "Pairs") is None
    assert all(image.metadata["alt"] if image.metadata else image.alt for image in shown.values())
