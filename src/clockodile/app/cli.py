"""The command line: from words to one of the commands, and from what goes wrong to one line and an exit code."""

from __future__ import annotations

import argparse
import difflib
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import clockodile
from clockodile.app.commands import COMMANDS, Command
from clockodile.app.memory import keep_freed_memory
from clockodile.app.progress import prepare_streams, print_stderr, write_stdout
from clockodile.core.errors import UserError, os_reason


class Parser(argparse.ArgumentParser):
    """argparse that reports a mistake in one line, as everything else here does."""

    def error(self, message: str):
        raise UserError(f"{message}; see {self.prog} --help")

    def _print_message(self, message: str, file=None) -> None:
        write_stdout(message)


def build_parser(commands: Sequence[Command] = COMMANDS) -> Parser:
    """The parser of all subcommands; the chosen one is `args.command`."""
    parser = Parser(prog="clockodile", description=clockodile.__doc__, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"clockodile {clockodile.__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", title="commands")
    for command in commands:
        shown = {"help": command.help} if command.help else {}
        text = command.run.__doc__
        subparser = subparsers.add_parser(command.name, description=text, allow_abbrev=False, **shown)
        command.options(subparser)
        subparser.set_defaults(command=command, parser=subparser)
    return parser


def parse(argv: Sequence[str] | None, commands: Sequence[Command] = COMMANDS) -> argparse.Namespace:
    """The arguments. Raises UserError for a mistake, naming the nearest option or command where there is one."""
    parser = build_parser(commands)
    words = list(sys.argv[1:] if argv is None else argv)
    names = [command.name for command in commands]
    if words and not words[0].startswith("-") and words[0] not in names:
        raise UserError(f"unknown command '{words[0]}'; {nearest_word(words[0], names)}")
    args, left = parser.parse_known_args(words)
    if not hasattr(args, "command"):
        raise UserError("name a command, such as `clockodile run`; see clockodile --help")
    if hasattr(args, "paths"):
        left = take_paths(args.paths, left)
    if left:
        options = [option for action in args.parser._actions for option in action.option_strings]
        raise UserError(f"unknown argument '{left[0]}'; {nearest_word(left[0].partition('=')[0], options)}")
    return args


def take_paths(paths: list[str], left: Sequence[str]) -> list[str]:
    """Add the words that are no options to `paths`, and return the options: argparse stops collecting at the first."""
    end = left.index("--") if "--" in left else len(left)
    paths += [word for word in left[:end] if not word.startswith("-")] + left[end + 1 :]
    return [word for word in left[:end] if word.startswith("-")]


def nearest_word(word: str, known: Sequence[str]) -> str:
    """The second half of a message about an unknown word."""
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean '{near[0]}'?" if near else "see clockodile --help"


@contextmanager
def stoppable() -> Iterator[None]:
    """Let SIGTERM (`timeout`, a closing session) unwind like Ctrl-C, so that the kernel is shut down too."""

    def stop(*_):
        raise SystemExit(143)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line. Returns 0, 1 when a notebook failed, 2 for the user's mistake, 130 after Ctrl-C."""
    prepare_streams()
    keep_freed_memory()
    try:
        args = parse(argv)
        with stoppable():
            return args.command.run(args)
    except SystemExit as end:  # --help, --version, SIGTERM
        return int(end.code or 0)
    except UserError as error:
        print_stderr(f"clockodile: {' '.join(str(error).split())}")
        return 2
    except KeyboardInterrupt:
        print_stderr("clockodile: stopped; what was finished is kept and used again")
        return 130
    except BrokenPipeError:  # whoever read the output is gone
        return 1
    except OSError as error:  # a full disk, a folder that vanished
        place = f"{error.filename}: " if error.filename else ""
        print_stderr(f"clockodile: {place}{os_reason(error)}")
        return 1
