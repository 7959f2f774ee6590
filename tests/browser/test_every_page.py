"""Every page of the site in a browser: quiet, on its own, as wide as a phone, and usable by everybody."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.slow
BUILD = Path(__file__).parents[2] / "build"
AXE = BUILD / "npm-playground" / "node_modules" / "axe-core" / "axe.min.js"
SCREENSHOTS = BUILD / "screenshots"
PHONE = 390  # pixels


def violations(page: Page) -> list[str]:
    """What axe-core holds against a page as it stands: rule, and the first place."""
    if not page.evaluate("'axe' in window"):
        page.add_script_tag(path=AXE)
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
    return [
        f"{rule['id']}: {len(rule['nodes'])}, {rule['nodes'][0]['target']} {rule['nodes'][0]['html'][:160]}"
        for rule in found
    ]


def overhang(page: Page) -> int:
    """Pixels by which a page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def test_pages_fit_a_phone_and_nobody_is_shut_out(open_page, site, address):
    paths = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    assert len(paths) > 12
    page, wide, held_against = open_page("index.html", width=PHONE), {}, {}
    for path in paths:
        page.goto(address + path)
        wide[path], held_against[path] = overhang(page), violations(page)
    assert {path: by for path, by in wide.items() if by > 0} == {}
    assert {path: found for path, found in held_against.items() if found} == {}


def test_the_playground_in_full_swing(open_page):
    page = open_page("playground.html")
    page.click("#examples button >> nth=0")
    page.wait_for_selector("#said [data-value]")
    page.click("#ask-judge")
    page.click("#victims button >> nth=4")
    page.wait_for_selector("#epsilon:enabled")
    page.fill("#epsilon", "8")
    page.fill("#mix", "0.5")
    page.click("#walk .main")
    page.wait_for_selector("#plane circle")
    page.click("#quiz button")
    page.wait_for_function("document.getElementById('walk-said').textContent.startsWith('Done')")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    found = {}
    for look in ("light", "dark"):
        for width in (1100, PHONE):
            page.emulate_media(color_scheme=look)
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=SCREENSHOTS / f"playground-{width}-{look}.png", full_page=True)
            found[look, width] = violations(page) + [f"{overhang(page)} too wide"] * (overhang(page) > 0)
    assert {at: held for at, held in found.items() if held} == {}
