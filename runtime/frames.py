"""Frames that were rendered before: kept on this machine, so that a revision renders only what has changed.

A frame follows from its portrait, its renderer and its own row of the motion (`renderer.interface`), so those are its name. It
is kept as its difference to the portrait, which is mostly nothing, compressed without loss.

Rules
- What is kept can never show: a file that is damaged, cut off, another frame's or of another size counts as not there. A disk
  that is full, slow or read-only costs the keeping, and never a take.
- A file appears under its name only when it is complete. Several processes may keep and use frames at once.
- All of it together stays below a limit; what was not used for longest goes first.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import struct
import sys
import time

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import structlog
import zstandard

from numpy.typing import NDArray

from protocol.canonical import pack
from renderer.interface import Frames
from renderer.motions import Samples
from renderer.weights import WeightsError, cache_folder
from runtime.options import UsageError

log = structlog.get_logger()

LIMIT_VARIABLE = "TEXTUPORTRAY_FRAMES"
"""How many GiB of frames are kept at most; 0 keeps none."""
GIB = 2.0
FOLDER = "frames"
_MAGIC = b"TPF1"
_HEAD = struct.Struct("<4s16sHHB")
"""Magic, checksum, height, width, channels."""
_LEVEL = -1
"""Of zstd: 2.6 ms for a frame of 512 x 640, where rendering it takes 90; level 1 takes 7 ms for a sixth less on the disk."""
_SUFFIX = ".frame"
_PART = ".part"
_STALE_S = 3600.0  # age from which an unfinished file is what a killed process left
_ROOM = 0.9  # share of the limit that is left in use after clearing
_LOOK = 0.02  # share of the limit that is written between two looks at how much there is


@dataclass
class Tally:
    """How many frames came from where.

    Attributes:
        drawn: rendered.
        kept: taken from before.
    """

    drawn: int = 0
    kept: int = 0


class FrameStore:
    """Frames of one stage.

    Args:
        folder: of all stages' frames.
        limit: bytes of all of them together.
        stage: digest of everything that frames depend on besides their rows.
        still: uint8 [height, width, channels] that frames differ little from; part of the stage.
    """

    def __init__(self, folder: Path, limit: int, stage: str, still: NDArray[np.uint8]) -> None:
        self._root = folder
        self._folder = folder / stage
        self._limit = limit
        self._stage = stage.encode()
        self._still = still
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self._decompressor = zstandard.ZstdDecompressor()
        self._written = limit  # as if there were none known: the first frame that is kept has a look
        self._broken = False

    def render(self, rows: Samples, draw: Callable[[Samples], Frames], tally: Tally) -> Frames:
        """Frames of some rows of a motion: those that are kept, and the others drawn and kept from now on.

        Args:
            rows: float32 [frames, channels].
            draw: renders rows.
            tally: what came from where is added to it.

        Returns:
            uint8 [frames, height, width, channels].
        """
        names = [self._name(row) for row in rows]
        found = [self._found(name) for name in names]
        missing = [place for place, frame in enumerate(found) if frame is None]
        tally.kept += len(rows) - len(missing)
        if not missing and found:
            return np.stack([frame for frame in found if frame is not None])
        drawn = draw(np.ascontiguousarray(rows[missing]))
        tally.drawn += len(missing)
        for place, frame in zip(missing, drawn, strict=True):
            self._keep(names[place], frame)
        if len(missing) == len(rows):
            return drawn
        frames: Frames = np.empty((len(rows), *drawn.shape[1:]), np.uint8)
        frames[missing] = drawn
        for place, kept in enumerate(found):
            if kept is not None:
                frames[place] = kept
        return frames

    def _name(self, row: Samples) -> str:
        return hashlib.blake2b(np.ascontiguousarray(row).data, digest_size=16).hexdigest()

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{_SUFFIX}"

    def _found(self, name: str) -> NDArray[np.uint8] | None:
        """A frame that is kept; None if it is not, or not as it was."""
        path = self._path(name)
        try:
            data = path.read_bytes()
            magic, known, *shape = _HEAD.unpack_from(data)
            if magic != _MAGIC or tuple(shape) != self._still.shape:
                raise ValueError("it is of another kind")
            with self._decompressor.stream_reader(data[_HEAD.size :]) as reader:
                difference = reader.read(self._still.nbytes + 1)  # whatever size it says that it has
            if len(difference) != self._still.nbytes or self._checksum(name, difference) != known:
                raise ValueError("it is not what was kept")
        except FileNotFoundError:
            return None
        except (OSError, ValueError, struct.error, zstandard.ZstdError) as error:
            log.debug("a kept frame cannot be used", path=str(path), reason=str(error))
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        with contextlib.suppress(OSError):  # a folder of somebody else's may be read only
            os.utime(path)
        frame: NDArray[np.uint8] = np.frombuffer(difference, np.uint8).reshape(self._still.shape) + self._still
        return frame

    def _keep(self, name: str, frame: NDArray[np.uint8]) -> None:
        if self._broken or frame.shape != self._still.shape:
            return
        difference = (frame - self._still).tobytes()
        head = _HEAD.pack(_MAGIC, self._checksum(name, difference), *frame.shape)
        data = head + self._compressor.compress(difference)
        path = self._path(name)
        part = path.with_name(f".{name}.{os.getpid()}{_PART}")
        try:
            if self._written >= _LOOK * self._limit:
                self._folder.mkdir(parents=True, exist_ok=True)
                clear(self._root, self._limit)
                self._written = 0
            try:
                part.write_bytes(data)
                part.replace(path)
            except FileNotFoundError:  # the folder was cleared away meanwhile
                self._folder.mkdir(parents=True, exist_ok=True)
                part.write_bytes(data)
                part.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            self._broken = True
            log.info("frames are not kept any more", folder=str(self._folder), reason=str(error))
        self._written += len(data)

    def _checksum(self, name: str, difference: bytes) -> bytes:
        """Of a frame under its name: one that stands under another's is as wrong as one that is damaged."""
        made = hashlib.blake2b(self._stage + name.encode(), digest_size=16)
        made.update(difference)
        return made.digest()


def clear(folder: Path, limit: int) -> None:
    """Make room if all frames in a folder together take more than so many bytes; what was not used for longest goes first.

    Raises:
        OSError: the folder cannot be read.
    """
    found = []
    now = time.time()
    for stage in _entries(folder):
        if not stage.is_dir(follow_symlinks=False):
            continue
        try:
            entries = list(_entries(Path(stage.path)))
        except (FileNotFoundError, PermissionError):  # another process has removed it, or it is somebody else's
            continue
        for entry in entries:
            with contextlib.suppress(FileNotFoundError, PermissionError):  # another process clears as well
                known = entry.stat(follow_symlinks=False)
                if entry.name.endswith(_SUFFIX):
                    found.append((known.st_mtime_ns, known.st_size, entry.path))
                elif entry.name.endswith(_PART) and now - known.st_mtime > _STALE_S:
                    Path(entry.path).unlink()
    total = sum(size for _, size, _ in found)
    if total <= limit:
        return
    for _, size, path in sorted(found):
        if total <= _ROOM * limit:
            break
        with contextlib.suppress(PermissionError):
            Path(path).unlink(missing_ok=True)
            total -= size
    for stage in _entries(folder):
        with contextlib.suppress(OSError):  # it is not empty
            Path(stage.path).rmdir()


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        yield from entries


def limit_of(environment: Mapping[str, str]) -> int:
    """Bytes of frames that are kept at most; 0 for none.

    Raises:
        UsageError: the environment does not say a number of GiB.
    """
    text = environment.get(LIMIT_VARIABLE) or str(GIB)
    try:
        gib = float(text)
    except ValueError:
        gib = -1.0
    if not 0 <= gib <= 1e6:  # false for NaN
        raise UsageError(
            f"{LIMIT_VARIABLE} is {text[:40]!r} and has to be the GiB of rendered frames that are kept for revisions, such as "
            f"{GIB:g}, or 0 to keep none."
        )
    return int(gib * 2**30)


def open_store(environment: Mapping[str, str], depends: Mapping[str, Any], still: NDArray[np.uint8]) -> FrameStore | None:
    """Where frames of a stage are kept; None if they are not.

    Args:
        environment: says the folder and the limit.
        depends: plain data that the frames depend on besides their rows and this program's renderers.
        still: uint8 [height, width, channels] that they differ little from.

    Raises:
        UsageError: the environment does not say a number of GiB.
    """
    limit = limit_of(environment)
    if not limit:
        return None
    try:
        folder = cache_folder({name: value for name, value in environment.items() if name != "TEXTUPORTRAY_MODELS"})
    except WeightsError:
        return None  # there is no home to keep them in
    named = hashlib.blake2b(json.dumps(depends, sort_keys=True).encode(), digest_size=16)
    named.update(pack([_program(), _device(), list(still.shape)]))
    named.update(np.ascontiguousarray(still).data)
    return FrameStore(folder.with_name(FOLDER), limit, named.hexdigest(), still)


@cache
def _program() -> str:
    """Digest of the renderers' own code: while it is worked on, its version stays the same and its frames do not."""
    import renderer  # noqa: PLC0415 - the package itself is only of interest here

    made = hashlib.blake2b(digest_size=16)
    for place in sorted(renderer.__path__):
        for path in sorted(Path(place).rglob("*.py")):
            made.update(path.name.encode())
            made.update(path.read_bytes())
    return made.hexdigest()


def _device() -> list[str]:
    """What computes, as far as a frame's last bits may depend on it."""
    torch = sys.modules.get("torch")  # whoever renders with it has loaded it
    if torch is None:
        return [platform.machine()]
    names = [platform.machine(), str(torch.backends.cpu.get_cpu_capability())]
    return names + ([torch.cuda.get_device_name()] if torch.cuda.is_available() else [])
