"""The command line.

Commands are a table of names, one line each, and the module that holds them; only the one that is called is imported, so
that help is instant and a command may live in any package.

Exit codes: 0 done, perhaps with warnings; 1 the work failed; 2 bad usage; 3 the take or journal violates its protocol.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import os
import signal
import sys

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import FrameType, MappingProxyType, ModuleType
from typing import Any, NoReturn

DONE, FAILED, USAGE, VIOLATION = 0, 1, 2, 3
PROGRAM = "textuportray"


@dataclass(frozen=True, slots=True)
class Command:
    """A command: the module with its `describe(parser)` and `run(arguments, stopper) -> int`, and a line about it."""

    module: str
    line: str


COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
        "animate": Command("runtime.commands.animate", "turn a portrait and a direction into a video"),
        "plan": Command("runtime.commands.plan", "turn a direction into motion, without a portrait and pixels"),
        "render": Command("runtime.commands.render", "turn a portrait and a motion into a video"),
        "resume": Command("runtime.commands.resume", "go on with a take that was stopped, failed or was cut off"),
        "revise": Command("runtime.commands.revise", "make a take again with one thing otherwise, and the rest as it was"),
        "submit": Command("cluster.commands.submit", "animate or resume as a job of a Ray cluster"),
        "replay": Command("runtime.commands.replay", "print how the regions agreed on a take, step through it, or check it"),
        "report": Command("runtime.commands.report", "write a take as a page: its film, curves, and how the regions agreed"),
        "verify": Command("runtime.commands.verify", "check that a take keeps its protocol and its constraints"),
        "why": Command("runtime.commands.why", "explain one value of a take: its words, gesture, proposal and objections"),
        "diff": Command("runtime.commands.diff", "find where two takes part, and what follows from it in the motion"),
        "export": Command("runtime.commands.export", "write a take for another program"),
        "rig": Command("runtime.commands.rig", "show what is found in a portrait: faces, mesh, lids, lips, matte, background"),
        "models": Command("runtime.commands.models", "list and fetch the models that read a portrait"),
        "doctor": Command("runtime.commands.doctor", "say what is installed, what is missing and how to get it"),
    }
)


class Interrupted(BaseException):
    """A signal ends the program; nobody is to swallow this."""


class Stopper:
    """Turns SIGINT and SIGTERM into a question that long work asks between its steps; a second signal ends it at once.

    Outside of `with stopper:` a signal ends the program where it is.
    """

    def __init__(self) -> None:
        self._graceful = False
        self._reason: str | None = None
        self._before: dict[int, Any] = {}

    def install(self) -> None:
        """Take over both signals."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._caught)

    def remove(self) -> None:
        """Give both signals back to whoever had them."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def retire(self) -> None:
        """Disregard both signals from now on: the work is done or given up, and what is left takes a moment."""
        for number in self._before:
            signal.signal(number, signal.SIG_IGN)

    def _caught(self, number: int, frame: FrameType | None) -> None:
        if not self._graceful or self._reason is not None:
            self.retire()  # tidying up is not to be interrupted
            raise Interrupted
        self._reason = signal.Signals(number).name
        # Not print: the signal may have come in the middle of one.
        with contextlib.suppress(OSError):
            os.write(2, f"{PROGRAM}: stopping after the step at hand; a second signal stops it at once\n".encode())

    def __enter__(self) -> Stopper:
        self._graceful = True
        return self

    def __exit__(self, *_: object) -> None:
        self._graceful = False

    def __call__(self) -> str | None:
        """The name of the signal for which the work is to stop; None if it is not."""
        return self._reason


class _Parser(argparse.ArgumentParser):
    """One whose errors are one line, like all others, and whose help may fail to be written."""

    def _print_message(self, message: str, file: Any = None) -> None:
        (file or sys.stderr).write(message)  # argparse itself would pass over any OSError

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{PROGRAM}: {message}. See: {self.prog} --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; the exit code.

    Args:
        arguments: without the program's name; None for those of the process, which then is to end.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a letter is no reason to fail
    stopper = Stopper()
    try:
        # From the first moment at which a signal may be caught to the last, one is caught in here.
        stopper.install()
        code = _finished(list(sys.argv[1:] if arguments is None else arguments), stopper)
        stopper.retire()
        return code
    except Interrupted:
        again = "give the same command again to start over"
        if stopper() is not None:  # it was asked twice; what goes on after the first time knows more, and has no time to say it
            again = f"`{PROGRAM} resume` goes on with a .take folder that is there by now, the same command again starts over"
        print(f"{PROGRAM}: stopped. No file was left half-written; {again}.", file=sys.stderr)
        return FAILED
    finally:
        if arguments is not None:
            stopper.remove()


def _finished(words: list[str], stopper: Stopper) -> int:
    """Run a command line until its output has reached whoever reads it."""
    code = DONE
    try:
        code = _run(words, stopper)
        sys.stdout.flush()
    except BrokenPipeError:
        _silence()  # whoever read the output has seen enough
    except OSError as error:
        _silence()
        print(f"{PROGRAM}: the output could not be written ({error.strerror or error}).", file=sys.stderr)
        return FAILED
    return code


def _silence() -> None:
    """Send what is left of the output nowhere; Python would complain once more when it flushes at its end."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _run(words: list[str], stopper: Stopper) -> int:
    parser = _parser()
    name = words[0] if words else ""
    if name in ("", "-h", "--help"):
        parser.print_help(sys.stdout if name else sys.stderr)
        return DONE if name else USAGE
    if name == "--version":
        from runtime.version import VERSION

        print(f"{PROGRAM} {VERSION}")
        return DONE
    if name not in COMMANDS:
        import difflib

        near = difflib.get_close_matches(name, COMMANDS, 1)
        hint = f"Did you mean {near[0]}?" if near else f"Choose one of: {', '.join(COMMANDS)}."
        print(f"{PROGRAM}: there is no command {name[:40]!r}. {hint}", file=sys.stderr)
        return USAGE
    module = importlib.import_module(COMMANDS[name].module)
    command = _Parser(
        prog=f"{PROGRAM} {name}",
        description=COMMANDS[name].line[0].upper() + COMMANDS[name].line[1:] + ".",
        epilog=module.EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.describe(command)
    command.add_argument("--debug", action="store_true", help="show where an error comes from, and every event")
    try:
        options = command.parse_args(words[1:])
    except SystemExit as left:  # how argparse ends after help and errors
        return int(left.code or DONE)
    return _guarded(module, options, stopper)


def _guarded(module: ModuleType, options: argparse.Namespace, stopper: Stopper) -> int:
    """Run a command; errors that say what, why and what to do are printed as such, once, here."""
    from runtime.commands.telling import harmless
    from runtime.errors import exit_code, paragraph
    from runtime.logs import configure

    configure(debug=options.debug)
    try:
        code: int = module.run(options, stopper)
        return code
    except Exception as error:
        if isinstance(error, OSError) and error.filename is None:
            raise  # no file of a command's: its output
        if options.debug:
            import traceback

            traceback.print_exc()
        print(f"{PROGRAM}: {harmless(paragraph(error))}", file=sys.stderr)
        return exit_code(error)


def _parser() -> _Parser:
    width = max(len(name) for name in COMMANDS) + 2
    lines = "\n".join(f"  {name:<{width}}{command.line}" for name, command in COMMANDS.items())
    return _Parser(
        prog=PROGRAM,
        usage=f"{PROGRAM} COMMAND ...",
        description="One portrait and words about how the face should move become a performance.",
        epilog=f"commands:\n{lines}\n\n{PROGRAM} COMMAND --help tells more, with an example.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
