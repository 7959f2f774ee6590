from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from plain_features import plain_features

from clockodile.ambiguous import judge
from clockodile.core import store
from clockodile.core.errors import UserError
from clockodile.data.dataset import as_tensor
from clockodile.hybrids import evaluation
from clockodile.hybrids.evaluation import (
    evaluate_photographs,
    evaluate_pictures,
    quality_table,
    reference,
)
from clockodile.hybrids.generators.blends import pixel_blend
from clockodile.hybrids.measures import nearest_pixels


@pytest.fixture(autouse=True)
def plain_judge(monkeypatch, tmp_path):
    """No network and no shipped weights."""
    monkeypatch.setattr(judge, "features_of", plain_features)
    monkeypatch.setattr(store, "shipped_weights", lambda: tmp_path / "none")


@pytest.fixture
def known(run, whole):
    return reference(run, whole)


def test_copies_and_their_mirror_images_are_found_and_shown(run, whole, known):
    rows = np.flatnonzero(known.train.fold != 0)[[0, 7, 50, 80]]
    for images in (whole.images[rows], whole.images[rows][:, :, ::-1]):
        found = evaluate_pictures(run, whole, images, known=known)
        assert (
            known.learned.ids[found.neighbour].tolist() == known.train.ids[rows].tolist()
            and found.copies.value == 1
        )
        assert found.memorised.value == 1
        assert found.novelty_pixels.value < 0.01 and (found.newness < 0.01).all()


def test_a_copy_of_a_photograph_that_was_taken_twice_is_still_memorised(run, whole, known):
    learned = known.learned
    images, group = learned.images.copy(), learned.group.copy()
    images[1], group[1] = np.clip(images[0].astype(int) + 3, 0, 255), group[0]
    between = np.clip(images[[0]].astype(int) + 1, 0, 255).astype(np.uint8)
    for groups, memorised in ((group, 1), (learned.group, 0)):
        changed = replace(known, learned=replace(learned, images=images, group=groups))
        assert evaluate_pictures(run, whole, between, known=changed).memorised.value == memorised


def test_other_things_and_photographs_of_anything_can_be_memorised_too(run, whole, known):
    thing = known.learned.images[-1:]
    assert evaluate_pictures(run, whole, thing, known=known).memorised.value == 1
    beside = np.random.default_rng(5).integers(0, 256, (3, *whole.images.shape[1:]), dtype=np.uint8)
    for auxiliary, share in ((beside, 1), (beside[:0], 0)):
        found = evaluate_pictures(run, whole, beside[[1]], known=replace(known, auxiliary=auxiliary))
        assert found.memorised.value == share


def test_nothing_of_the_held_out_fold_is_learned(known):
    held_out = known.train.images[known.train.fold == 0]
    assert nearest_pixels(held_out, known.learned.images, known.learned.group)[0].min() > 0.01
    background = known.judged.background
    assert len(known.learned.images) == (known.train.fold != 0).sum() + len(background.images)
    cut = replace(background, origin=np.arange(len(background.images)))  # as if from these photographs
    judged = replace(known.judged, background=cut)
    learned = evaluation.learned_without(0, judged, known.train)
    assert len(learned.images) == (known.train.fold != 0).sum() + (known.train.fold[cut.origin] != 0).sum()


def test_every_photograph_has_a_distance_to_what_is_learned_without_its_fold(known):
    assert (known.distance > 0).all() and (known.pixels > 0).all() and len(known.distance) == 120


def test_new_photographs_are_called_copies_as_rarely_as_said(run, whole, known):
    """By the ranks of all unseen photographs, not of the few in one fold."""
    found = evaluate_photographs(run, whole, known=known)
    assert found.copies.value <= 0.05
    alone = evaluate_pictures(run, whole, whole.images[[2, 3]], labels=np.zeros(2, int), known=known)
    assert np.isnan(alone.copies.value), "sixty photographs of a class cannot tell the nearest of a hundred"


def test_pictures_are_judged_by_the_probe_of_the_held_out_photographs(run, whole, known):
    rows = known.held_out((0, 1))
    again = evaluate_pictures(run, whole, known.train.images[rows], known=known)
    photographs = evaluate_photographs(run, whole, known=known)
    assert np.allclose(again.scores, photographs.scores, atol=1e-4)
    assert np.allclose(known.evidence(known.train.images[rows]), photographs.evidence, atol=0.02)


def test_unseen_photographs_are_as_new_and_as_varied_as_photographs(run, whole, known):
    found = evaluate_photographs(run, whole, known=known)
    assert 0.7 < found.novelty.value < 1.4 and 0.7 < found.novelty_pixels.value < 1.4
    assert np.isclose(found.diversity, 1)
    assert found.copies.value < 0.1 and found.memorised.value == 0 and found.sharpness == 1
    assert found.c2st_accuracy.low <= 0.5 <= found.c2st_accuracy.high
    assert found.right.value > 0.5 and np.isclose(np.median(found.newness), found.novelty.value)


def test_the_same_pictures_over_and_over_have_no_diversity(run, whole, known):
    blend = pixel_blend(as_tensor(whole.images[1:2]), as_tensor(whole.images[61:62]))
    found = evaluate_pictures(run, whole, blend.expand(24, -1, -1, -1), known=known)
    assert found.diversity < 1e-6 and found.c2st_accuracy.value > 0.8 and found.kid.value > found.kid_null_95


def test_floats_and_bytes_measure_alike(run, whole, known):
    images = whole.images[[2, 3, 62, 63]]
    one, other = (evaluate_pictures(run, whole, part, known=known) for part in (images, as_tensor(images)))
    assert np.array_equal(one.evidence, other.evidence) and one.kid == other.kid


def test_asked_classes_are_compared_with_their_own_photographs(run, whole, known):
    first = np.flatnonzero((whole.labels == 0) & (whole.fold == 1))
    own = evaluate_pictures(run, whole, whole.images[first], labels=np.zeros(len(first), int), known=known)
    wrong = evaluate_pictures(run, whole, whole.images[first], labels=np.ones(len(first), int), known=known)
    assert (whole.labels[known.held_out((1,))] == 1).all() and own.right.value > 0.5
    assert abs(own.sharpness - 1) < abs(wrong.sharpness - 1) and own.diversity != wrong.diversity
    assert np.isnan(evaluate_pictures(run, whole, whole.images[first], known=known).right.value)


def test_a_small_folder_and_few_pictures_are_enough(run, whole):
    few = whole.rows(np.r_[0:20, 60:80, 120:180])
    found = evaluate_pictures(run, few, few.images[[1, 2, 21, 22]])
    assert np.isfinite(found.kid.value) and np.isfinite(found.novelty.value)
    assert np.isfinite(evaluate_photographs(run, few).c2st_accuracy.value)


def test_a_class_without_unseen_photographs_is_an_error_in_words(run, whole, known):
    train = replace(known.train, fold=np.where(known.train.labels == 0, 1, known.train.fold))
    with pytest.raises(UserError, match="give more photographs"):
        replace(known, train=train).held_out((0, 1))


def test_the_table_has_a_row_for_each_method_and_a_column_for_each_measure(run, whole, known):
    photographs = evaluate_photographs(run, whole, known=known)
    table = quality_table({"photographs": photographs, "again": photographs})
    assert table["method"].tolist() == ["photographs", "again"] and set(evaluation.MEASURES) <= set(table)
    assert {"kid_low", "kid_high", "images", "evidence_a", "evidence_b"} <= set(table)
    assert table.iloc[0, 1:].equals(table.iloc[1, 1:])


def test_the_table_can_be_read_on_a_page():
    row = {name: 0.126 for name in evaluation.MEASURES} | {
        "evidence_a": 0.5,
        "evidence_b": 0.75,
        "method": "flow",
    }
    row |= {
        f"both_{part}_{end}": value
        for part in ("strict", "lenient")
        for end, value in (("low", 0.05), ("high", 1))
    }
    page = evaluation.readable(pd.DataFrame([row]))
    assert page.index.tolist() == ["flow"]
    assert page.loc["flow", "both at 10 %"] == "13 (5 to 100)" and page.loc["flow", "kid"] == 0.13
    assert page.loc["flow", "seconds"] == "0.13"


def test_seconds_are_said_where_somebody_looked_at_the_clock(run, whole, known):
    photographs = evaluate_photographs(run, whole, known=known)
    made = evaluate_pictures(run, whole, whole.images[[2, 3, 62, 63]], known=known, seconds=0.0000123)
    table = quality_table({"photographs": photographs, "drawn": made})
    for one_class in (False, True):
        assert evaluation.readable(table, one_class=one_class)["seconds"].tolist() == ["", "0.000012"]


def test_pictures_of_one_class_are_asked_whether_they_are_seen_as_it(run, whole, known):
    rows = np.flatnonzero((whole.labels == 0) & (whole.fold == 1))
    found = evaluate_pictures(run, whole, whole.images[rows], labels=np.zeros(len(rows), int), known=known)
    page = evaluation.readable(quality_table({"striped": found}), one_class=True)
    assert page.loc["striped", "seen as asked for (5 %)"].startswith(f"{100 * found.right.value:.0f} (")
    assert page.loc["striped", "memorised"] == 1 and "both at 5 %" not in page


def test_the_floor_is_kept_for_the_photographs_it_was_measured_with(run, whole, known, monkeypatch):
    asked, real = [], evaluation.kid_null_95

    def watched(photographs, sizes, **options):
        asked.append(sizes)
        return real(photographs, sizes, **options)

    monkeypatch.setattr(evaluation, "kid_null_95", watched)
    before = known.floor((0, 1), (20, 20))
    assert known.floor((0, 1), (20, 20)) == before != known.floor((0, 1), (10, 20))
    assert asked == [(20, 20), (10, 20)], "once each"
    other = replace(known, features=known.features * 2)
    assert other.floor((0, 1), (20, 20)) != before and len(asked) == 3
