"""`clockodile demo`: the site of `make site`, with the playground, in a browser of this machine only."""

import argparse
import webbrowser
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from clockodile.app.output import print_stderr
from clockodile.core.errors import UserError, os_reason
from clockodile.core.workspace import project_root

FIRST = "playground.html"  # the page that is opened


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a line for each. Types are told here, for what a system knows of them differs."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".js": "text/javascript", ".mjs": "text/javascript"}

    def log_message(self, *_) -> None:
        pass


def demo_server(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server of a built site on this machine's loopback, ready to `serve_forever`; port 0: any that is free.

    Raises UserError when the site, or its playground, was not built, and when the port is taken.
    """
    if not (folder / FIRST).is_file():
        raise UserError(f"{folder / FIRST} is not there; `make site` in a checkout builds it (it needs npm, once)")
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), partial(Quiet, directory=str(folder)))
    except OSError as error:
        raise UserError(f"--port {port}: {os_reason(error)}; give another, or 0 for any that is free") from None


def demo_command(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C, by default the site of this checkout. Returns 0."""
    site = Path(args.folder or project_root() / "build" / "site")
    with demo_server(site, args.port) as server:
        address = f"http://127.0.0.1:{server.server_port}/{FIRST}"
        print_stderr(f"{address}\nonly this machine can open it; Ctrl-C ends it")
        if not args.no_browser:
            webbrowser.open(address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print_stderr("ended")
    return 0
