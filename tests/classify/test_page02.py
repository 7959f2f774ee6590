from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from clockodile.classify import page02
from clockodile.core.stats import summary


def test_a_picture_is_found_by_its_name_or_the_first_is_taken(data):
    assert page02.row_of(data, data.ids[7]) == 7 and page02.row_of(data, "nobody/1") == 0


def test_curves_are_kept_when_nobody_watches_and_drawn_when_somebody_does(monkeypatch):
    monkeypatch.setenv("CLOCKODILE_HEADLESS", "1")
    kept = page02.LiveCurves("plain", 2)
    kept(0.5, 0.4)
    assert kept.rows == [(0.5, 0.4)] and kept.screen is None
    monkeypatch.delenv("CLOCKODILE_HEADLESS")
    shown = []
    monkeypatch.setattr(page02, "display", shown.append)
    live, drawn = page02.LiveCurves("plain", 2), []
    for row in ((0.5, 0.4), (0.9, 0.8)):
        live(*row)
        drawn.append(shown[0].value)
    assert drawn[0].startswith("<img alt=") and drawn[0] != drawn[1]


def test_maps_are_alike_when_they_name_the_same_pixels_first():
    maps = torch.rand(4, 8, 8, generator=torch.Generator().manual_seed(0))
    assert page02.rank_correlation(maps, maps**3) == pytest.approx(1)
    assert page02.rank_correlation(maps, 1 - maps) == pytest.approx(-1)
    assert abs(page02.rank_correlation(maps, maps.roll(1, 0))) < 0.3


@pytest.fixture
def compared():
    """Two rows of a comparison, five folds each."""
    scores = {"nearest_neighbour": np.full((1, 5), 0.8), "compact": np.linspace(0.9, 1, 5)[None]}
    table = pd.DataFrame(
        [{"model": name, "title": name, "scores": found, **summary(found)} for name, found in scores.items()]
    )
    runs = pd.DataFrame(
        {"model": np.repeat(table["model"], 5), "source": "here", "log_loss": 0.3, "parameters": 1000}
    ).assign(train_accuracy=1.0)
    return table, runs


def test_a_method_that_only_names_a_class_has_no_loss(compared):
    table = page02.results_table(*compared)
    assert table["loss"].tolist() == ["–", "0.30"] and table["accuracy, %"].tolist() == ["80.0", "95.0"]
    assert table["from"].tolist() == ["here"] * 2


def test_the_lead_is_said_in_a_line_if_there_is_another_row(compared, capsys):
    page02.print_lead(compared[0], "frozen")
    page02.print_lead(compared[0], "compact")
    assert not capsys.readouterr().out
    page02.print_lead(compared[0], "nearest_neighbour")
    assert capsys.readouterr().out.startswith("ours minus nearest_neighbour: +15.0 points")


def test_refusing_keeps_the_surest():
    probability = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.45, 0.55]])
    assert page02.refusing(np.array([0, 0, 0, 1]), probability, 0.0) == 75
    assert page02.refusing(np.array([0, 0, 1, 0]), probability, 0.5) == 100


class Left(nn.Module):
    """Names the class by the brighter half of the picture."""

    def __init__(self):
        super().__init__()
        self.unused = nn.Linear(3, 2)

    def forward(self, images):
        return torch.stack([half.mean((1, 2, 3)) for half in images.chunk(2, dim=3)], 1)


def test_exercises_know_what_is_right_and_do_not_tell(data, capsys):
    grey = torch.rand(8, 8)
    kernel = torch.tensor([[-1.0, 0.0, 1.0]] * 3)
    turned = float((grey[3, 3:6] + 0).sum() - grey[1, 3:6].sum())
    images = data.tensor()
    labels, probability = np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]])
    raw = np.array([[2.0, 0], [0, 1.0], [1.0, 0]])
    right = [
        (1, 8, (Left(),)),
        (2, 0.37, ()),
        (3, turned, (grey, kernel, 2, 4)),
        (4, 100.0, (labels, probability, 0.1)),
        (5, page02.fit_temperature(raw, np.array([0, 1, 1])), (raw, np.array([0, 1, 1]))),
        (6, page02.agreement(Left(), images, images.flip(3)), (Left(), images, images.flip(3))),
    ]
    assert [number for number, *_ in right] == list(page02.TRUTHS)
    for number, answer, given in right:
        page02.check_exercise(number, None, *given)
        page02.check_exercise(number, answer, *given)
        page02.check_exercise(number, answer + 5, *given)
        said = capsys.readouterr().out.splitlines()
        assert said[:2] == ["Not answered yet.", "Right."] and said[2].startswith("Not yet")


def test_errors_are_shown_even_when_there_are_none(run, data):
    run.dir.mkdir(parents=True)
    sure = np.eye(2)[data.labels]
    shown = page02.show_errors(run, replace(data, fold=np.arange(len(data)) % 2), [Left(), Left()], sure)
    assert shown.data.startswith(b"\x89PNG") and (run.dir / "figures" / "errors.png").is_file()
