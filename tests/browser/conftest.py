"""The site as the tests in a browser see it: built once, and served."""

import importlib.util
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from chromium import PACKAGES, PATIENCE
from filelock import FileLock

from clockodile.app.demo import demo_server

ROOT = Path(__file__).parents[2]


def module(path: Path):
    """A module of the site's builder, which is no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture(scope="session")
def prepared() -> Path:
    """What the playground loads, as `make site` keeps it; made now if need be."""
    export = module(ROOT / "teaching" / "site" / "playground" / "export.py")
    (ROOT / "build").mkdir(exist_ok=True)
    with FileLock(ROOT / "build" / "playground.lock"):
        return export.prepare(PACKAGES / "onnxruntime-web", ROOT / "build" / "playground")


@pytest.fixture(scope="session")
def site(prepared, tmp_path_factory) -> Path:
    """The site, built once."""
    folder = tmp_path_factory.mktemp("site")
    module(ROOT / "teaching" / "site" / "build.py").build(folder, folder / "no decks", prepared)
    return folder


@pytest.fixture(scope="session")
def address(site) -> Iterator[str]:
    """Where the site is served."""
    with demo_server(site, 0) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def open_page(browser, address) -> Iterator:
    """open_page(path, width=..., dark=..., before=...): a page of the site that neither complains nor asks outside."""
    contexts, complaints = [], []

    def opened(path: str, *, width: int = 1100, dark: bool = False, before: str = ""):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", reduced_motion="reduce"
        )
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.asked, page.complaints = [], complaints
        page.on("console", lambda message: message.type in ("error", "warning") and complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        context.on("request", lambda request: page.asked.append(request.url))
        if before:
            page.add_init_script(before)
        page.goto(address + path)
        return page

    yield opened
    outside = [
        url
        for context in contexts
        for page in context.pages
        for url in page.asked
        if urlsplit(url).scheme not in ("data", "blob") and not url.startswith(address)
    ]
    for context in contexts:
        context.close()
    assert complaints == [] and outside == []
