"""A flow and guides that train in a second."""

from clockodile.classify.training import Plan
from clockodile.hybrids import generator, guides, practice
from clockodile.hybrids.flow import FlowPlan

TINY_FLOW = FlowPlan(steps=4, batch=8, widths=(8, 16), depth=1)
TINY_GUIDES = Plan(epochs=1)
TINY_PRACTICE = practice.Practice(
    drawn=(5, 4), kept=3, plan=FlowPlan(steps=2, batch=8, others=0.15, both=0.45), steps=2
)


def use_tiny_plans(monkeypatch) -> None:
    """Both profiles train these."""
    for profile in ("quick", "full"):
        monkeypatch.setitem(generator.PLANS, profile, TINY_FLOW)
        monkeypatch.setitem(guides.PLANS, profile, TINY_GUIDES)
        monkeypatch.setitem(practice.PRACTICES, profile, TINY_PRACTICE)
