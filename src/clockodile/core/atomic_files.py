"""Files that are complete or absent, even when the process that writes them is killed.

Each is written beside its place and then renamed into it.
"""

import hashlib
import json
import os
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

UNFINISHED = ".unfinished-"  # how temporary files begin; a killed process leaves them behind


def sweep(run_dir: Path, *, older_than: float = 600) -> None:
    """Remove what killed runs left unfinished. older_than: seconds; a notebook open elsewhere may be writing now."""
    for path in Path(run_dir).rglob(f"{UNFINISHED}*"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime >= older_than:
                path.unlink()


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on a clean exit it replaces `path`, on an error it vanishes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=UNFINISHED, suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb+") as file:  # on disk before the rename, or a power cut leaves an empty file
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~current_umask())  # temporary files are private; results are as usual
        os.replace(temporary, path)
    except OSError as error:  # a full disk does not say which file it had no room for
        error.filename = error.filename or str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def current_umask() -> int:
    """The permission bits this process takes from new files; the system only tells while setting them."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def write_json(path: Path, content: Mapping) -> None:
    """Write `content` as readable JSON, atomically.

    File names may hold bytes that are no UTF-8: JSON's own escapes keep them, and `read_json` returns them.
    """
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    with atomic(path) as temporary:
        temporary.write_bytes(text.encode("utf-8", "backslashreplace"))


def read_json(path: Path) -> dict | None:
    """The JSON object in `path`, or None when it is missing or damaged."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def kept_arrays(path: Path, names: tuple[str, ...], make: Callable[[], dict]) -> dict:
    """The arrays of these names in an .npz file; what `make` returns, kept there, when it is missing or damaged.

    Both are of numpy's arrays, by name. A folder that cannot be written to only means that they are made again the
    next time.
    """
    import numpy as np  # half a second: commands that only print their help need none

    with (
        suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error),
        np.load(path, allow_pickle=False) as arrays,
    ):
        return {name: arrays[name] for name in names}
    made = make()
    with suppress(OSError), atomic(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **made)
    return made


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
