"""The package on its own: what it needs, what its wheel carries, and that it works away from the checkout."""

import ast
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from made_photos import write_photos
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image, ImageDraw

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
DIRECT = {canonicalize_name(Requirement(line).name): Requirement(line) for line in PROJECT["dependencies"]}


def requirements_locked() -> list[Requirement]:
    lines = (line.partition("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines())
    return [Requirement(line) for line in lines if line]


def imported_by(path: Path) -> set[str]:
    """Top-level names of everything a module imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module.partition(".")[0])
    return names - {"clockodile"} - sys.stdlib_module_names


def test_every_import_is_a_declared_dependency():
    by_import = packages_distributions()
    optional = {
        canonicalize_name(Requirement(line).name)
        for line in PROJECT["optional-dependencies"]["cluster"] + ["dask"]  # which `distributed` brings along
    }
    missing = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / "src").rglob("*.py")
        for name in imported_by(path)
        if not {canonicalize_name(found) for found in by_import.get(name, [name])} & (optional | set(DIRECT))
    }
    assert missing == set()


def test_the_lock_holds_every_dependency_in_a_version_that_is_allowed():
    locked = {canonicalize_name(line.name): line for line in requirements_locked()}
    extras = PROJECT["optional-dependencies"]
    asked = [*DIRECT.values(), *(Requirement(line) for name in extras if name != "bench" for line in extras[name])]
    for requirement in asked:
        (pin,) = locked[canonicalize_name(requirement.name)].specifier
        assert pin.operator == "==" and requirement.specifier.contains(pin.version), requirement.name


def test_the_lock_is_complete():
    """What the locked packages ask for here is locked as well; torch itself names its GPU libraries' versions."""
    locked = {canonicalize_name(line.name) for line in requirements_locked()}
    for name in sorted(locked):
        try:
            needed = [Requirement(line) for line in requires(name) or []]
        except PackageNotFoundError:  # of another system
            continue
        here = [need for need in needed if need.marker is None or need.marker.evaluate({"extra": ""})]
        names = {canonicalize_name(need.name) for need in here}
        gpu = {other for other in names if other.startswith(("nvidia-", "cuda-", "triton"))}
        assert names - gpu <= locked, name


# --- the wheel ---------------------------------------------------------------------------------------------


def tracked_or_new() -> list[str]:
    """Paths of what a clean checkout with the changes at hand would hold."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy, so that nothing is left in the checkout."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in tracked_or_new():
        if not name.startswith(("tests/", "images4report/")):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--wheel-dir", built, source], check=True)
    (path,) = built.glob("clockodile-*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The `clockodile` program of a fresh environment that borrows everything else from this one: no network needed."""
    home = tmp_path_factory.mktemp("fresh")
    venv.create(home, with_pip=False)
    paths = {"base": str(home), "platbase": str(home)}
    Path(sysconfig.get_path("purelib", "venv", paths), "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    scripts = Path(sysconfig.get_path("scripts", "venv", paths))
    pip = [sys.executable, "-m", "pip", "--python", str(home), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, wheel], check=True)
    return scripts / "clockodile"


def away(program: Path, folder: Path, *words: str) -> subprocess.CompletedProcess:
    """What the program does in `folder`, with nothing that points to the checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CLOCKODILE", "PYTHON"))}
    return subprocess.run([program, *words], cwd=folder, env=kept, capture_output=True, text=True)


@pytest.mark.slow
def test_the_wheel_carries_all_of_the_package_and_the_notebooks(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    package = {name.removeprefix("src/") for name in tracked_or_new() if name.startswith("src/clockodile/")}
    notebooks = {f"clockodile/notebooks/{path.name}" for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert package | notebooks <= names and len(notebooks) == 4
    assert not [name for name in names if name.startswith(("tests", "benchmarks", "notebooks"))]


@pytest.mark.slow
def test_an_installed_program_predicts_away_from_the_checkout(installed, tmp_path):
    picture = Image.new("RGB", (64, 64), "white")
    ImageDraw.Draw(picture).ellipse((8, 8, 56, 56), fill="ivory", outline="black", width=4)
    picture.save(tmp_path / "dial.png")
    done = away(installed, tmp_path, "predict", "--pretrained", "dial.png")
    assert done.returncode == 0, done.stderr
    assert "dial.png" in done.stdout and "clock" in done.stdout


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_an_installed_program_runs_a_notebook_away_from_the_checkout(installed, tmp_path):
    write_photos(tmp_path / "photos")
    done = away(installed, tmp_path, "run", "--only", "01", "--data-dir", "photos")
    assert done.returncode == 0, done.stderr
    (report,) = (tmp_path / "runs").glob("*/report.html")
    assert "striped" in report.read_text("utf-8")
