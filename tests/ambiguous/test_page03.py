from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import plain_features as plain
import pytest
from PIL import Image

from clockodile.ambiguous import page03, scores
from clockodile.ambiguous.judge import judge_run
from clockodile.ambiguous.score_table import SCORES, collect_out_of_fold
from clockodile.core import results, store


@pytest.fixture
def page(run, whole, plain_features):
    """A page of random opinions of nets, and of a real judge on plain features."""
    data, rng = whole.part("train"), np.random.default_rng(0)
    stored = {name: getattr(data, name) for name in ("ids", "labels", "fold")}
    stored["logits"] = 2 * np.eye(2)[data.labels] + rng.normal(size=(1, len(data), 2))
    stored["centre_distance"] = rng.random((1, len(data), 2))
    near = rng.normal(size=(len(data), 6)) + data.labels[:, None]  # told from other things, but not with ease
    judged = replace(judge_run(run, whole), features=near, evidence=rng.random((len(data), 2)))
    known = collect_out_of_fold(data, stored, stored, judged, (0, 1))
    yield page03.Page(run, whole, data, stored, judged, known)
    plt.close("all")


def test_every_figure_is_stored_with_a_text_for_those_who_cannot_see_it(page):
    page03.top_sheet(page, page.headline, "a_sheet", "Highest")
    images = page.data.images[:8]
    page03.noise_bars(page, {"noise": 0.9, "stripes": 0.2}, {"noise": images, "stripes": images})
    for draw in (page03.plane_idea, page03.plane, page03.doubles):
        draw(page)
    for name in ("a_sheet", "noise_wins", "plane_idea", "plane", "pairs"):
        assert (page.run.dir / "figures" / f"{name}.png").is_file()


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
    monkeypatch.setattr(page03, "features_of", plain.plain_features)
    Image.fromarray(page.data.images[0]).save(tmp_path / "mine.png")
    page = replace(page, judged=replace(page.judged, features=plain.plain_features(page.data.images)))
    row, line, screen = page03.judge_your_photo(page).children
    content = (tmp_path / "mine.png").read_bytes()
    file = {
        "name": "mine.png",
        "type": "",
        "size": len(content),
        "content": content,
        "last_modified": datetime.now(),
    }
    row.children[0].value = (file,)
    assert line.value == ""
    said = page.judged.judge.evidence(plain.plain_features(page.data.images[:1]))[0]
    for label, name in zip(page.pair, page.names, strict=True):
        assert f"{name} {said[label]:.2f}" in screen.value


@pytest.mark.parametrize("number", range(1, 6))
def test_an_exercise_tells_right_from_wrong(page, number, capsys):
    evidence = page.judged.evidence
    others = page.judged.judge.evidence(page.judged.features_background, page.judged.fold_background)
    balance = SCORES["centre_balance"].score(page.known)
    truth = {
        1: (page.data.labels[np.argsort(-page.headline, kind="stable")[:24]] == 0).sum(),
        2: [(evidence.min(1) >= limit).sum() for limit in (0.99, 0.95, 0.9, 0.8)],
        3: (balance > 0.9).sum(),
        4: round(24 * scores.overlap(evidence[:, 0] * evidence[:, 1], page.headline)),
        5: (others.min(1) >= 0.9).sum(),
    }[number]
    for answer in (None, truth, np.asarray(truth) + 1):
        page03.check_exercise(number, answer, page)
    open_, right, wrong = capsys.readouterr().out.splitlines()
    assert open_ == "Not answered yet." and right == "Right." and wrong.startswith("Not yet")


def test_pictures_of_each_kind_are_counted_in_the_corners(page, monkeypatch):
    monkeypatch.setattr(page03, "features_of", lambda images: np.zeros((len(images), 6)))
    judge = SimpleNamespace(evidence=lambda features, fold=None: np.full((len(features), 2), 0.95))
    changed = replace(page, judged=replace(page.judged, judge=judge))
    table = page03.corner_table(changed, {"noise": np.zeros((3, 8, 8, 3), np.uint8)})
    assert table.loc["noise", "both, %"] == 100
    assert np.allclose(table.sum(axis=1), 100, atol=0.2)
    shown = page03.show_exposures(changed, np.zeros((3, 8, 8, 3), np.uint8))
    assert (shown.metadata or {"alt": shown.alt})["alt"].endswith("both, both, both.")
