"""What pyproject.toml cannot say: the notebooks travel in the wheel, as clockodile/notebooks."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class WithNotebooks(build_py):
    """Copies notebooks/*.ipynb into the package being built; an editable install uses those of the checkout."""

    def run(self):
        super().run()
        if self.editable_mode:
            return
        carried = Path(self.build_lib) / "clockodile" / "notebooks"
        carried.mkdir(parents=True, exist_ok=True)
        for notebook in sorted(Path("notebooks").glob("*.ipynb")):
            shutil.copyfile(notebook, carried / notebook.name)


setup(cmdclass={"build_py": WithNotebooks})
