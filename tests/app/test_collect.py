"""Photographs collected from an engine that is a local server: what is kept, what is not, and where it is noted."""

import csv
import io
import json

import numpy as np
import pytest
from local_server import send, served
from PIL import Image

from clockodile.app import collect
from clockodile.app.cli import main

pytest.importorskip("icrawler")


def picture(seed: int, kind: str = "PNG", size: int = 48) -> bytes:
    """Random coarse pattern, in the bytes of a file."""
    pattern = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    Image.fromarray(pattern).resize((size, size), Image.BILINEAR).save(buffer := io.BytesIO(), kind)
    return buffer.getvalue()


FILES = {
    "one.png": picture(1),
    "one_smaller.jpg": picture(1, "JPEG", 40),  # a near-duplicate
    "two.png": picture(2),
    "text.jpg": b"<html>no picture</html>",
    "private/three.png": picture(3),  # forbidden
    "four.webp": picture(4, "WEBP"),
    "five.png": picture(5),
}


@pytest.fixture
def engine(monkeypatch):
    """The module with its engine on this machine; yields the paths that were asked for."""
    asked = []

    def answer(handler):
        path = handler.path.partition("?")[0]
        asked.append(handler.path)
        host = f"http://{handler.headers['Host']}"
        if path == "/robots.txt":
            send(handler, b"User-agent: *\nDisallow: /private/\n")
        elif path == "/api/" and "page=1&" in handler.path and "nothing" not in handler.path:
            results = [{"url": f"{host}/{name}", "license": "by", "license_version": "4.0"} for name in FILES]
            results[0] |= {"creator": "A. <b>Person</b>", "foreign_landing_url": "javascript:alert(1)"}
            results += [{"url": f"{host}/missing.png"}, {"url": "file:///etc/passwd"}]
            send(handler, json.dumps({"results": results}).encode())
        elif path == "/api/":
            send(handler, b"", code=404 if "nothing" not in handler.path else 200)
        elif path[1:] in FILES:
            send(handler, FILES[path[1:]])
        else:
            send(handler, b"", code=404)

    with served(answer) as at:
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr(collect, "ENGINE", at.url.replace("archive.tar.gz", "api/"))
        monkeypatch.setattr(collect, "PAUSE", 0.0)
        monkeypatch.setattr(collect, "PATIENCE", 1.0)
        yield asked


def words(out, *more):
    return ["collect", "coarse patterns", "--class", "cats", "--out", str(out), *more]


def test_what_can_be_used_is_kept_once_with_its_source(engine, tmp_path, capsys):
    assert main(words(tmp_path)) == 0
    kept = sorted(path.name for path in (tmp_path / "cats").iterdir())
    assert kept == ["0001.png", "0002.png", "0003.webp", "0004.png"]
    with open(tmp_path / "sources.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [f"cats/{name}" for name in kept]
    assert rows[0]["address"].endswith("/one.png") and rows[0]["licence"] == "by 4.0"
    said = capsys.readouterr().err
    for reason in ("1 shown by another", "1 not a usable picture", "1 forbidden by robots", "1 not to be had"):
        assert reason in said
    assert "/private/three.png" not in engine  # not even asked for
    page = (tmp_path / "review_cats_1.html").read_text("utf-8")
    assert page.count('type="checkbox"') == 4 and "cats/0003.webp" in page
    assert "<b>Person" not in page and "javascript:" not in page


def test_nothing_is_overwritten_and_nothing_collected_twice(engine, tmp_path):
    assert main(words(tmp_path, "--max", "2")) == 0
    (tmp_path / "cats" / "0007.png").write_bytes(b"mine")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert main(words(tmp_path, "--max", "1")) == 0
    assert (tmp_path / "cats" / "0008.webp").is_file()  # the first two are there already
    assert len(list((tmp_path / "cats").iterdir())) == 4 and (tmp_path / "review_cats_2.html").is_file()
    changed = [path.name for path, content in before.items() if path.read_bytes() != content]
    assert changed == ["sources.csv"]
    assert (tmp_path / "sources.csv").read_bytes().startswith(before[tmp_path / "sources.csv"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cats": "../cats"}, "is no name for a folder"),
        ({"coarse patterns": " "}, "the query is empty"),
        ({"coarse patterns": "nothing"}, "finds no pictures for 'nothing'"),
    ],
)
def test_a_wrong_word_ends_in_one_line(engine, tmp_path, capsys, change, message):
    assert main([change.get(word, word) for word in words(tmp_path)]) == 2
    assert message in capsys.readouterr().err


def test_an_engine_out_of_reach_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(collect, "ENGINE", "http://127.0.0.1:9/api/")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert main(words(tmp_path)) == 2
    assert "no connection to 127.0.0.1" in capsys.readouterr().err
