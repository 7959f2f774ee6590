"""The rendered stand-in: drawings of clocks, crocodiles, neither and both, for want of a folder and network.

Imports point one way: colours and shapes, the pen, surfaces; parts of clocks and crocodiles, scenes; the kinds
of clock, crocodile, neither and both; the stand-in. Canvases are PIL images of side x side pixels, four times
larger than wanted, until the camera reduces them.
"""

from clockodile.data.rendered.stand_in import (
    render_background,
    render_clock,
    render_crocodile,
    render_hybrid,
    rendered_collection,
)

__all__ = ["render_background", "render_clock", "render_crocodile", "render_hybrid", "rendered_collection"]
