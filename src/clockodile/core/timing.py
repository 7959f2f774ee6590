"""A stopwatch."""

from collections.abc import Callable
from time import perf_counter
from typing import TypeVar

Made = TypeVar("Made")


def timed(make: Callable[..., Made], *words, **options) -> tuple[Made, float]:
    """What make(*words, **options) returns, and the seconds it took."""
    start = perf_counter()
    return make(*words, **options), perf_counter() - start
