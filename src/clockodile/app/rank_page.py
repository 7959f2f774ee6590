"""The first images of a ranking as a page that opens offline."""

from __future__ import annotations

import html
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

import numpy as np
from PIL import Image

from clockodile.ambiguous.evidence import LENIENT
from clockodile.core.results import data_uri
from clockodile.data.files import InvalidImage, read_image
from clockodile.data.scan import printable

if TYPE_CHECKING:
    from clockodile.app.rank import Ranker

SIDE = 96  # pixels of a picture in the page


class RankedImage(NamedTuple):
    """One image of the ranking."""

    path: str
    score: float  # 0 to 1, higher = more of both
    quadrant: str  # "both", "neither" or a class's name
    reason: str


def corner(quadrant: str) -> str:
    """The corner in words that cannot be mistaken: "clock" alone might mean what the picture shows."""
    return quadrant if quadrant in ("both", "neither") or quadrant.startswith("only ") else f"only {quadrant}"


def page(ranker: Ranker, top: Sequence[RankedImage], *, total: int, both: int, folder: Path) -> str:
    """One HTML file with the first images inside, linked to their files.

    total: images ranked; both: those with evidence for both classes; folder: where the page will lie.
    """
    first, second = (html.escape(printable(ranker.predictor.classes[label])) for label in ranker.pair)
    cards = "\n".join(card(row, rank, ranker.image_size, folder) for rank, row in enumerate(top, 1))
    note = f"<p><b>Note:</b> {html.escape(ranker.note)}</p>" if ranker.note else ""
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{first} and {second}</title><style>
:root {{ color-scheme: light dark }} body {{ font: 15px/1.4 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto;
padding: 0 1rem }} main {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: 1rem }}
figure {{ margin: 0 }} img {{ width: {SIDE}px; height: {SIDE}px; image-rendering: pixelated; border-radius: 4px }}
figcaption {{ overflow-wrap: anywhere; font-size: 13px }}</style>
<h1>Most like {first} and {second} at once</h1>
<p>The first {len(top)} of {total} images; {both} of {total} are "both": evidence of {LENIENT:.2f} or more for each of
the two classes. Score: the smaller of the two evidences. Evidence for a class: the share of pictures of other things
that look less like it to the judge, probes on the frozen network {html.escape(ranker.network)}.</p>{note}
<main>{cards}</main></html>
"""


def card(row: RankedImage, rank: int, size: int, folder: Path) -> str:
    """One picture with its number, score, corner, file and reason."""
    name, said = html.escape(printable(row.path)), html.escape(f"{row.score:.3f} {corner(row.quadrant)}")
    target = quote(os.fsencode(os.path.relpath(row.path, folder)))
    return (
        f'<figure><a href="./{target}"><img src="{thumbnail(row.path, size)}" alt="{name}, number {rank}: {said}"></a>'
        f'<figcaption><b>{rank}. {said}</b><br><a href="./{target}">{name}</a><br>{html.escape(row.reason)}'
        "</figcaption></figure>"
    )


def thumbnail(path: str, size: int) -> str:
    """An image as the nets saw it, as a data URL; a blank one when the file has gone since it was judged."""
    try:
        pixels = read_image(path, size)[0]
    except InvalidImage:
        pixels = np.full((size, size, 3), 200, np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return data_uri(buffer.getvalue(), "image/png")
