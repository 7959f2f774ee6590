"""`clockodile predict`: find the predictor and the photographs, have them judged, and say so where it was asked for."""

import argparse
import os
import shlex
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from clockodile.app.batch import Job, Model, Table, judge_all, make_job, open_table
from clockodile.app.output import print_stderr, write_stdout
from clockodile.classify.predictions import Predictions, as_csv, as_json, as_table, summary_line
from clockodile.classify.predictor import Predictor, load_predictor, read_predictor_record
from clockodile.core.atomic_files import atomic
from clockodile.core.errors import UserError, os_reason
from clockodile.core.store import shipped_weights
from clockodile.core.workspace import cache_dir
from clockodile.data.collection import FileNote
from clockodile.data.scan import SUFFIXES, is_run, printable, scan_folder

# in a run's folder classifier/, where notebook 02 writes them, and among the shipped weights
PREDICTORS = "predictor-*.safetensors"
# why a file in a folder was left out: nobody wants to read it
SILENT = ("hidden", "left by")
# in a folder: passed over, and no failure
NO_IMAGE_NAME = ("not an image type (", "link to a folder", "made by this program")


def predict_command(args: argparse.Namespace) -> int:
    """Do what the command line asks. Prints the result on stdout and everything else on stderr.

    Returns 0, or 1 when images were refused. Raises UserError for a wrong argument or when no image could be judged,
    KeyboardInterrupt after Ctrl-C.
    """
    check_paths(args)
    if args.csv == "-" and args.json:
        raise UserError("--csv - and --json both want stdout; give --csv a file")
    if args.csv not in (None, "-"):
        check_target(args.csv)
    files, refused = find_images(args)
    path, predictor = find_best(None if args.pretrained else Path(args.paths[0]))
    origin = path.name if args.pretrained else str(path)
    print_stderr(f"using {origin}: {describe(predictor)}")
    with judged(args, make_job(load_predictor, path), predictor, files, refused) as (table, refused):

        def rows() -> Iterator[tuple[str, str, list[float]]]:
            for name, why, (predicted, *shares) in table.rows():
                if not why:
                    yield name, predicted, [float(share) for share in shares]

        predictions = Predictions(predictor, origin, rows, tuple(refused))
        if args.json:
            write_stdout(as_json(predictions))
        check_judged(table, refused)
        if args.csv not in (None, "-"):
            write_file(args.csv, as_csv(predictions))
        elif not args.json:
            write_stdout(as_csv(predictions) if args.csv else as_table(predictions))
        print_stderr(summary_line(predictions))
    return 1 if refused else 0


# --- what predict and rank have in common -------------------------------------------------------------------
# args: `paths`, a RUN first unless `pretrained`, and `scheduler`


def check_paths(args: argparse.Namespace) -> None:
    """Raise UserError for a mistake in RUN or --pretrained, before anything is loaded."""
    if not args.pretrained:
        check_run(args.paths[0])
        if len(args.paths) < 2:
            raise UserError("name the images, or folders of images, after the run folder")
    elif is_run(Path(args.paths[0])):
        raise UserError(f"{args.paths[0]} is a run folder; give it or --pretrained, not both")


def check_run(run: str) -> None:
    """Raise UserError for what is no run folder."""
    if not os.path.isdir(run):
        raise UserError(f"RUN: there is no folder '{run}'; give one that `clockodile run` made, or --pretrained")
    if not is_run(Path(run)):
        raise UserError(f"RUN: {run} is no run folder; give one that `clockodile run` made, or --pretrained")


def check_target(target: str, *, option: str = "--csv", example: str = "out.csv") -> None:
    """Raise UserError when a file cannot be written there, before thousands of images are judged for it."""
    path = Path(target)
    if path.suffix.lower() in SUFFIXES:  # `--csv *.jpg` would overwrite the first photograph
        raise UserError(f"{option} {target}: this is an image's name; give the file to write, such as {example}")
    if not target or target == "-" or path.exists() and not path.is_file():
        raise UserError(f"{option} '{target}' is not a file; give the file to write, such as {example}")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise UserError(f"{option} {target}: cannot write in {path.parent} ({os_reason(error)})") from None


@contextmanager
def judged(
    args: argparse.Namespace, job: Job, model: Model, files: Sequence[str], refused: Sequence[FileNote]
) -> Iterator[tuple[Table, list[FileNote]]]:
    """The working table in which all files are judged, and all that were refused, each named on stderr."""
    folder = (cache_dir() if args.pretrained else Path(args.paths[0])) / "judged"
    with open_table(folder, job, args.paths, files, model.columns) as table:
        judge_all(job, model, table, scheduler=args.scheduler)
        notes = [*refused, *(FileNote(path, why) for path, why, _ in table.rows() if why)]
        for note in notes:
            print_stderr(f"refused: {printable(note.path)}: {note.reason}")
        yield table, notes


def check_judged(table: Table, refused: Sequence[FileNote]) -> None:
    """Raise UserError when no image at all was judged."""
    if all(why for _, why, _ in table.rows()):
        raise UserError(f"no image could be judged; {len(refused)} refused")


def write_file(target: str, texts: Iterable[str], *, errors: str = "backslashreplace") -> None:
    """A result's file, whole or not at all. errors: what becomes of names that are no text.

    Raises UserError when it cannot be written.
    """
    try:
        with atomic(Path(target)) as temporary:
            with open(temporary, "w", encoding="utf-8", errors=errors, newline="") as file:
                file.writelines(texts)
    except OSError as error:
        raise UserError(f"{target}: {os_reason(error)}; nothing was written there") from error
    print_stderr(f"written: {target}")


# --- the predictor -----------------------------------------------------------------------------------------


def find_best(run_dir: Path | None) -> tuple[Path, Predictor]:
    """The predictor with the best recorded accuracy, of those of a run that load, or of the package for None.

    And its file. Each that does not load is named on stderr. Raises UserError when none loads.
    """
    folder = shipped_weights() if run_dir is None else run_dir / "classifier"
    accuracies = {}
    for path in sorted(folder.glob(PREDICTORS)):
        try:
            accuracies[path] = read_predictor_record(path).get("accuracy") or 0
        except UserError as error:
            print_stderr(f"not usable: {error}")
    for path in sorted(accuracies, key=accuracies.get, reverse=True):
        try:
            return path, load_predictor(path)
        except UserError as error:
            print_stderr(f"not usable: {error}")
    again = "`clockodile run` trains one, then give its run folder"
    if run_dir is not None:
        again = f"`clockodile run --only 02 --out {shlex.quote(str(run_dir))}` makes one, with that run's options"
    raise UserError(f"{folder} holds no usable predictor; {again}")


def describe(predictor: Predictor) -> str:
    """Which nets, trained on what, how good, and what else a user must know, in one line."""
    trained = f", trained on {predictor.trained_on}" if predictor.trained_on else ""
    measured = predictor.accuracy is not None
    good = f", {100 * predictor.accuracy:.1f} % right on images it was not trained on" if measured else ""
    note = f"; NOTE: {predictor.note}" if predictor.note else ""
    return printable(predictor.name + trained + good + note)


# --- the images --------------------------------------------------------------------------------------------


def find_images(args: argparse.Namespace) -> tuple[list[str], list[FileNote]]:
    """Image files named or found in folders, in natural order inside each; and those refused by their names.

    A file that is reached twice counts once; what is no image by its name is passed over in a folder, in one line.
    Raises UserError for a path that does not exist or a folder without any image.
    """
    files, notes = {}, {}
    for text in args.paths if args.pretrained else args.paths[1:]:
        try:
            os.lstat(text)
        except OSError as error:
            raise UserError(f"'{text}': {os_reason(error)}; give images or folders of images") from None
        inside, said = look_into(text) if os.path.isdir(text) else ([text], [])
        for path in inside:
            files.setdefault((os.path.realpath(os.path.dirname(path)), os.path.basename(path)), path)
        notes |= dict.fromkeys(said)
    names = [printable(note.path) for note in notes if note.reason.startswith(NO_IMAGE_NAME)]
    if names:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        print_stderr(f"passed over, no images by their names: {', '.join(names[:3])}{more}")
    return list(files.values()), [note for note in notes if not note.reason.startswith(NO_IMAGE_NAME)]


def look_into(folder: str) -> tuple[list[str], list[FileNote]]:
    """Image files in a folder and those inside it, and notes worth a line. Raises UserError when it has none."""
    files, notes = scan_folder(Path(folder))
    said = [
        FileNote(os.path.normpath(os.path.join(folder, note.path)), note.reason)
        for note in notes
        if not note.reason.startswith(SILENT)
    ]
    if not files and all(note.reason.startswith(NO_IMAGE_NAME) for note in said):
        raise UserError(f"there is no image in the folder {folder}")
    return [str(path) for path in files], said
