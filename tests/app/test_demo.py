"""`clockodile demo`: the built site, on this machine only; each wrong use in one line."""

import socket
import threading
import urllib.request

import pytest

from clockodile.app import cli
from clockodile.app.demo import FIRST, demo_server


@pytest.fixture
def site(tmp_path):
    (tmp_path / FIRST).write_text("<title>Playground</title>")
    (tmp_path / "nets.mjs").write_text("export {}")
    return tmp_path


def test_the_site_is_served_to_this_machine_only(site):
    with demo_server(site, 0) as server:
        assert server.server_address[0] == "127.0.0.1"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        with urllib.request.urlopen(address + FIRST) as answer:
            assert b"Playground" in answer.read()
        with urllib.request.urlopen(address + "nets.mjs") as answer:
            assert answer.headers["Content-Type"] == "text/javascript", "browsers refuse modules of other types"
        server.shutdown()


def test_a_site_that_was_not_built_is_one_line(tmp_path, capsys):
    assert cli.main(["demo", str(tmp_path)]) == 2
    assert "`make site`" in (told := capsys.readouterr().err) and told.count("\n") == 1


def test_a_port_that_is_taken_or_none_is_one_line(site, capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert cli.main(["demo", str(site), "--no-browser", "--port", str(other.getsockname()[1])]) == 2
    assert "--port" in (told := capsys.readouterr().err) and told.count("\n") == 1
    assert cli.main(["demo", str(site), "--port", "65536"]) == 2


def test_the_address_is_printed_and_ctrl_c_ends_it(site, capsys, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    opened = []
    monkeypatch.setattr("clockodile.app.demo.ThreadingHTTPServer.serve_forever", stop)
    monkeypatch.setattr("clockodile.app.demo.webbrowser.open", opened.append)
    assert cli.main(["demo", str(site), "--port", "0"]) == 0
    assert opened[0].startswith("http://127.0.0.1:") and opened[0] in capsys.readouterr().err
    assert cli.main(["demo", str(site), "--port", "0", "--no-browser"]) == 0 and len(opened) == 1
