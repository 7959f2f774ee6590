import io
import json

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from clockodile.core import atomic_files
from clockodile.show import plots


def contrast(colour: str) -> float:
    red, green, blue = plots.colour_values(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def save(run, name="test", **options):
    figure, ax = plots.new_figure(width=3, height=2)
    ax.plot([0, 1])
    about = {"title": "A line", "alt": "A rising line.", "notebook": "01"}
    return plots.save_figure(figure, name, run, **(about | options))


def test_the_two_class_colours_differ_in_a_grey_print():
    assert contrast(plots.class_colour(0)) - contrast(plots.class_colour(1)) > 80


def test_a_figure_is_written_described_and_closed(run):
    before = len(plt.get_fignums())
    shown = save(run)
    about = json.loads((run.dir / "figures" / "test.json").read_text())
    assert about == {"title": "A line", "alt": "A rising line.", "notebook": "01", "order": 1}
    assert Image.open(run.dir / "figures" / "test.png").size == Image.open(io.BytesIO(shown.data)).size
    assert shown.alt == "A rising line." and len(plt.get_fignums()) == before


def test_figures_keep_their_place_when_made_again(run):
    for name in ("first", "second", "first"):
        save(run, name)
    orders = {p.stem: json.loads(p.read_text())["order"] for p in (run.dir / "figures").glob("*.json")}
    assert orders == {"first": 1, "second": 2}


def test_figures_of_drawn_images_carry_their_stamp(run):
    plain = Image.open(io.BytesIO(save(run).data)).convert("RGB")
    atomic_files.write_json(run.dir / "data_card.json", {"source": {"stamp": "drawn stand-in"}})
    stamped = Image.open(io.BytesIO(save(run).data)).convert("RGB")
    red = plots.colour_values(plots.ALARM)
    count = [sum(n for n, c in image.getcolors(1 << 20) if c == red) for image in (plain, stamped)]
    assert count[0] == 0 and count[1] > 200


def test_published_figures_are_photographs_only(run, tmp_path, monkeypatch):
    monkeypatch.setenv("CLOCKODILE_PUBLISH", str(tmp_path))
    save(run, "photo")
    atomic_files.write_json(run.dir / "data_card.json", {"source": {"stamp": "drawn stand-in"}})
    save(run, "drawn")
    assert (tmp_path / "photo.png").exists() and not (tmp_path / "drawn.png").exists()


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


@pytest.mark.parametrize(
    ("name", "short"), [("clock/10092", "10092"), ("a/IMG_20240101_123456", "IMG_2…123456")]
)
def test_short_ids(name, short):
    assert plots.short_id(name) == short


def test_paper_is_white_on_the_page_and_colours_stay(tmp_path):
    random = np.random.default_rng(0)
    pixels = np.full((90, 90, 3), 255, np.uint8)
    pixels[:40] = random.integers(0, 256, (40, 90, 3))  # more colours than the page keeps
    pixels[40:45] = 251
    Image.fromarray(pixels).save(tmp_path / "many.png")
    shown = np.asarray(Image.open(io.BytesIO(plots.for_the_page(tmp_path / "many.png"))).convert("RGB"))
    assert (shown[50:] == 255).all()
    assert np.abs(shown[:40].astype(int) - pixels[:40]).mean() < 30
