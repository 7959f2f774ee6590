"""`clockodile predict`: find the predictor and the photographs, have them judged, and say so where it was asked for."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from clockodile.classify.predictions import as_csv, as_json, as_table, judge, summary
from clockodile.classify.predictor import Predictor, load_predictor, read_record
from clockodile.core.atomic_files import atomic
from clockodile.core.errors import UserError, os_reason
from clockodile.core.store import shipped_weights
from clockodile.data.collection import FileNote
from clockodile.data.scan import SUFFIXES, printable, scan_folder

# in a run's folder classifier/, where notebook 02 writes them, and among the shipped weights
PREDICTORS = "predictor-*.safetensors"
# why a file in a folder was left out: nobody wants to read it
SILENT = ("hidden", "left by", "link to a folder")
NO_IMAGE_NAME = ("not an image type (", "made by this program")  # in a folder: passed over, and no failure

Tell = Callable[[str], None]


def predict_command(given: Sequence[str], *, pretrained: bool, csv_file: str | None, json: bool) -> int:
    """Do what the command line asks. given: RUN (unless `pretrained`), then images or folders, as written.

    Prints the result on stdout and everything else on stderr. Returns 0, or 1 when images were refused, or 130
    after Ctrl-C. Raises UserError for a wrong argument or when no image could be judged.
    """
    tell = tell_on_stderr
    check_words(given, pretrained=pretrained, csv_file=csv_file, json=json)
    files, notes = find_images(given if pretrained else given[1:])
    tell_passed_over([note for note in notes if note.reason.startswith(NO_IMAGE_NAME)], tell)
    refused = [note for note in notes if not note.reason.startswith(NO_IMAGE_NAME)]
    folder = shipped_weights() if pretrained else Path(given[0], "classifier")
    path, predictor = find_best(folder, tell=tell)
    origin = path.name if pretrained else str(path)
    tell(f"using {origin}: {describe(predictor)}")
    try:
        verdicts = judge(predictor, files, origin=origin, refused=refused, tell=tell)
    except KeyboardInterrupt:
        tell("clockodile: stopped; nothing was written")
        return 130
    for note in verdicts.refused:
        tell(f"refused: {printable(note.path)}: {note.reason}")
    if json:
        say(as_json(verdicts))
    if not verdicts.paths:
        raise UserError(f"no image could be judged; {len(verdicts.refused)} refused")
    if csv_file and csv_file != "-":
        with atomic(Path(csv_file)) as temporary:
            temporary.write_bytes(as_csv(verdicts).encode("utf-8", "backslashreplace"))
        tell(f"written: {csv_file}")
    elif not json:
        say(as_csv(verdicts) if csv_file else as_table(verdicts))
    tell(summary(verdicts))
    return 1 if verdicts.refused else 0


def tell_on_stderr(line: str) -> None:
    """One line for people."""
    print(line, file=sys.stderr, flush=True)


def say(text: str) -> None:
    """The result, on stdout; a reader that has seen enough (`| head`) is no error."""
    if hasattr(sys.stdout, "reconfigure"):  # a file's name may have letters the terminal's encoding lacks
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains again at its end


# --- what was asked for ------------------------------------------------------------------------------------


def check_words(given: Sequence[str], *, pretrained: bool, csv_file: str | None, json: bool) -> None:
    """Raise UserError for a mistake that can be seen before anything is loaded."""
    if not pretrained:
        check_run(given[0])
    if not pretrained and len(given) < 2:
        raise UserError("name the images, or folders of images, after the run folder")
    if pretrained and is_run(given[0]):
        raise UserError(f"{given[0]} is a run folder; give it or --pretrained, not both")
    if csv_file == "-" and json:
        raise UserError("--csv - and --json both want stdout; give --csv a file")
    if csv_file is not None and csv_file != "-":
        check_target(csv_file)


def check_target(target: str, *, option: str = "--csv", example: str = "out.csv") -> None:
    """Raise UserError when a file cannot be written there, before thousands of images are judged for it."""
    path = Path(target)
    if path.suffix.lower() in SUFFIXES:  # `--csv *.jpg` would overwrite the first photograph
        raise UserError(
            f"{option} {target}: this is an image's name; give the file to write, such as {example}"
        )
    if not target or target == "-" or path.exists() and not path.is_file():
        raise UserError(f"{option} '{target}' is not a file; give the file to write, such as {example}")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise UserError(f"{option} {target}: cannot write in {path.parent} ({os_reason(error)})") from None


def is_run(folder: str) -> bool:
    """Whether a run or a notebook has written there."""
    made = (Path(folder, name).is_file() for name in ("run.json", "data_card.json"))
    return any(made) or any(Path(folder, "classifier").glob(PREDICTORS))


def check_run(run: str) -> None:
    """Raise UserError for what is no run folder, and for one without a predictor."""
    if not os.path.isdir(run):
        raise UserError(
            f"RUN: there is no folder '{run}'; give one that `clockodile run` made, or --pretrained"
        )
    if not is_run(run):
        raise UserError(f"RUN: {run} is no run folder; give one that `clockodile run` made, or --pretrained")
    if not any(Path(run, "classifier").glob(PREDICTORS)):
        again = f"`clockodile run --only 02 --out {shlex.quote(run)}`"
        raise UserError(f"{run} holds no predictor; make one with {again} and that run's other options")


# --- the predictor -----------------------------------------------------------------------------------------


def find_best(folder: Path, *, tell: Tell, kinds: Sequence[str] = ()) -> tuple[Path, Predictor]:
    """The predictor in a folder with the best recorded accuracy, of those that load; and its file.

    tell: is given a line for each that does not load; kinds: only these, by default all. Raises UserError when none
    loads.
    """
    records = {}
    for path in sorted(folder.glob(PREDICTORS)):
        try:
            record = read_record(path)
        except UserError as error:
            tell(f"not usable: {error}")
            continue
        if not kinds or record["kind"] in kinds:
            records[path] = record
    for path in sorted(records, key=lambda path: -(records[path].get("accuracy") or 0)):
        try:
            return path, load_predictor(path)
        except UserError as error:
            tell(f"not usable: {error}")
    raise UserError(
        f"{folder} holds no usable predictor; `clockodile run` trains one, then give its run folder"
    )


def describe(predictor: Predictor) -> str:
    """Which nets, trained on what, how good, and what else a user must know, in one line."""
    trained = f", trained on {predictor.trained_on}" if predictor.trained_on else ""
    measured = predictor.accuracy is not None
    good = f", {100 * predictor.accuracy:.1f} % right on images it was not trained on" if measured else ""
    note = f"; NOTE: {predictor.note}" if predictor.note else ""
    return printable(predictor.name + trained + good + note)


# --- the images --------------------------------------------------------------------------------------------


def find_images(given: Sequence[str]) -> tuple[list[str], list[FileNote]]:
    """Image files named or found in folders, in natural order inside each; and a note for every other file.

    A file that is reached twice counts once. Raises UserError for a path that does not exist or a folder
    without any image.
    """
    files, notes = {}, {}
    for text in given:
        try:
            os.lstat(text)
        except OSError as error:
            raise UserError(f"'{text}': {os_reason(error)}; give images or folders of images") from None
        inside, said = look_into(text) if os.path.isdir(text) else ([text], [])
        for path in inside:
            files.setdefault((os.path.realpath(os.path.dirname(path)), os.path.basename(path)), path)
        notes |= dict.fromkeys(said)
    return list(files.values()), list(notes)


def look_into(folder: str) -> tuple[list[str], list[FileNote]]:
    """Image files in a folder and those inside it, and notes worth telling. Raises UserError when it has none."""
    files, notes = scan_folder(Path(folder))
    said = [
        FileNote(os.path.normpath(os.path.join(folder, note.path)), note.reason)
        for note in notes
        if not note.reason.startswith(SILENT)
    ]
    if not files and all(note.reason.startswith(NO_IMAGE_NAME) for note in said):
        raise UserError(f"there is no image in the folder {folder}")
    return [str(path) for path in files], said


def tell_passed_over(notes: Sequence[FileNote], tell: Tell) -> None:
    """One line about the files in folders that are no images by their names."""
    names = [printable(note.path) for note in notes]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    if names:
        tell(f"passed over, no images by their names: {', '.join(names[:3])}{more}")
