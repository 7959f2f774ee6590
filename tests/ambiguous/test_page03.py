from dataclasses import replace
from datetime import datetime

import matplotlib.pyplot as plt
import numpy as np
import plain_features as plain
import pytest
from matplotlib.figure import Figure
from PIL import Image

from clockodile.ambiguous import page03, scores
from clockodile.ambiguous.evidence import LENIENT, mean_features
from clockodile.ambiguous.judge import judge_run
from clockodile.ambiguous.score_table import SCORES, collect_out_of_fold
from clockodile.core import results, store
from clockodile.show import plots


@pytest.fixture
def page(run, whole, plain_features):
    """A page of random opinions of nets, and of a real judge on plain features."""
    data, rng = whole.part("train"), np.random.default_rng(0)
    stored = {name: getattr(data, name) for name in ("ids", "labels", "fold")}
    stored["logits"] = 2 * np.eye(2)[data.labels] + rng.normal(size=(1, len(data), 2))
    stored["centre_distance"] = rng.random((1, len(data), 2))
    near = rng.normal(size=(len(data), 6)) + data.labels[:, None]  # told from other things, but not with ease
    judged = replace(judge_run(run, whole), features=near, evidence=rng.random((len(data), 2)))
    known = collect_out_of_fold(data, stored, judged, (0, 1))
    yield page03.Page(run, whole, data, judged, known)
    plt.close("all")


def test_every_figure_is_stored_with_a_text_for_those_who_cannot_see_it(page):
    page03.top_sheet(page, page.headline, "a_sheet", "Highest")
    images = page.data.images[:8]
    page03.noise_bars(page, {"noise": [0.9], "stripes": [0.2]}, {"noise": images, "stripes": images})
    for draw in (page03.plane_idea, page03.plane, page03.doubles):
        draw(page)
    for name in ("a_sheet", "noise_wins", "plane_idea", "plane", "pairs"):
        assert (page.run.dir / "figures" / f"{name}.png").is_file()


@pytest.fixture
def figure_of(monkeypatch):
    """Figures are returned as they are, instead of being stored; a function of all words in one."""
    monkeypatch.setattr(page03, "show_figure", lambda figure, *words: figure)
    return lambda figure: [text.get_text() for ax in figure.axes for text in ax.texts]


def test_the_plane_shows_every_image_its_corners_and_the_diagonal(page, figure_of):
    figure = page03.plane(page)
    ax, side = figure.axes
    points = {line.get_label(): len(line.get_xdata()) for line in ax.lines}
    assert points["striped"] == points["dotted"] == 60 and points["other things"] == 60
    assert {"both", "neither", "only striped", "only dotted"} <= set(figure_of(figure))
    both = int((page.headline >= LENIENT).sum())  # with fewer than three, three all the same
    numbers = [str(number) for number in range(1, 1 + max(3, min(10, both)))]
    assert set(numbers) <= {text.get_text() for text in ax.texts}
    assert [text.get_text().split(":")[0] for text in side.texts] == numbers
    assert any("diagonal" in str(line.get_label()) for line in ax.lines)


def test_the_plane_shows_further_classes_too_and_names_what_stands_for_other_things(page, figure_of):
    labels = np.where(np.arange(len(page.data)) < 10, 2, page.data.labels)
    background = replace(page.judged.background, note="none were given", word="made pictures")
    judged = replace(page.judged, background=background)
    page = replace(page, data=replace(page.data, labels=labels), judged=judged)
    points = {line.get_label(): len(line.get_xdata()) for line in page03.plane(page).axes[0].lines}
    assert points["the other classes"] == 10 and points["made pictures"] == 60
    assert "exceeded by one in ten of the other classes" in points and "other things" not in points


def test_the_drawing_names_all_corners(page, figure_of):
    found = figure_of(page03.plane_idea(page))
    assert {"both", "neither", "only striped", "only dotted", "?"} <= set(found)


@pytest.mark.parametrize("seed", range(5))
def test_numbers_do_not_hide_points_or_each_other(seed):
    points = np.random.default_rng(seed).random((8, 2))
    places = page03.number_places(points)
    every = np.concatenate([points, places])
    gaps = np.linalg.norm(every[:, None] - every, axis=2) + np.eye(len(every))
    assert gaps[len(points) :].min() > 0.02 and np.allclose(np.linalg.norm(places - points, axis=1), 0.045)


def test_the_highest_score_comes_first_and_the_colours_are_explained(page, figure_of):
    figure = page03.top_sheet(page, np.linspace(0, 1, len(page.data)), "a_sheet", "Highest")
    assert [caption.split(": ")[1] for caption in figure_of(figure)[:3]] == ["1.00", "0.99", "0.98"]
    title = figure.axes[0].get_title(loc="left") + figure.axes[0].get_title()
    assert "orange: striped, green: dotted" in title


def test_a_bar_for_each_kind_of_picture(page, figure_of):
    images = {kind: page.data.images[:5] for kind in ("noise", "stripes")}
    figure = page03.noise_bars(page, {"noise": [0.7, 0.9], "stripes": [0.4, 0.4]}, images)
    left, ax = figure.axes
    assert [text.get_text() for text in left.get_yticklabels()] == ["noise", "stripes"]
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([80, 40])
    assert {"80 %", "40 %"} <= set(figure_of(figure))


def test_the_judges_steps_end_at_the_score_of_the_photograph(page, figure_of, monkeypatch):
    monkeypatch.setattr(page03, "maps_of", plain.plain_maps)
    figure = page03.judge_by_steps(page)
    shown, score = figure.axes[0].images[0].get_array(), figure.axes[-1].lines[1].get_xdata()[0]
    row = next(row for row, image in enumerate(page.data.images) if np.array_equal(image, shown))
    assert page.data.fold[row] == 0 and score == page.judged.scores[row, page.pair[0]]
    assert f"{page.judged.evidence[row, page.pair[0]]:.3f}" in figure.axes[-1].get_title("left")
    strongest = [float(ax.get_xlabel().split()[-1]) for ax in figure.axes if "strongest:" in ax.get_xlabel()]
    bias = page.judged.judge.bias[0, page.pair[0]]
    assert len(strongest) == 2 and sum(strongest) + bias == pytest.approx(score, abs=0.11)


def test_each_pair_stands_side_by_side_and_no_picture_twice(page, figure_of):
    captions = figure_of(page03.doubles(page))
    shown = [name for caption in captions for name in caption.splitlines()]
    assert 1 <= len(captions) <= page03.PAIRS and len(set(shown)) == len(shown) == 2 * len(captions)


def test_files_and_rows_of_the_results(page):
    table = page03.store_page(page, 0.2, [0.5, 0.7])
    stored = store.load(page.run.dir, "ambiguous.csv")
    assert np.array_equal(stored["rank"], scores.rank_of(stored["score"].to_numpy()))
    assert np.allclose(stored["score"], page.headline) and set(SCORES) < set(table)
    pairs = store.load(page.run.dir, "pairs.csv")
    labels = dict(zip(page.data.ids, page.data.labels, strict=True))
    assert all(labels[one] != labels[other] for one, other in zip(pairs["id"], pairs["partner"], strict=True))
    rows = {row["name"]: row["mean"] for row in results.read_metrics(page.run.dir)["03"]}
    assert rows["top 24 shared by two judges without a common picture"] == pytest.approx(0.6)


def test_every_corner_of_the_plane_can_be_browsed(page):
    row, _, screen = page03.browse_corners(page).children
    found = {control.description: control for control in row.children}
    pictures = {screen.value}
    for corner in ("first", "second", "neither"):
        found["corner"].value = corner
        pictures.add(screen.value)
    found["corner"].value = "both"
    found["threshold"].value = 0.99  # nobody
    assert len(pictures | {screen.value}) == 5


def test_the_judge_is_asked_about_a_photo_of_ones_own(page, tmp_path, monkeypatch):
    monkeypatch.setattr(page03, "maps_of", plain.plain_maps)
    Image.fromarray(page.data.images[0]).save(tmp_path / "mine.png")
    page = replace(page, judged=replace(page.judged, features=mean_features(plain.plain_maps(page.data.images))))
    row, line, screen = page03.judge_your_photo(page).children
    content = (tmp_path / "mine.png").read_bytes()
    file = {"name": "mine.png", "type": "", "size": len(content), "content": content, "last_modified": datetime.now()}
    row.children[0].value = (file,)
    assert line.value == ""
    said = page.judged.judge.evidence(plain.plain_maps(page.data.images[:1]))[0]
    for label, name in zip(page.pair, page.names, strict=True):
        assert f"{name} {said[label]:.2f}" in screen.value


@pytest.mark.parametrize("number", range(1, 7))
def test_an_exercise_tells_right_from_wrong(page, number, capsys, monkeypatch):
    monkeypatch.setattr(page03, "maps_of", plain.plain_maps)
    evidence = page.judged.evidence
    truth = {
        1: page03.stamped_with(page, 1, 1),
        2: [(evidence.min(1) >= limit).sum() for limit in (0.99, 0.95, 0.9, 0.8)],
        3: [-0.5 + 2 + 1.5, -0.5 + (-1 + 0.5 + 2 + 0.5) / 4 + (1.5 - 0.5) / 4, 3 / 4],
        4: round(24 * scores.overlap(evidence[:, 0] * evidence[:, 1], page.headline)),
        5: [0.6, 1, 1],
        6: [page03.stamped_with(page, which, 0) for which in (5, 6)],
    }[number]
    for answer in (None, truth, np.asarray(truth) + 1):
        page03.check_exercise(number, answer, page)
    open_, right, wrong = capsys.readouterr().out.splitlines()
    assert open_ == "Not answered yet." and right == "Right." and wrong.startswith("Not yet")


@pytest.mark.parametrize(("number", "label"), [(1, 1), (5, 0), (6, 0)])
def test_a_corner_is_stamped_into_the_upper_left_corner(page, monkeypatch, number, label):
    """Into pictures of the second class and fold 0; those with a class are counted."""
    seen = []
    monkeypatch.setattr(page03, "maps_of", lambda images: seen.append(images) or plain.plain_maps(images))
    count = page03.stamped_with(page, number, label)
    rows = (page.data.fold == 0) & (page.data.labels == 1)
    source = np.argsort(-page.headline, kind="stable")[number]
    expected, third = page.data.images[rows].copy(), page.data.images.shape[1] // 3
    expected[:, :third, :third] = page.data.images[source, :third, :third]
    assert np.array_equal(seen[0], expected) and not np.array_equal(expected, page.data.images[rows])
    judged = page.judged.judge.evidence(plain.plain_maps(expected), page.data.fold[rows])
    assert count == (judged[:, label] >= 0.9).sum()


def test_a_row_a_stamp_red_where_the_first_class_is_found(page, monkeypatch):
    drawn = []
    monkeypatch.setattr(page03, "picture_rows", lambda rows, **options: drawn.extend(rows) or Figure())
    images = {"none": page.data.images[:10], "a long stamp": page.data.images[10:20]}
    page03.stamped_sheet(page, images, {"none": np.full(10, 0.8999), "a long stamp": np.linspace(0.9, 1, 10)})
    assert [row.name for row in drawn] == ["none", "a long\nstamp"]
    assert drawn[0].captions == ["0.89"] * 8 and {*drawn[0].colours} == {plots.PALE}
    assert {*drawn[1].colours} == {plots.ALARM} and len(drawn[1].pictures) == 8


def test_pictures_of_each_kind_are_counted_in_the_corners(page):
    high = np.full((3, 2), 0.95)
    table = page03.corner_table(page, {"noise": high})
    assert table.loc["noise", "both, %"] == 100 and "the other classes" not in table.index
    assert table.loc["noise", "pictures"] == 3
    assert np.allclose(table.drop(columns="pictures").sum(axis=1), 100, atol=0.2)
    labels = np.where(np.arange(len(page.data)) < 10, 2, page.data.labels)
    three = page03.corner_table(replace(page, data=replace(page.data, labels=labels)), {})
    corners = page03.quadrants(page.judged.evidence[:10], (0, 1))
    assert three.loc["the other classes", "both, %"] == 100 * (corners == "both").mean()
    assert page03.corner_words(page, np.array([[0.9, 0.95], [1, 0.5], [0, 0]]))[::2] == ["both", "neither"]


def test_a_vote_shows_numbers_and_nothing_else(page, figure_of):
    figure = page03.vote_sheet(page, np.zeros((5, 8, 8, 3), np.uint8))
    assert [text.get_text() for text in figure.axes[0].texts] == ["1", "2", "3", "4", "5"]


def test_the_strongest_place_of_each_picture_is_framed(page, monkeypatch, figure_of):
    """One feature; its place differs from picture to picture, and the probes of fold 1 look for little of it."""
    maps = np.zeros((2, 1, 4, 4))
    maps[0, 0, 2, 1] = maps[1, 0, 0, 3] = 1
    monkeypatch.setattr(page03, "maps_of", lambda images: [maps, maps])
    weight = np.array([[[0, 1.0], [0, 2.0]], [[0, 1.0], [0, -1.0]]])
    judge = replace(page.judged.judge, weight=weight)
    page = replace(page, judged=replace(page.judged, judge=judge))
    images = np.zeros((2, 8, 8, 3), np.uint8)
    figure = page03.place_maps(page, images, np.array([0, 1]), ["one", "two"], "places", "Where?")
    frames = [[patch.get_xy() for patch in ax.patches] for ax in figure.axes]
    assert frames[2] == [(0.5, 1.5)] and frames[4] == [(0.5, 1.5)], "the first picture, each class"
    assert frames[3] == [(2.5, -0.5)] and frames[5] != [(2.5, -0.5)], "of the second, more is less for one class"
    assert frames[0] == [(-0.5, -0.5), (1.5, 3.5)] * 2, "the same in pixels of the picture, the smaller size first"
    assert [ax.get_title("left") for ax in figure.axes[:2]] == ["one", "two"]


def directions(degrees):
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], 1)


def test_partners_are_of_the_other_class_and_most_alike():
    features = directions([0, 90, 180, 270, 10, 100, 190, 280])
    found = page03.nearest_of_others(features, np.array([0, 0, 0, 0, 1, 1, 1, 1]), np.full(8, True))
    assert found["row"].tolist() == list(range(8))
    assert found["partner"].tolist() == [4, 5, 6, 7, 0, 1, 2, 3]
    assert (found["similarity"] > 0.95).all()


def test_one_image_may_be_the_nearest_of_many_but_only_the_allowed():
    features, labels = directions([0, 4, 180, 5, 200]), np.array([0, 0, 0, 1, 1])
    everybody, allowed = np.full(5, True), np.arange(5) < 4
    assert page03.nearest_of_others(features, labels, everybody)["partner"].tolist() == [3, 3, 4, 1, 2]
    assert page03.nearest_of_others(features, labels, allowed)["partner"].tolist() == [3, 3, 3, 1, 2]
    nobody = page03.nearest_of_others(features, np.zeros(5, int), everybody)
    assert nobody["partner"].tolist() == [-1] * 5 and nobody["similarity"].isna().all()
