import io
import json
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image, ImageColor

from clockodile.core import atomic_files
from clockodile.show import plots


def contrast(colour: str) -> float:
    red, green, blue = ImageColor.getrgb(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def save(run, name="test", **options):
    figure, ax = plots.new_figure(width=3, height=2)
    ax.plot([0, 1])
    about = {"title": "A line", "alt": "A rising line.", "notebook": "01"}
    return plots.save_figure(figure, name, run, **(about | options))


def test_the_two_class_colours_differ_in_a_grey_print():
    assert contrast(plots.class_colour(0)) - contrast(plots.class_colour(1)) > 80


@pytest.fixture
def another_look():
    """A caller's own settings, unlike the project's."""
    with plt.rc_context({"axes.titlesize": 30, "font.family": "monospace", "axes.titlelocation": "right"}):
        yield dict(plt.rcParams)


def test_a_callers_style_is_neither_changed_nor_taken(run, data, another_look):
    figure, ax = plots.new_figure()
    ax.set_title("a title of $5")
    assert ax.get_title(loc="left") == "a title of $5" and ax.title.get_text() == ""
    assert ax.text(0, 0, "$x$").get_parse_math() is False
    assert ax._left_title.get_fontsize() == plots.STYLE["axes.titlesize"]
    figure.canvas.draw()
    assert ax.get_xticklabels()[0].get_fontfamily()[0] == "DejaVu Sans"
    plt.close(figure)
    save(run)
    plots.tile_figure(data.images[:2], columns=2, title="tiles")
    assert dict(plt.rcParams) == another_look


def test_letters_without_a_font_are_escapes_not_boxes(run):
    figure, ax = plots.new_figure(width=3, height=2)
    ax.set_title("\U00012000 é")  # cuneiform: in no font of the list
    ax.bar(["\U00012001", "b"], [1, 2])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.canvas.draw()
    assert ax.get_title(loc="left") == "\\U00012000 é"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["\\U00012001", "b"]
    plt.close(figure)


def test_other_warnings_of_a_drawing_are_passed_on():
    figure, ax = plots.new_figure(width=0.2, height=0.2)
    ax.set_ylabel("a label far too long for so small a figure")
    with pytest.warns(UserWarning, match="constrained_layout"):
        figure.canvas.draw()
    plt.close(figure)


def record(run, notebook="01"):
    return json.loads((run.dir / "figures" / f"{notebook}.json").read_text())["figures"]


def test_a_figure_is_written_described_and_closed(run):
    before = len(plt.get_fignums())
    shown = save(run)
    assert record(run) == [{"name": "test", "title": "A line", "alt": "A rising line.", "pictures": False}]
    assert Image.open(run.dir / "figures" / "test.png").size == Image.open(io.BytesIO(shown.data)).size
    assert shown.alt == "A rising line." and len(plt.get_fignums()) == before


def test_the_record_holds_what_this_run_of_a_notebook_wrote(run, monkeypatch):
    for name in ("first", "second", "first"):
        save(run, name)
    save(run, "other", notebook="02")
    assert [about["name"] for about in record(run)] == ["first", "second"], "each keeps its place"
    monkeypatch.setattr(plots, "WRITTEN", {})  # as a new process has it
    save(run, "third")
    assert [about["name"] for about in record(run)] == ["third"]
    assert [about["name"] for about in record(run, "02")] == ["other"]


def test_photographs_keep_more_colours_than_charts(run, data):
    figure = plots.tile_figure(data.images[:8], columns=4)
    shown = plots.save_figure(figure, "tiles", run, title="t", alt="a", notebook="01")
    assert record(run)[0]["pictures"]
    colours = [len(Image.open(io.BytesIO(image.data)).getcolors()) for image in (shown, save(run))]
    assert colours[0] > 96 >= colours[1]


def test_figures_of_drawn_images_carry_their_stamp(run):
    plain = Image.open(io.BytesIO(save(run).data)).convert("RGB")
    atomic_files.write_json(run.dir / "data_card.json", {"source": {"stamp": "drawn stand-in"}})
    stamped = Image.open(io.BytesIO(save(run).data)).convert("RGB")
    red = ImageColor.getrgb(plots.ALARM)
    count = [sum(n for n, c in image.getcolors(1 << 20) if c == red) for image in (plain, stamped)]
    assert count[0] == 0 and count[1] > 200


def test_an_alt_text_must_be_short(run):
    with pytest.raises(ValueError, match="alt text of 'test' has 301"):
        save(run, alt="x" * 301)


def test_tiles_stand_where_they_should():
    images = np.stack([np.full((4, 6, 3), value, np.uint8) for value in (10, 20, 30)])
    sheet = plots.image_sheet(images, 2, gaps=(3, 1))
    assert sheet.shape == (2 * 7, 2 * 7, 3)
    assert sheet[0, 0, 0] == 10 and sheet[0, 7, 0] == 20 and sheet[7, 0, 0] == 30
    assert (sheet[7:, 7:] == 255).all() and (sheet[4:7] == 255).all()


def test_a_dollar_in_a_file_name_is_no_formula(data):
    figure = plots.tile_figure(data.images[:2], columns=2, captions=["$a_b$", "$x"], title="$100 photos$")
    figure.canvas.draw()
    plt.close(figure)


@pytest.mark.parametrize(("name", "short"), [("clock/10092", "10092"), ("a/IMG_20240101_123456", "IMG_2…123456")])
def test_short_ids(name, short):
    assert plots.short_id(name) == short


def test_paper_is_white_on_the_page_and_colours_stay(tmp_path):
    random = np.random.default_rng(0)
    pixels = np.full((90, 90, 3), 255, np.uint8)
    pixels[:40] = random.integers(0, 256, (40, 90, 3))  # more colours than the page keeps
    pixels[40:45] = 251
    Image.fromarray(pixels).save(tmp_path / "many.png")
    shown = np.asarray(Image.open(io.BytesIO(plots.for_the_page(tmp_path / "many.png", 96))).convert("RGB"))
    assert (shown[50:] == 255).all()
    assert np.abs(shown[:40].astype(int) - pixels[:40]).mean() < 30
