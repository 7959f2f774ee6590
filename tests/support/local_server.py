"""HTTP servers of our own, for tests of downloads."""

import http.server
import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace


@contextmanager
def served(answer):
    """The address of a local HTTP server whose every GET is answered by `answer(handler)`; counts them."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            server.requests += 1
            try:
                answer(self)
            except OSError:  # the client gave up, as it should
                pass

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests, server.daemon_threads, server.block_on_close = 0, True, False
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield SimpleNamespace(url=f"http://127.0.0.1:{server.server_port}/archive.tar.gz", server=server)
    finally:
        server.shutdown()
        server.server_close()


def send(handler, body, *, length=None, code=200):
    handler.send_response(code)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    handler.wfile.write(body)


def stall(handler):
    """Announce 400 kB that start like a gzip, send two bytes, fall silent."""
    send(handler, b"\x1f\x8b", length=400_000)
    handler.wfile.flush()
    time.sleep(15)
