"""What all tests of data share."""

import pytest


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    """The tests' servers are local, whatever the machine is set up for."""
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
