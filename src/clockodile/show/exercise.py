"""Says whether the answer to an exercise is right, without telling the answer."""

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np


def check(answer, truth: Callable[[], Any], *, tolerance: float = 0.0) -> None:
    """Print one line about `answer`.

    answer: None while the exercise is open. truth: is asked only once there is an answer; returns a number, a bool, a
    string, or an array or list of these that the answer must equal. tolerance: how far each number may be off, 0 for
    exactly.
    """
    if answer is None:
        print("Not answered yet.")
        return
    answer, truth = np.asarray(answer), np.asarray(truth())
    if answer.shape != truth.shape:
        print(f"Not yet: the shape is {answer.shape}, it should be {truth.shape}.")
    elif not issubclass(truth.dtype.type, np.number):
        print("Right." if (answer == truth).all() else "Not yet.")
    elif not issubclass(answer.dtype.type, (np.number, np.bool_)):
        print("Not yet: a number is asked for.")
    elif np.allclose(answer, truth, rtol=0, atol=tolerance):
        print("Right.")
    elif isinstance(off := (answer - truth).tolist(), Real):
        print(f"Not yet: too {'high' if off > 0 else 'low'}.")
    else:
        print(f"Not yet: {np.isclose(answer, truth, rtol=0, atol=tolerance).mean():.0%} of the numbers are right.")
