"""What notebook 02 does besides with the data of one recipe: a module each, whose `show(run)` displays it."""

from collections.abc import Callable, Mapping
from functools import wraps

from IPython.display import Markdown, display

from clockodile.core import store
from clockodile.core.stats import wilson_interval
from clockodile.core.workspace import Run


def say(*lines: str) -> None:
    """Show a paragraph of Markdown."""
    display(Markdown(" ".join(lines)))


def percent(share: float, count: int = 0) -> str:
    """0.6 as "60.0 %"; of `count` images, with its 95 % interval."""
    low, high = wilson_interval(share, count)
    return f"{100 * share:.1f} %" + (f" (95 % interval {100 * low:.1f} to {100 * high:.1f})" if count else "")


def kept(run: Run, config: Mapping, make: Callable, *given):
    """What `make(*given)` returns, an object of JSON types, made once for each `config` (JSON types) and code."""

    @wraps(make)  # it is the study's code that counts
    def made():
        print(f"now: {make.__name__}", flush=True)
        return make(*given)

    config = {"seed": run.seed, "effort": run.profile.effort, **config}
    return store.cached(run.dir, f"studies/{make.__name__}.json", config, made)
