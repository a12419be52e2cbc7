"""`textuportray submit`: `animate` or `resume` as a job of a Ray cluster, followed to its end.

Rules
- What can be found out here is found out before anything is sent. What only the cluster can know, `cluster.entry` finds out
  there before it begins to work.
- The job's log goes to standard error, its result to standard output: as if the command had run here.
- No credentials travel: everybody who can see the cluster's dashboard sees a job's command.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import secrets
import shlex
import sys
import time

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.commands import asking

if TYPE_CHECKING:
    from cluster.jobs import JobServer, Standing
    from cluster.packing import Package
    from runtime.cli import Stopper

EXAMPLES = """examples:
  textuportray submit portrait.jpg "She smiles warmly, then nods" -o s3://bucket/smile.mp4
  textuportray submit portrait.jpg "She smiles" -o /shared/smile.mp4 --worker-gpus 1 --dashboard http://10.0.0.5:8265
  textuportray submit --resume s3://bucket/smile.take

It takes the options of animate. The program's own source and the portrait go along; nodes need its dependencies installed, and
fetch the face models themselves. FILE is a URL, or a path on a disk that this machine and the cluster share."""

VARIABLES = {
    "RAY_JOB_STOP_WAIT_TIME_S": "30",  # to close the journal of a job that is stopped and to store it; Ray's own 3 may be short
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",  # each is told by us; Ray would add a traceback
}
"""Of the job's environment."""
_VALUES = ("seconds", "fps", "seed", "emotion", "size", "face", "background", "renderer", "device")
_BASE = ("runtime", "profile", "workers", "worker_gpus", "worker_cpus", "worker_label", "worker_resource")
"""Those that `resume` has, too."""
_SWITCHES = {"idle": (False, "--no-idle"), "negotiate": (False, "--no-negotiation"), "explain": (True, "--explain")}
"""Value at which a switch is passed on, and how."""
_ALWAYS = {"json": (True, "--json"), "debug": (True, "--debug")}
"""The same, of those that `resume` has, too."""
_STOPPING = "textuportray: stopping "
"""How a command begins what it says of a signal, before it has come to its end."""
_FILES = ("constraints", "gestures")
"""Options that name files, which go along."""


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("portrait", metavar="PORTRAIT", nargs="?", help="picture with a face that can be seen; a file or a URL")
    parser.add_argument("direction", metavar="DIRECTION", nargs="?", help="what the face should do, in words")
    parser.add_argument("-o", "--output", metavar="FILE", help="video or pictures to write: a URL, or a path on a shared disk")
    parser.add_argument("--resume", metavar="TAKE", help="go on with a take instead; a URL, or a path on a shared disk")
    parser.add_argument(
        "--dashboard", metavar="URL", help="where the cluster takes jobs (default: RAY_API_SERVER_ADDRESS, or this machine)"
    )
    parser.add_argument(
        "--working-dir",
        type=Path,
        metavar="DIR",
        help="folder that goes to the cluster instead of the program's source; PORTRAIT and tables lie in it",
    )
    parser.add_argument("--no-wait", dest="wait", action="store_false", help="leave when the job has begun")
    asking.add_take_options(parser, "25")
    asking.add_film_options(parser)
    asking.add_base_options(parser, "ray")


def run(options: argparse.Namespace, stopper: Stopper) -> int:
    """Hand the job in and follow it: 0 if it succeeds, 1 if it does not, with its own words."""
    from cluster.jobs import JobServer

    _check(options)
    with _folder(options) as package, contextlib.ExitStack() as stack:
        words, shared = _command(options, package)
        server = JobServer.at(options.dashboard)
        marks = [stack.enter_context(_mark(folder)) for folder in dict.fromkeys(path.parent for path in shared)]
        entry = ["python", "-m", "cluster.entry", *(word for mark in marks for word in ("--shared", str(mark)))]
        print(f"sending {package.size / 1e6:.1f} MB to {server.address}", file=sys.stderr, flush=True)
        job = server.submit(shlex.join([*entry, "--", *words]), package.folder, VARIABLES, _about(options), time.sleep)
        with stopper:
            return _follow(options, server, job, stopper)


def _follow(options: argparse.Namespace, server: JobServer, job: str, stopper: Stopper) -> int:
    """Follow a job to where it is of no more interest; the exit code.

    Raises:
        TakeError: it was stopped, or failed without a word of its own.
    """
    from cluster.jobs import Follower

    log = Log()
    follower = Follower(server, job, log.hear, time.monotonic, time.sleep)
    standing = follower.until(lambda: stopper() is not None or (log.begun and not options.wait))
    stopped = stopper()
    if stopped is None and not standing.over:
        _tell_where(options, server, job)
        return 0
    if not standing.over:
        server.stop(job)
        standing = follower.until(lambda: False)
    return _outcome(options, log, standing, server.words("logs", job), stopped)


def _outcome(options: argparse.Namespace, log: Log, standing: Standing, see: str, stopped: str | None) -> int:
    """Say what became of a job that is over; the exit code.

    Raises:
        TakeError: it was stopped, or failed without a word of its own.
    """
    from runtime.take_error import TakeError

    if standing.status == "SUCCEEDED":
        return 0
    if standing.status == "STOPPED":
        who = f"by {stopped}" if stopped else "by somebody else"
        if log.resumable:
            again = ["textuportray", "submit", "--resume", _take(options)]
            again += ["--dashboard", options.dashboard] if options.dashboard else []
            raise TakeError(f"the job was stopped {who}. Go on with: {shlex.join(again)}")
        raise TakeError(f"the job was stopped {who} before there was anything to go on with. Give the same command again.")
    if log.explained:
        return 1
    said = " ".join(standing.about.split())[-400:] or "Ray gives no reason"
    raise TakeError(f"The job failed without a word of its own: {said}. See all that it said: {see}")


class Log:
    """Tells the job's log: its result on standard output, all else on standard error.

    Attributes:
        begun: whether the job has come as far as our own code.
        explained: whether it has said why it fails.
        resumable: whether it has said how to go on with it.
    """

    def __init__(self) -> None:
        self.begun = self.explained = self.resumable = False
        self._part = ""

    def hear(self, line: str) -> None:
        """The next line."""
        from cluster.entry import BEGUN, END, RESULT

        if not self.begun:
            self.begun = line.startswith(BEGUN)  # what comes before that is Ray's own
            if not self.begun:
                return
        if line in (RESULT, END):
            self._part = line
        elif self._part == RESULT:
            print(line, flush=True)
        elif not self._part:
            if line.startswith("textuportray: ") and not line.startswith(_STOPPING):
                self.explained = True
                self.resumable = self.resumable or " textuportray resume " in line
            print(line, file=sys.stderr, flush=True)


def _tell_where(options: argparse.Namespace, server: JobServer, job: str) -> None:
    """Say how to follow a job that goes on."""
    follow, stop = server.words("logs --follow", job), server.words("stop", job)
    if options.json:
        print(json.dumps({"job": job, "dashboard": server.address, "follow": follow, "stop": stop}))
    else:
        print(f"{job}: the job goes on\nfollow it with: {follow}\nstop it with: {stop}")


# --------------------------------------------------------------------------------------------------------------- before


def _check(options: argparse.Namespace) -> None:
    """Find out what can be found out here.

    Raises:
        UsageError: that cannot be asked for.
        ConfigError: a table is wrong.
        PortraitError: the portrait cannot be used.
    """
    from runtime.loading import read_tables
    from runtime.options import UsageError, video_rate

    if options.address:
        raise UsageError(
            "--address has no meaning for a job, which joins the cluster that it runs on. Say with --dashboard where that is."
        )
    if options.resume is not None:
        given = [name for name in ("portrait", "direction", "output") if getattr(options, name) is not None]
        if given:
            raise UsageError("--resume goes on with a take as it was asked for. Leave PORTRAIT, DIRECTION and -o out.")
        _refuse_credentials(options.resume)
        asking.base_options(options)
        return
    for name in ("portrait", "direction", "output"):
        if getattr(options, name) is None:
            said = {"output": "-o FILE"}.get(name, name.upper())
            raise UsageError(f"{said} is missing. Give a portrait, a direction and an output, or --resume with a take.")
    wanted = asking.take_options(options)
    video_rate(wanted.fps, f"--fps {options.fps}")
    asking.base_options(options)
    read_tables(dict(wanted.tables))
    _check_film(options)


def _check_film(options: argparse.Namespace) -> None:
    """Find out whether the portrait can be used and the outputs can be written, as far as that is to be known here.

    Raises:
        UsageError: they cannot.
        PortraitError: it cannot.
    """
    from renderer.video import VideoError, check_output
    from runtime.filming import check_picture, check_portrait
    from runtime.options import UsageError, parse_background
    from runtime.outputs import TakeFiles
    from runtime.urls import is_url

    for text in (options.output, *([options.sheet] if options.sheet else [])):
        _refuse_credentials(text)
    asking.portrait_options(options)
    portrait = Path("portrait") if is_url(options.portrait) else Path(options.portrait)
    if not is_url(options.portrait):
        check_portrait(portrait)
    name = options.output
    if is_url(name):
        last = name.rstrip("/").rpartition("/")[2]
        name = f"{last}/" if name.endswith("/") else last
    try:
        check_output(name, parse_background(options.background))
    except VideoError as error:
        raise UsageError(str(error)) from None
    if not is_url(options.output):
        TakeFiles.beside(Path(options.output)).check(folder=True)
    if options.sheet and not is_url(options.sheet):
        check_picture(Path(options.sheet), "--sheet", portrait)


def _refuse_credentials(text: str) -> None:
    """Refuse what others would see.

    Raises:
        UsageError: there are credentials in a URL.
    """
    from runtime.options import UsageError
    from runtime.urls import shown

    if shown(text) != text:
        raise UsageError(
            f"{shown(text)} was given with credentials, which everybody would see who may look at the cluster's jobs. Give "
            "them in the environment of the cluster's nodes."
        )


@contextlib.contextmanager
def _folder(options: argparse.Namespace) -> Iterator[Package]:
    """What goes to the cluster.

    Raises:
        UsageError: the folder that the user named is none.
    """
    from cluster.packing import Package, packed
    from runtime.options import UsageError

    if options.working_dir is None:
        with packed() as package:
            yield package
        return
    if not options.working_dir.is_dir():
        raise UsageError(f"--working-dir {options.working_dir} is no folder. Name the folder that is to go to the cluster.")
    yield Package(options.working_dir.absolute())


def _command(options: argparse.Namespace, package: Package) -> tuple[list[str], list[Path]]:
    """The words for the command line in the job, and the paths that have to be on a shared disk.

    Raises:
        UsageError: a file does not lie where it has to.
        PlaceError: a portrait could not be fetched.
    """
    from runtime.urls import is_url

    shared: list[Path] = []

    def placed(text: str) -> str:
        if is_url(text):
            return text
        shared.append(Path(text).absolute())
        return f"{shared[-1]}/" if text.endswith("/") else str(shared[-1])

    always = [word for name, (value, word) in _ALWAYS.items() if getattr(options, name) == value]
    if options.resume is not None:
        explain = ["--explain"] if options.explain else []
        words = ["resume", *always, *explain, *_valued(options, _BASE), "--", placed(options.resume)]
        if shared:
            shared = [_furnished(shared[0]) / "journal"]
        return words, shared
    words = ["animate", f"--output={placed(options.output)}", *always]
    if options.sheet:
        words.append(f"--sheet={placed(options.sheet)}")
    words += [word for name, (value, word) in _SWITCHES.items() if getattr(options, name) == value]
    words += _valued(options, _VALUES + _BASE)
    for name in _FILES:
        if (path := getattr(options, name)) is not None:
            words.append(f"--{name}={_sent(path, options, package)}")
    return [*words, "--", _portrait(options, package), options.direction], shared


def _valued(options: argparse.Namespace, names: tuple[str, ...]) -> list[str]:
    """Options with the values that they were given."""
    words: list[str] = []
    for name in names:
        given = getattr(options, name)
        words += [f"--{name.replace('_', '-')}={value}" for value in (given if isinstance(given, list) else [given]) if value]
    return words


def _furnished(take: Path) -> Path:
    """The folder of a take on a shared disk, with a copy of its portrait if that lies on this machine.

    Raises:
        UsageError: there is no such take.
    """
    from runtime.commands.placing import PORTRAIT
    from runtime.outputs import copy_file
    from runtime.takes import folder_of_journal, record_of
    from runtime.urls import is_url

    folder = folder_of_journal(take)
    film = record_of(folder).get("film")
    text = film.get("portrait") if isinstance(film, dict) else None
    if isinstance(text, str) and not is_url(text) and Path(text).is_file():
        copy = folder / PORTRAIT / Path(text).name
        if not copy.exists():
            copy.parent.mkdir(exist_ok=True)
            copy_file(Path(text), copy)
    return folder


def _portrait(options: argparse.Namespace, package: Package) -> str:
    """The portrait as the job is to name it.

    Raises:
        UsageError: there is none.
        PlaceError: it could not be fetched.
    """
    import tempfile

    from runtime.places import MAX_INPUT, fetched
    from runtime.urls import is_url, shown

    text: str = options.portrait
    if is_url(text) and shown(text) == text:
        return text  # the job fetches it
    if not is_url(text):
        return _sent(Path(text), options, package)
    with tempfile.TemporaryDirectory(prefix="textuportray-") as folder:
        return _sent(fetched(text, MAX_INPUT, Path(folder)), options, package)


def _sent(path: Path, options: argparse.Namespace, package: Package) -> str:
    """A file that goes along, by its name in the job.

    Raises:
        UsageError: it lies outside of the folder that goes to the cluster.
    """
    from runtime.options import UsageError

    if options.working_dir is None:
        return package.add(path)
    full = path.resolve()
    if not full.is_relative_to(options.working_dir.resolve()):
        raise UsageError(
            f"{path} lies outside of {options.working_dir}, which goes to the cluster. Put it there, or leave --working-dir "
            "out."
        )
    return str(full.relative_to(options.working_dir.resolve()))


@contextlib.contextmanager
def _mark(folder: Path) -> Iterator[Path]:
    """A file in a folder by which the job finds out that it sees the same folder.

    Raises:
        UsageError: it cannot be written.
    """
    from runtime.options import UsageError

    path = folder / f".textuportray-{secrets.token_hex(8)}.try"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"Written to find out whether a job sees this folder.\n")
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be written ({error.strerror or error}). Name a folder on a disk that this machine and the "
            "cluster share, or a URL."
        ) from None
    try:
        yield path
    finally:
        with contextlib.suppress(OSError):
            path.unlink()


def _about(options: argparse.Namespace) -> dict[str, str]:
    """What the cluster's dashboard shows with the job."""
    from runtime.urls import shown

    if options.resume is not None:
        return {"job_name": "textuportray resume", "take": options.resume}
    return {"job_name": "textuportray animate", "direction": options.direction[:1000], "output": shown(options.output)}


def _take(options: argparse.Namespace) -> str:
    """The take that the job works on."""
    from runtime.outputs import TakeFiles
    from runtime.urls import is_url

    if options.resume is not None:
        given: str = options.resume
        return given
    text: str = options.output.rstrip("/")
    if not is_url(text):
        return str(TakeFiles.beside(Path(text)).folder)
    above, _, name = text.rpartition("/")
    return f"{above}/{Path(name).with_suffix('.take')}"
