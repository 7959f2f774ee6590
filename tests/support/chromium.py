"""Whether this machine has a browser for tests, and what else those of the site need."""

import importlib.util
import shutil
from pathlib import Path

PACKAGES = Path(__file__).parents[2] / "build" / "npm-playground" / "node_modules"  # `make` fetches them
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
PATIENCE = 120_000  # milliseconds until something has to be there, on a busy machine


def lacking() -> str:
    """What has to be installed before these tests can run, and how; empty if nothing has."""
    if CHROMIUM is None:
        return "chromium (Debian: apt install chromium)"
    if not (PACKAGES / "onnxruntime-web" / "package.json").is_file():
        return "onnxruntime-web (`make site` fetches it, with npm)"
    return "" if importlib.util.find_spec("playwright") else "playwright (requirements.txt)"
