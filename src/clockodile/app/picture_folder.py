"""A folder of made pictures beside which a user may keep others: a record with checksums tells them apart."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from clockodile.core import atomic_files
from clockodile.core.errors import UserError

RECORD = "sample.json"  # beside the pictures: how they were made, and a checksum of each
# whatever a record says, no other file is touched
OURS = re.compile(r"\d{4,}\.png|contact_sheet\.png|grid\.png")


class PictureFolder:
    """Writes files into a folder, and replaces or removes there only what an earlier call made and nobody changed."""

    def __init__(self, folder: Path, settings: Mapping):
        """settings: goes into the record. Raises UserError when the folder holds a record of something else."""
        self.folder, self.settings = folder, settings
        record = atomic_files.read_json(folder / RECORD) or {}
        parts = [record.get(part) for part in ("files", "unfinished")]  # name -> checksum
        if (folder / RECORD).exists() and not all(isinstance(part, dict) for part in parts):
            raise UserError(f"{folder / RECORD} is damaged or not of this command; give another --out")
        checksums = [(name, made) for part in parts if part for name, made in part.items()]
        self.known = {
            (name, made) for name, made in checksums if OURS.fullmatch(name) and isinstance(made, str)
        }
        self.files, self.made = self.unchanged(), {}

    def checksum(self, name: str) -> str:
        """16 hexadecimal digits of a file's content; "" for what is no readable file."""
        try:
            return atomic_files.file_digest(self.folder / name)[:16]
        except OSError:
            return ""

    def unchanged(self) -> dict[str, str]:
        """Those of the known files that are there as they were made, with their checksums."""
        return {name: made for name, made in self.known if self.checksum(name) == made}

    def check(self, names: Iterable[str]) -> None:
        """Raise UserError for the first of `names` that exists and is somebody else's, or was changed since."""
        for name in names:
            path = self.folder / name
            if (path.exists() or path.is_symlink()) and (name, self.checksum(name)) not in self.known:
                raise UserError(f"{path} was not made by this command, or changed since; give another --out")

    def write(self, contents: Mapping[str, bytes]) -> None:
        """Write files, each complete or not at all. Raises UserError as `check` does.

        They are recorded beforehand, as unfinished: a process that is killed must not leave files it does not know.
        """
        made = {name: hashlib.sha256(content).hexdigest()[:16] for name, content in contents.items()}
        self.known |= made.items()
        self.made |= made
        self.write_record(unfinished=made)
        for name, content in contents.items():
            self.check([name])  # somebody may have put a file there meanwhile
            with atomic_files.atomic(self.folder / name) as temporary:
                temporary.write_bytes(content)
            self.files[name] = made[name]

    def finish(self, names: Iterable[str]) -> None:
        """Remove what earlier calls made beyond `names`, except for what was changed since."""
        for name in self.files.keys() - set(names):
            if self.checksum(name) == self.files.pop(name):
                (self.folder / name).unlink()
        self.write_record(finished=True)

    def stop(self) -> int:
        """Record what is there after an interruption; returns how many files of this call are."""
        self.files = self.unchanged()
        if self.made:
            self.write_record()
        return len(self.files.items() & self.made.items())

    def write_record(self, *, unfinished: Mapping[str, str] | None = None, finished: bool = False) -> None:
        """Write the record; finished: False while some of the files may be an earlier call's."""
        state = {"files": self.files, "unfinished": unfinished or {}, "finished": finished}
        atomic_files.write_json(self.folder / RECORD, {**self.settings, **state})
