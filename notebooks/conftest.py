"""nbval compares what cells print, not what libraries warn of on stderr."""


def pytest_collectstart(collector):
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr",)
