"""Names and folders: order, hidden files, links, and what is written down about the rest."""

import os
import unicodedata

from clockodile.data.scan import natural_key, printable, scan_folder


def test_natural_order():
    names = ["img10.png", "img2.png", "Img1.png", "img.png", "a/2/1.png", "a/10/1.png", "b.png", "007.png", "7.png"]
    wanted = ["007.png", "7.png", "a/2/1.png", "a/10/1.png", "b.png", "img.png", "Img1.png", "img2.png", "img10.png"]
    assert sorted(names, key=natural_key) == wanted
    assert sorted(reversed(names), key=natural_key) == wanted


def test_names_are_made_printable():
    assert printable("a\nb\tc\x7f") == "a\\nb\\tc\\x7f"
    assert printable(unicodedata.normalize("NFD", "Krokodilé")) == "Krokodilé"
    assert printable("鰐 🐊") == "鰐 🐊"
    assert "\\udcff" in printable(os.fsdecode(b"bad\xffname"))


def test_scan_lists_images_in_order_and_everything_else_as_notes(tmp_path):
    for name in ("10.png", "2.HEIC", "sub/1.jpg", "sub/deep er/é.gif", ".hidden.png", ".git/1.png", "Thumbs.db"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    for name in (".DS_Store", "__MACOSX/1.png", "notes.txt", "README", "film.MOV"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found, notes = scan_folder(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in found] == [
        "2.HEIC",
        "10.png",
        "sub/1.jpg",
        "sub/deep er/é.gif",
    ]
    reasons = {note.path: note.reason for note in notes}
    assert reasons[".hidden.png"] == "hidden" and reasons[".git"] == "hidden (folder)"
    assert reasons["Thumbs.db"] == reasons[".DS_Store"] == "left by the operating system"
    assert "operating system" in reasons["__MACOSX"] and "(.mov)" in reasons["film.MOV"]
    assert reasons["notes.txt"] == "not an image type (.txt)" and "no suffix" in reasons["README"]
    assert len(notes) == 8 and not any(note.used for note in notes)


def test_links_to_files_are_followed_those_to_folders_only_at_the_top(tmp_path):
    inside, outside = tmp_path / "root" / "cat", tmp_path / "elsewhere"
    inside.mkdir(parents=True)
    outside.mkdir()
    (inside / "1.png").write_bytes(b"x")
    (outside / "2.png").write_bytes(b"x")
    (inside / "more").symlink_to(outside)
    (inside / "loop").symlink_to(inside)
    (inside / "4.png").symlink_to(outside / "2.png")
    (tmp_path / "root" / "dog").symlink_to(inside)
    for folder in (inside, tmp_path / "root" / "dog"):
        found, notes = scan_folder(folder)
        assert [path.name for path in found] == ["1.png", "4.png"]
        assert {note.path: note.reason for note in notes} == dict.fromkeys(("loop", "more"), "link to a folder")


def test_a_folder_that_cannot_be_entered_keeps_nobody_from_the_others(tmp_path, monkeypatch):
    for name in ("gone", "there"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").touch()
    scandir = os.scandir

    def failing(path):
        if str(path).endswith("gone"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", failing)
    files, notes = scan_folder(tmp_path)
    assert files == [tmp_path / "there" / "a.png"]
    assert [(note.path, "permission denied" in note.reason) for note in notes] == [("gone", True)]
