"""nbval compares the printed facts of cells tagged nbval-check-output; warnings on stderr are not among them."""


def pytest_collectstart(collector):
    if collector.fspath and collector.fspath.ext == ".ipynb":
        collector.skip_compare += ("stderr",)
