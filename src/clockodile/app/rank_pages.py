"""A finished ranking as a table and as a page."""

from __future__ import annotations

import html
import io
import json
import sqlite3
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from clockodile.app.rank_store import ranked
from clockodile.app.ranker import Ranker
from clockodile.classify.predictions import quoted
from clockodile.core.results import data_uri
from clockodile.data.files import InvalidImage, read_image
from clockodile.data.scan import printable

SIDE = 96  # pixels of a picture in the page


def csv_lines(ranker: Ranker, store: sqlite3.Connection) -> Iterator[str]:
    """The table, line by line: path,rank,score,quadrant,reason, then p_ and evidence_ of every class."""
    names = [f"{kind}_{name}" for kind in ("p", "evidence") for name in ranker.classes]
    yield ",".join(map(quoted, ["path", "rank", "score", "quadrant", "reason", *names])) + "\n"
    for rank, (path, score, quadrant, reason, numbers) in enumerate(ranked(store), 1):
        values = [f"{value:.4f}" for part in json.loads(numbers) for value in part]
        yield ",".join(map(quoted, [path, str(rank), f"{score:.4f}", quadrant, reason, *values])) + "\n"


def page(ranker: Ranker, top: Sequence[tuple[str, float, str, str]]) -> str:
    """One HTML file with the first images inside; opens offline."""
    first, second = (html.escape(ranker.classes[label]) for label in ranker.pair)
    cards = "\n".join(
        f'<figure><img src="{picture(path, ranker.image_size)}" alt=""><figcaption><b>{rank}. {score:.3f} '
        f"{html.escape(quadrant)}</b><br>{html.escape(printable(path))}<br><small>{html.escape(reason)}</small>"
        "</figcaption></figure>"
        for rank, (path, score, quadrant, reason) in enumerate(top, 1)
    )
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{first} and {second}</title><style>
:root {{ color-scheme: light dark }} body {{ font: 15px/1.4 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto;
padding: 0 1rem }} main {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: 1rem }}
figure {{ margin: 0 }} img {{ width: {SIDE}px; height: {SIDE}px; image-rendering: pixelated; border-radius: 4px }}
figcaption {{ overflow-wrap: anywhere; font-size: 13px }} small {{ opacity: 0.75 }}</style>
<h1>Most like {first} and {second} at once</h1>
<p>Score: the smaller of the two evidences. Evidence for a class: the share of pictures of other things that look less
like it, as a frozen ImageNet network sees it.</p>
<main>{cards}</main></html>
"""


def picture(path: str, size: int) -> str:
    """An image as the nets saw it, as a data URL; a blank one when the file has gone since it was judged."""
    try:
        pixels = read_image(path, size)[0]
    except InvalidImage:
        pixels = np.full((size, size, 3), 200, np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return data_uri(buffer.getvalue(), "image/png")
