"""`clockodile collect`: photographs for one class from a search engine, with licences, for a person to look through.

The engine is Openverse, which finds openly licensed pictures and says whose they are. icrawler (the extra `collect`)
runs its pages; pictures are fetched one at a time, not faster than their server allows.
"""

import argparse
import csv
import datetime
import html
import importlib
import importlib.util
import logging
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit
from urllib.robotparser import RobotFileParser

import numpy as np
import requests
from PIL import Image

import clockodile
from clockodile.app.output import make_writable, only_writer, print_stderr, write_stdout
from clockodile.core.download import PATIENCE, failure
from clockodile.core.errors import UserError
from clockodile.data.duplicates import twins_of
from clockodile.data.files import InvalidImage, read_image, read_images
from clockodile.data.scan import SUFFIXES, hidden, scan_folder

ENGINE = "https://api.openverse.org/v1/images/"
AGENT = f"clockodile/{clockodile.__version__}"
PER_PAGE = 20  # results; more only with a key
PAUSE = 1.0  # seconds between two pictures from one server, unless its robots.txt asks for more
LONGEST_PAUSE = 30.0  # seconds; a server that asks for more is left alone
LARGEST = 30_000_000  # bytes of a picture
SIDE = 32  # pixels a side at which pictures are compared
TABLE = "sources.csv"  # in the folder that holds the classes
COLUMNS = ("file", "address", "page", "licence", "creator", "title", "query", "collected")


class LeftOut(Exception):
    """A picture that is not kept; the text is why, in a few words."""


def collect_command(args: argparse.Namespace) -> int:
    """Do what the command line asks. Returns 0, or 1 when nothing was kept. Raises UserError for a wrong argument."""
    name, out = args.name, Path(args.out)
    if not args.query.strip():
        raise UserError("the query is empty; give words to look for")
    if not name.strip() or hidden(name) or Path(name).name != name:
        raise UserError(f"--class '{name}' is no name for a folder; give one word, such as cats")
    if importlib.util.find_spec("icrawler") is None:
        raise UserError(f"collect needs icrawler; install it: {sys.executable} -m pip install icrawler")
    make_writable(out / name)
    with only_writer(out):
        check_engine(args.query)
        basket = Basket(out, name, args.query)
        crawl(args.query, basket, args.most)
        counts = ", ".join(f"{count} {reason}" for reason, count in basket.left_out.most_common())
        print_stderr(f"{len(basket.kept)} photographs kept; left out: {counts or 'none'}")
        if not basket.kept:
            return 1
        page = review_sheet(basket)
    write_stdout(f"{page}\nopen it, mark what does not belong, and delete those files; licences: {basket.table}\n")
    return 0


# --- what is kept ---------------------------------------------------------------------------------------------------


class Basket:
    """Pictures kept in one class folder; nothing that is there is ever overwritten."""

    def __init__(self, root: Path, name: str, query: str):
        self.root, self.folder, self.query, self.table = root, root / name, query, root / TABLE
        self.kept: list[tuple[Path, dict]] = []
        self.left_out: Counter[str] = Counter()
        found = [pixels for pixels, _ in read_images(scan_folder(root)[0], SIDE) if pixels is not None]
        self.known = np.array(found, np.uint8).reshape(-1, SIDE, SIDE, 3)  # of all classes
        self.number = max((int(p.stem) for p in self.folder.iterdir() if p.stem.isdecimal()), default=0)

    def add(self, content: bytes, about: dict) -> None:
        """Keep a picture, and note where it is from. Raises LeftOut when it cannot be read, or shows what one shows."""
        with tempfile.TemporaryDirectory() as place:
            path = Path(place, "picture")
            path.write_bytes(content)
            try:
                pixels = read_image(path, SIDE)[0][None]
            except InvalidImage:
                raise LeftOut("not a usable picture") from None
            with Image.open(path) as image:
                suffix = f".{image.format}".lower().replace("jpeg", "jpg").replace("mpo", "jpg")
        if len(self.known) and twins_of(self.known, pixels)[0] >= 0:
            raise LeftOut("shown by another one already")
        self.number += 1
        target = self.folder / f"{self.number:04d}{suffix if suffix in SUFFIXES else '.jpg'}"
        with open(target, "xb") as file:
            file.write(content)
        self.known = np.concatenate([self.known, pixels])
        self.kept.append((target, about))
        new = not self.table.exists()
        with open(self.table, "a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(COLUMNS)
            words = [about.get(column, "") for column in COLUMNS[1:-2]]
            file_name = target.relative_to(self.root).as_posix()
            writer.writerow([file_name, *words, self.query, datetime.date.today().isoformat()])


# --- the engine -----------------------------------------------------------------------------------------------------


def page_address(query: str, page: int) -> str:
    """One page of results, as JSON."""
    return f"{ENGINE}?{urlencode({'q': query, 'page': page, 'page_size': PER_PAGE})}"


def results_of(answer: requests.Response) -> list[dict]:
    """What a page of results says of each picture; [] for a page that is none, such as that after the last."""
    try:
        found = answer.json()["results"] if answer.ok else []
    except (ValueError, KeyError, TypeError):
        return []
    return [
        {
            "file_url": one["url"],
            "address": one["url"],
            "page": one.get("foreign_landing_url") or "",
            "licence": f"{one.get('license') or ''} {one.get('license_version') or ''}".strip(),
            "creator": one.get("creator") or "",
            "title": one.get("title") or "",
        }
        for one in found
        if urlsplit(one.get("url") or "").scheme in ("http", "https")
    ]


def check_engine(query: str) -> None:
    """Raise UserError when the engine cannot be reached, refuses, or knows nothing of this."""
    host = urlsplit(ENGINE).hostname
    try:
        answer = requests.get(page_address(query, 1), headers={"User-Agent": AGENT}, timeout=PATIENCE)
        answer.raise_for_status()
    except requests.RequestException as error:
        raise UserError(f"collect: {failure(error, host)}; try again later") from None
    if not results_of(answer):
        raise UserError(f"{host} finds no pictures for '{query}'; try other words")


def crawl(query: str, basket: Basket, most: int) -> None:
    """Run the engine's pages through icrawler until `most` pictures are kept or there are no more."""
    icrawler = importlib.import_module("icrawler")
    fetcher = Fetcher()

    class Pages(icrawler.Feeder):
        def feed(self):
            for page in range(1, 4 + 3 * most // PER_PAGE):  # some pictures will be left out
                self.output(page_address(query, page))

    class Results(icrawler.Parser):
        def parse(self, response):
            yield from results_of(response)

    class OneByOne(icrawler.Downloader):
        def download(self, task, *args, **kwargs):
            if len(basket.kept) < most:
                try:
                    basket.add(fetcher.fetch(task["address"]), task)
                    self.fetched_num += 1
                    print_stderr(f"{len(basket.kept)} of {most}: {basket.kept[-1][0].name}")
                except LeftOut as reason:
                    basket.left_out[str(reason)] += 1
            if len(basket.kept) >= most:
                self.signal.set(reach_max_num=True)

    class Crawler(icrawler.Crawler):
        def set_logger(self, log_level=None):
            self.logger = logging.getLogger("icrawler")
            for part in ("icrawler", "feeder", "parser", "downloader"):
                logging.getLogger(part).setLevel(logging.CRITICAL)  # what matters is said above

    crawler = Crawler(Pages, Results, OneByOne, storage={"root_dir": str(basket.folder)})
    crawler.session.headers["User-Agent"] = AGENT
    patience = {"queue_timeout": 3 * PATIENCE, "max_num": most}
    crawler.crawl(parser_kwargs={"req_timeout": PATIENCE}, downloader_kwargs=patience)


class Fetcher:
    """Gets pictures as their servers allow: by robots.txt, with a pause, not above LARGEST."""

    def __init__(self):
        self.rules: dict[str, RobotFileParser | None] = {}
        self.last: dict[str, float] = {}  # server -> when it was asked last

    def fetch(self, address: str) -> bytes:
        """The bytes at an address. Raises LeftOut."""
        server = "{0.scheme}://{0.netloc}".format(urlsplit(address))
        rules = self.rules_of(server)
        if rules is None or not rules.can_fetch(AGENT, address):
            raise LeftOut("forbidden by robots.txt")
        pause = max(PAUSE, float(rules.crawl_delay(AGENT) or 0))
        if pause > LONGEST_PAUSE:
            raise LeftOut("on a server that wants long pauses")
        time.sleep(max(0.0, self.last.get(server, -pause) + pause - time.monotonic()))
        try:
            with self.ask(address) as answer:
                answer.raise_for_status()
                content = bytearray()
                for piece in answer.iter_content(1 << 16):
                    content += piece
                    if len(content) > LARGEST:
                        raise LeftOut("too large")
                return bytes(content)
        except requests.RequestException:
            raise LeftOut("not to be had") from None
        finally:
            self.last[server] = time.monotonic()

    def ask(self, address: str) -> requests.Response:
        """An answer whose content has not been read."""
        return requests.get(address, headers={"User-Agent": AGENT}, timeout=PATIENCE, stream=True)

    def rules_of(self, server: str) -> RobotFileParser | None:
        """What robots.txt says, read once; None forbids everything: a server in trouble is not asked for more."""
        if server not in self.rules:
            rules = RobotFileParser()
            try:
                with self.ask(f"{server}/robots.txt") as answer:
                    rules.parse(answer.text.splitlines() if answer.ok else [])
                    self.rules[server] = None if answer.status_code >= 500 else rules
            except requests.RequestException:
                self.rules[server] = None
        return self.rules[server]


# --- the review -----------------------------------------------------------------------------------------------------

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 15px/1.4 system-ui, sans-serif; margin: 1.5rem; color: #22282b }}
main {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(170px, 1fr)); gap: 12px }}
label {{ border: 1px solid #c9cfd1; padding: 6px; overflow-wrap: anywhere; font-size: 13px }}
label:has(:checked) {{ border-color: #b3261e; background: #fbeae9 }}
img {{ width: 100%; height: 150px; object-fit: contain; display: block }} textarea {{ width: 100%; height: 7rem }}
</style><h1>{title}</h1>
<p>Mark what does not belong: another thing, a drawing, several things at once, somebody who was not asked. Then delete
the files that are listed below; nothing is deleted by this page.</p>
<main>{cards}</main><h2>Marked</h2><textarea readonly id="marked"></textarea>
<script>document.onchange = () => {{ marked.value = [...document.querySelectorAll(":checked")]
.map(box => box.value).join("\\n") }}</script></html>
"""


def review_sheet(basket: Basket) -> Path:
    """Write a page with all that was kept this time, each with a box to mark it; returns its path."""
    cards = []
    for path, about in basket.kept:
        file = path.relative_to(basket.root).as_posix()
        words = ", ".join(filter(None, (about["licence"], about["creator"])))
        web = about["page"].startswith(("http://", "https://"))
        link = html.escape(about["page"] if web else about["address"])
        cards.append(
            f'<label><img src="{html.escape(quote(file))}" alt="" loading="lazy"><input type="checkbox" '
            f'value="{html.escape(file)}"> {html.escape(file)}<br>'
            f'<a href="{link}">{html.escape(words) or "source"}</a></label>'
        )
    number, name = 1, basket.folder.name
    while (path := basket.root / f"review_{name}_{number}.html").exists():
        number += 1
    title = html.escape(f"{len(cards)} photographs for '{name}': {basket.query}")
    with open(path, "x", encoding="utf-8") as file:
        file.write(PAGE.format(title=title, cards="\n".join(cards)))
    return path
