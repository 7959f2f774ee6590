"""What stands behind the cells of notebook 04."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from clockodile.core.recipes import get_recipe
from clockodile.data.dataset import as_images
from clockodile.hybrids import page04
from clockodile.hybrids.generators.flow_of_run import set_into
from clockodile.hybrids.generators.table import GENERATORS
from clockodile.hybrids.quiz import make_quiz


def viewers(asked: str = "fresh") -> pd.DataFrame:
    """A row a source: shares as the mean over viewers, the range of "both", and every viewer's share of it."""
    answers = page04.answers().query("asked == @asked")
    shares = answers[["source"]].join(answers[list(page04.WORDS)].div(answers["shown"], axis=0))
    by_source = shares.assign(pictures=answers["shown"]).groupby("source", sort=False)
    both = by_source["both"]
    return by_source.mean().assign(both_low=both.min(), both_high=both.max(), both_each=both.agg(list))


@pytest.mark.parametrize("asked", ["fresh", "earlier", "joined"])
def test_answers_of_outside_viewers_are_shares_of_all_answers(asked):
    found = viewers(asked)
    assert (found[["first", "second", "both", "neither"]].sum(axis=1).round(6) == 1).all()
    assert found["both"].between(found["both_low"] - 1e-9, found["both_high"] + 1e-9).all()
    assert found["both_each"].map(len).min() >= 2 and found["pictures"].min() >= 12


def test_viewers_were_asked_about_methods_of_the_table():
    titles = {generator.title for generator in GENERATORS.values()} | {"photographs"}
    asked = set(viewers().index)
    assert len(asked & titles) >= 3


def test_the_teaching_folder_shows_what_was_answered():
    text = (Path(__file__).parents[2] / "teaching" / "viewers.md").read_text("utf-8")
    shown = {
        cells[0]: cells[1:]
        for line in text.splitlines()
        if line.startswith("| ") and len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 7
    }
    found = viewers()
    names = {"FIRST": "clock", "SECOND": "crocodile"}
    for source, row in found.iterrows():
        for old, new in names.items():
            source = source.replace(old, new)
        percent = [f"{100 * row[word]:.0f}" for word in page04.WORDS]
        ends = f"{100 * row['both_low']:.0f} to {100 * row['both_high']:.0f}"
        assert shown[source] == [*percent, ends, str(len(row["both_each"]))], source


@pytest.fixture
def page(monkeypatch):
    """A page whose figures are returned as they are."""
    monkeypatch.setattr(page04, "show_figure", lambda figure, *words: figure)
    run = SimpleNamespace(recipe=get_recipe("clocks_crocodiles"), seed=0)
    yield SimpleNamespace(run=run, everything=None, names=("clock", "crocodile"))
    plt.close("all")


def test_lines_of_pictures_are_as_long_as_they_are(page, data):
    rows = {"a long name that needs some lines": data.tensor()[:3], "b": data.images[:5]}
    figure = page04.show_rows(page, rows, "rows", "Title")
    assert len(figure.axes) == 2
    shapes = {ax.images[0].get_array().shape for ax in figure.axes}
    assert len(shapes) == 1, "the shorter line is filled with paper"
    words = figure.axes[0].texts[0].get_text()
    assert words.replace("\n", " ") == "a long name that needs some lines" and "\n" in words


def test_the_way_leads_through_every_mixture_to_one_of_three_photographs(page, data, monkeypatch):
    monkeypatch.setattr(page04, "parents", lambda run, everything, seeds: (data.tensor()[:3], None))
    (ax,) = page04.draw_the_way(page).axes
    assert len(ax.artists) == 9 and len(ax.lines) == 2
    assert "velocity" in ax.texts[-1].get_text()


def test_other_noises_lead_to_other_photographs_through_the_same_mixture(page, data, monkeypatch):
    monkeypatch.setattr(page04, "parents", lambda run, everything, seeds: (data.tensor()[:3], None))
    shown = []
    monkeypatch.setattr(page04, "as_images", lambda pictures: shown.append(pictures) or as_images(pictures))
    monkeypatch.setattr(page04, "to_unit", lambda pictures: pictures)
    page04.draw_the_way(page)
    middle, noises, photos = shown[0][2], shown[0][5:7], shown[0][7:]
    assert len(photos) == 2 and torch.allclose((noises + photos) / 2, middle.expand_as(photos), atol=1e-5)


def test_one_drawing_at_a_time_is_exchanged(page, data):
    data = replace(data, labels=np.arange(len(data)) % 2)
    background = SimpleNamespace(images=data.images[:30], word="other things")
    judged = SimpleNamespace(background=background, fold_background=np.arange(30) % 3)
    page.known = SimpleNamespace(train=data, held_out=np.arange(20), judged=judged)

    def one(label, seeds, *, guidance):
        asked.append((label, list(seeds), guidance))
        return torch.full((len(seeds), 3, 32, 32), 1 - label / 4)  # clocks are white, crocodiles and lizards grey

    asked, flow = [], SimpleNamespace(pair=(0, 1), classes=("clock", "crocodile", "lizard"), one=one)
    page.flow = flow
    page.made = {"flow_joined": (as_images(set_into(one(1, range(6), guidance=8), one(0, range(6), guidance=8))), 0.0)}
    asked.clear()
    found = page04.exchanged(page)
    assert len(found) == 6
    assert asked == [(label, list(range(6)), page04.STRONG) for label in (0, 1, 2)]
    drawn, photographed, clock_only, both_photographed, *_ = found.values()
    assert list(found)[:4] == [*page04.joined_kinds(page.names)]
    white = {kind: (pictures > 0.99).all(1).flatten(1).sum(1) for kind, pictures in found.items()}
    for kind in (*list(found)[:2], *list(found)[4:]):
        assert (white[kind] >= 60).all(), "a drawn clock stands in each"
    crocodiles = data.rows(np.arange(1, 20, 2)).tensor()
    for pictures in (photographed, both_photographed):
        rest = (pictures[0] - crocodiles[0]).abs().amax(0) < 0.01
        assert 0.7 < rest.float().mean() < 0.95, "and round it is the photograph"
    for pictures in (drawn, clock_only):
        assert ((pictures - 0.75).abs() < 0.01).all(1).float().mean() > 0.7, "and round it is the drawing"
    assert not torch.allclose(clock_only, drawn, atol=0.05)


@pytest.fixture
def found(page, monkeypatch):
    """Who called what both, where the judge calls everything both."""
    monkeypatch.setattr(page04, "evidence_for", lambda page, pictures: np.stack([pictures, pictures], 1))
    many = np.ones(40)
    page.made = {name: (many, 0.0) for name in ("half_and_half", "flow_placed", "flow_both")}
    evidence = np.repeat([[1.0, 0.2], [0.95, 0.9]], 20, axis=0)  # of two clocks the judge calls one both
    page.known = SimpleNamespace(judged=SimpleNamespace(evidence=evidence), held_out=np.arange(40))
    return page04.voices(page, {kind: many > 0 for kind in (*page04.joined_kinds(page.names), "asked of nobody")})


def test_judge_and_viewers_are_asked_about_the_same_pictures(found):
    said = page04.answers().query("source == @page04.JOINED")
    ours, theirs = (found[(found["kind"] == page04.JOINED) & mine] for mine in (judged(found), ~judged(found)))
    assert len(theirs) == said["viewer"].str[0].isin(page04.ROUNDS).sum() >= 4
    assert ours["both"].item() == ours["shown"].item() == theirs["shown"].max()
    assert "asked of nobody" not in set(found["kind"])


def test_photographs_of_both_classes_are_one_kind_the_first(found):
    assert found["kind"].iloc[0] == page04.PHOTOGRAPHS
    ours, theirs = (found[(found["kind"] == page04.PHOTOGRAPHS) & mine] for mine in (judged(found), ~judged(found)))
    assert ours["both"].item() == page04.MOST_SHOWN / 2 == ours["shown"].item() / 2
    said = page04.answers()
    said = said[said["source"].str.startswith("photographs") & said["viewer"].str[0].isin(page04.ROUNDS)]
    assert theirs["shown"].sum() == said["shown"].sum() and len(theirs) == said["viewer"].nunique()


def judged(found: pd.DataFrame) -> pd.Series:
    return found["who"] == page04.JUDGE


def test_the_figure_shows_each_kind_and_each_viewer(page, found):
    (ax,) = page04.viewers_figure(page, found).axes
    kinds = [label.get_text() for label in ax.get_yticklabels()]
    assert len(kinds) == found["kind"].nunique() == 8 and kinds[4].startswith(page04.JOINED)
    ticks = [line for line in ax.lines if line.get_marker() == "|" and len(line.get_xdata())]
    assert sum(len(line.get_xdata()) for line in ticks) == (~judged(found)).sum()


def test_the_square_of_drawn_and_photographed(page, found):
    table = page04.two_by_two(page, found)
    mean = found[found["who"] == page04.ROUNDS["w"]].assign(share=lambda said: 100 * said["both"] / said["shown"])
    mean = mean.groupby("kind")["share"].mean()
    drawn, photographed = mean[page04.JOINED], mean["drawn clock, photographed crocodile"]
    assert table.loc["clock drawn", "crocodile photographed"].startswith(f"{photographed:.0f} (")
    assert table.loc["clock drawn", "difference"] == f"{photographed - drawn:+.0f}"
    below = f"{mean['photographed clock and crocodile'] - photographed:+.0f}"
    assert table.loc["difference", "crocodile photographed"] == below


def test_viewers_of_a_block_were_shown_as_many_pictures_of_each_kind():
    said = page04.answers()
    shown = said.groupby([said["viewer"].str[0], "asked", "source"])["shown"]
    assert (shown.nunique() == 1).all()


def test_a_net_is_followed_beside_the_best_guess(page):
    class Still(torch.nn.Module):
        def forward(self, x):
            return 0 * x[:, :1]

    (ax,) = page04.one_pixel_learned(page, Still()).axes
    walks = [line.get_ydata() for line in ax.lines if line.get_linestyle() == "--" and len(line.get_xdata()) > 2]
    assert len(walks) == 12 and all(np.ptp(walk) == 0 for walk in walks)


def test_walks_of_one_pixel_end_at_photographs(page):
    (ax,) = page04.one_pixel(page).axes
    ends = np.array([line.get_ydata()[-1] for line in ax.lines if len(line.get_xdata()) > 2])
    dots = next(line for line in ax.lines if line.get_marker() == "o" and len(line.get_xdata()) == 1)
    ways = [line.get_ydata() for line in ax.lines if line.get_linestyle() == ":" and len(line.get_xdata()) == 2]
    assert [np.mean(way).round(9) for way in ways] == [dots.get_ydata()[0]] * 2 == [0.4] * 2, "both cross there"
    assert len(ends) == 12 and np.allclose(abs(ends), 1, atol=0.02)
    assert {*np.sign(ends)} == {1, -1}


def test_what_viewers_said_of_clocks_is_not_shown_of_other_pictures(capsys):
    page = SimpleNamespace(run=SimpleNamespace(recipe=get_recipe("folder")))
    assert page04.voices(page, {}) is None
    assert page04.viewers_figure(page, None) is None and page04.two_by_two(page, None) is None
    assert "clocks and crocodiles" in capsys.readouterr().out


def test_answers_stand_beside_those_of_the_judge_source_by_source(page, data, monkeypatch, capsys):
    asked = make_quiz(data.images[:8], np.repeat(["drawn", "pasted"], 4), page.names, seed=0)
    monkeypatch.setattr(
        page04, "judge_words", lambda page, quiz: ["both" if s == "drawn" else "clock" for s in quiz.sources]
    )
    table = page04.compare_with_judge(page, asked, asked.table({}))
    assert table.loc["drawn"].tolist() == [4, 4, ""] and table.loc["pasted"].tolist() == [4, 0, ""]
    assert "no answers yet" in capsys.readouterr().out
    mine = asked.table({number: "both" if number < 3 else "clock" for number in range(1, 9)})
    table = page04.compare_with_judge(page, asked, mine)
    assert table["both, you"].sum() == 2 and "kappa" in capsys.readouterr().out


def test_the_quiz_asks_about_methods_of_the_table():
    assert set(page04.ASKED) <= set(GENERATORS)


def test_the_table_for_the_page_has_names_of_the_classes_and_percents():
    row = {"first": 0.5, "second": 0.25, "both": 0.125, "both_low": 0.0, "both_high": 0.3}

    class Names:
        names = ("cat", "dog")

    shown = page04.readable(Names, pd.DataFrame([row], index=["blend"]))
    assert shown.loc["blend", "evidence cat"] == 0.5 and shown.loc["blend", "evidence dog"] == 0.25
    assert shown.loc["blend", "judged both, %"] == "13 (0 to 30)"


@pytest.mark.parametrize(
    "number, answer, right",
    [(1, [1, -1, 0], True), (1, [1, 1, 0], False), (2, 4.0, True), (2, 3.9, False), (3, 0.47, True)],
)
def test_exercises_are_checked_without_giving_the_answer(number, answer, right, capsys):
    given = {"photos": torch.full((2, 3), 2.0), "noise": torch.zeros(2, 3)}
    page04.check_exercise(number, answer, None, **given)
    said = capsys.readouterr().out
    assert ("Right" in said) == right and (right or "4.0" not in said)
