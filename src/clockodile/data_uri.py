"""Pictures inside a page: an address that holds the whole file, so that the page opens offline."""

from __future__ import annotations

import base64


def data_uri(content: bytes, kind: str) -> str:
    """The picture itself as an address; kind: its media type, such as image/png."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
