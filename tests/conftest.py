"""What tests share: small data sets, made here and never read from a data folder, and a browser."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from chromium import CHROMIUM, PATIENCE, lacking
from made_photos import striped_dataset, with_noise, write_photos

from clockodile.core.workspace import Run, open_run
from clockodile.data.dataset import Dataset


@pytest.fixture
def data() -> Dataset:
    """120 images of two classes in five folds, every image a group of its own."""
    return striped_dataset()


@pytest.fixture
def whole(data) -> Dataset:
    """The same with sixty pictures of noise, of twenty kinds, as other things."""
    return with_noise(data)


@pytest.fixture
def photos(tmp_path) -> Path:
    """A folder with two classes of photos."""
    return write_photos(tmp_path / "my photos")


@pytest.fixture
def run(tmp_path, photos) -> Run:
    """An opened run on those photos."""
    return open_run(recipe="folder", data_dir=str(photos), run_dir=str(tmp_path / "run"))


@pytest.fixture
def drawn_and_closed(recwarn):
    """Whatever figure a test made must be drawable without a warning."""
    yield
    for number in plt.get_fignums():
        plt.figure(number).canvas.draw()
    plt.close("all")
    assert not [str(warning.message) for warning in recwarn.list]


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """A chromium that is installed, driven by playwright."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
        )
        yield launched
        launched.close()


def pytest_collection_modifyitems(config, items):
    """Where the browser or what it shows is missing, its tests are left out, and one line says so."""
    ours = [item for item in items if "browser" in item.fixturenames]
    if ours and (missing := lacking()):
        warnings.warn(f"the {len(ours)} tests in a browser are left out: no {missing}", stacklevel=1)
        config.hook.pytest_deselected(items=ours)
        items[:] = [item for item in items if item not in ours]
