import base64

from clockodile.core.results import data_uri


def test_an_address_holds_the_whole_file():
    head, _, content = data_uri(bytes(range(256)), "image/webp").partition(",")
    assert head == "data:image/webp;base64" and base64.b64decode(content) == bytes(range(256))
