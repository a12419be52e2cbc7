"""What `submit` is asked for: checked here, and put into the words that the command line gets in the job.

Rules
- What can be found out here is found out before anything is sent.
- A file:// URL is a path: it is on a shared disk, or it goes along.
- No credentials travel: everybody who can see the cluster's dashboard sees a job's command. The key of a language model's
  server is in the environment of the cluster's nodes, or there is none.
"""

from __future__ import annotations

import argparse
import contextlib

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.commands import asking

if TYPE_CHECKING:
    from cluster.packing import Package

_VALUES = ("seconds", "fps", "seed", "emotion", "size", "face", "background", "renderer", "device")
_BASE = ("runtime", "profile", "workers", "worker_gpus", "worker_cpus", "worker_label", "worker_resource")
"""Those that `resume` has, too."""
_SWITCHES = {
    "idle": (False, "--no-idle"),
    "negotiate": (False, "--no-negotiation"),
    "explain": (True, "--explain"),
    "neutral": (True, "--neutral"),
}
"""Value at which a switch is passed on, and how."""
_ALWAYS = {"json": (True, "--json"), "debug": (True, "--debug")}
"""The same, of those that `resume` has, too."""
_FILES = ("constraints", "gestures", "lexicon")
"""Options that name files, which go along."""
_PLACES = ("portrait", "output", "sheet", "resume")
"""What may be a path or a URL."""
_ASKED = {"portrait": "PORTRAIT", "direction": "DIRECTION", "output": "-o"}
"""What a new take cannot do without, as the user knows it."""
_OWN = frozenset(("resume", "dashboard", "working_dir", "wait"))
"""Options of `submit` alone."""
_USUAL_RUNTIME = "ray"


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
        help="folder that goes to the cluster instead of the program's source, but for what its .gitignore names; PORTRAIT and "
        "tables lie in it",
    )
    parser.add_argument("--no-wait", dest="wait", action="store_false", help="leave when the job has begun")
    asking.add_take_options(parser, "25")
    asking.add_candidates(parser)
    asking.add_film_options(parser)
    asking.add_base_options(parser, _USUAL_RUNTIME)


# --------------------------------------------------------------------------------------------------------------- checks


def checked(options: argparse.Namespace) -> argparse.Namespace:
    """The options, if they can be asked for as far as that is to be known here, with paths for file:// URLs.

    Raises:
        UsageError: they cannot.
        ConfigError: a table is wrong.
        PortraitError: the portrait cannot be used.
    """
    from runtime.loading import read_tables
    from runtime.options import UsageError, video_rate
    from runtime.urls import local_name

    if options.address:
        raise UsageError(
            "--address has no meaning for a job, which joins the cluster that it runs on. Say with --dashboard where that is."
        )
    given = {name: local_name(value) for name in _PLACES if (value := getattr(options, name)) is not None}
    options = argparse.Namespace(**{**vars(options), **given})
    if options.resume is not None:
        _check_resume(options)
        return options
    for name, said in _ASKED.items():
        if getattr(options, name) is None:
            missing = "-o FILE" if name == "output" else said
            raise UsageError(f"{missing} is missing. Give a portrait, a direction and an output, or --resume with a take.")
    wanted = asking.take_options(options)
    video_rate(wanted.fps, f"--fps {options.fps}")
    asking.base_options(options)
    read_tables(dict(wanted.tables), prompts=wanted.language_model is not None)
    _check_film(options)
    return options


def _check_resume(options: argparse.Namespace) -> None:
    """Find out whether all that is asked for can be asked of a take that was begun.

    Raises:
        UsageError: it cannot.
    """
    from runtime.commands import resume
    from runtime.options import UsageError

    asked, known = argparse.ArgumentParser(), argparse.ArgumentParser()
    describe(asked)
    resume.describe(known)
    may = vars(known.parse_args(["take"])).keys() | _OWN
    usual = vars(asked.parse_args([]))
    given = [_option(name) for name, value in usual.items() if name not in may and getattr(options, name) != value]
    if given:
        raise UsageError(f"--resume goes on with a take as it was asked for. Leave {', '.join(given)} out.")
    _refuse_credentials(options.resume)
    asking.base_options(options)


def _option(name: str) -> str:
    """An option as the user gives it."""
    return _ASKED.get(name) or _SWITCHES.get(name, ("", f"--{name}"))[1]


def _check_film(options: argparse.Namespace) -> None:
    """Find out whether the portrait can be used and the outputs can be written, as far as that is to be known here.

    Raises:
        UsageError: they cannot.
        PortraitError: it cannot.
    """
    from renderer.video import VideoError, check_output
    from runtime.delivery import check_output_url
    from runtime.filming import check_picture, check_portrait
    from runtime.options import UsageError, parse_background
    from runtime.outputs import TakeFiles
    from runtime.urls import is_url

    for text in (options.output, *([options.sheet] if options.sheet else [])):
        _refuse_credentials(text)
        if is_url(text):
            check_output_url(text)
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


# ---------------------------------------------------------------------------------------------------------------- words


@contextlib.contextmanager
def folder(options: argparse.Namespace) -> Iterator[Package]:
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


def command(options: argparse.Namespace, package: Package) -> tuple[list[str], list[Path]]:
    """The words for the command line in the job, and the paths that have to be on a shared disk.

    Raises:
        UsageError: a file does not lie where it has to.
        PlaceError: a portrait could not be fetched.
    """
    from runtime import language_options
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
    words += [f"--candidates={count}"] if (count := asking.candidates(options)) > 1 else []
    words += language_options.words(asking.language_model(options))
    for name in _FILES:
        if (path := getattr(options, name)) is not None:
            words.append(f"--{name}={_sent(path, options, package)}")
    return [*words, "--", _portrait(options, package), options.direction], shared


def going_on(options: argparse.Namespace) -> list[str]:
    """The command line that goes on with the take, on the same cluster and with renderers as this one has them."""
    words = ["textuportray", "submit", "--resume", take(options)]
    if options.dashboard:
        words += ["--dashboard", options.dashboard]
    if options.working_dir is not None:
        words += ["--working-dir", str(options.working_dir)]
    based = _BASE[1:] if options.runtime == _USUAL_RUNTIME else _BASE
    return [*words, *_valued(options, based)]


def take(options: argparse.Namespace) -> str:
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


def about(options: argparse.Namespace) -> dict[str, str]:
    """What the cluster's dashboard shows with the job."""
    from runtime.urls import shown

    if options.resume is not None:
        return {"job_name": "textuportray resume", "take": options.resume}
    return {"job_name": "textuportray animate", "direction": options.direction[:1000], "output": shown(options.output)}


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
        UsageError: there is none, or it cannot go along.
        PlaceError: it could not be fetched.
    """
    import tempfile

    from runtime.options import UsageError
    from runtime.places import MAX_INPUT, fetched
    from runtime.urls import is_url, shown

    text: str = options.portrait
    if is_url(text) and shown(text) == text:
        return text  # the job fetches it
    if not is_url(text):
        return _sent(Path(text), options, package)
    if options.working_dir is not None:
        raise UsageError(
            f"{shown(text)} was given with credentials, so it would be fetched here and sent, but --working-dir sends "
            f"{options.working_dir} alone. Save the portrait there and name that file, or leave --working-dir out."
        )
    with tempfile.TemporaryDirectory(prefix="textuportray-") as fetching:
        return _sent(fetched(text, MAX_INPUT, Path(fetching)), options, package)


def _sent(path: Path, options: argparse.Namespace, package: Package) -> str:
    """A file that goes along, by its name in the job.

    Raises:
        UsageError: it is not in the folder that goes to the cluster, or does not go with it.
    """
    from cluster.packing import left_out
    from runtime.options import UsageError

    if options.working_dir is None:
        return package.add(path)
    above, full = options.working_dir.resolve(), path.resolve()
    if not full.is_relative_to(above):
        raise UsageError(
            f"{path} lies outside of {options.working_dir}, which goes to the cluster. Put it there, or leave --working-dir "
            "out."
        )
    name = full.relative_to(above)
    if left_out(above, name):
        raise UsageError(
            f"{path} does not go to the cluster with {options.working_dir}: Ray leaves out what a .gitignore or .rayignore "
            "there names, and folders such as .git and .venv. Put it elsewhere in the folder, or leave --working-dir out."
        )
    return str(name)
