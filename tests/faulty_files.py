"""File systems in memory that a test can make fail where it likes, and that log what is done to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fsspec.implementations.memory import MemoryFile, MemoryFileSystem

Fault = Callable[[str, str], None]
"""Called with an action (open, create, read, write, list, move, copy, remove, mkdir) and a path; raises to fail it."""


class FaultyFiles(MemoryFileSystem):  # type: ignore[misc] # untyped
    """Files in memory under `faulty://`, without a move of their own.

    Attributes:
        fault: decides what fails.
        log: the actions that were begun, as "action path".
        keeps: of what is written to a file so many bytes; None for all.
    """

    protocol = "faulty"
    cachable = False
    fault: Fault = staticmethod(lambda action, path: None)
    log: list[str] = []  # noqa: RUF012 - set anew for each test
    keeps: int | None = None

    @classmethod
    def _strip_protocol(cls, path: Any) -> str:
        return MemoryFileSystem._strip_protocol(str(path).removeprefix(f"{cls.protocol}://"))

    def _begin(self, action: str, path: str) -> None:
        type(self).log.append(f"{action} {path}")
        type(self).fault(action, path)

    def _open(self, path: str, mode: str = "rb", **_: Any) -> Any:
        self._begin("open" if "r" in mode else "create", path)
        if "r" in mode:
            super()._open(path, mode)
            return _Reading(self, path, self.store[path].getvalue())
        file = _Writing(self, path)
        file.commit()
        return file

    def ls(self, path: str, detail: bool = True, **_: Any) -> Any:
        self._begin("list", path)
        return super().ls(path, detail=detail)

    def cp_file(self, path1: str, path2: str, **_: Any) -> None:
        self._begin("copy", path2)
        super().cp_file(path1, path2)

    def rm_file(self, path: str) -> None:
        self._begin("remove", path)
        super().rm_file(path)

    def mkdir(self, path: str, create_parents: bool = True, **_: Any) -> None:
        self._begin("mkdir", path)
        super().mkdir(path, create_parents=create_parents)


class _Writing(MemoryFile):  # type: ignore[misc] # untyped
    def write(self, data: bytes) -> int:
        kept = data[: type(self.fs).keeps]
        super().write(kept[: len(kept) // 2])
        self.fs._begin("write", self.path)
        super().write(kept[len(kept) // 2 :])
        return len(data)


class _Reading(MemoryFile):  # type: ignore[misc] # untyped
    def read(self, size: int = -1) -> Any:
        self.fs._begin("read", self.path)
        return super().read(size)


class MovingFiles(FaultyFiles):
    """Files under `moving://` with a move that does not replace what is there, as with HDFS."""

    protocol = "moving"

    def mv(self, path1: str, path2: str, **_: Any) -> None:
        self._begin("move", path2)
        if path2 in self.store:
            raise FileExistsError(path2)
        self.store[path2] = self.store.pop(path1)


class Objects(FaultyFiles):
    """An object store under `s3://`: no folders, no files that are opened for writing, objects that appear whole."""

    protocol = "s3"

    def put_file(self, lpath: str, rpath: str, callback: Any = None, **_: Any) -> None:
        with open(lpath, "rb") as stream:  # noqa: PTH123 - theirs are texts
            data = stream.read()
        callback.set_size(len(data))
        self._begin("write", rpath)
        self.store[rpath] = MemoryFile(self, rpath, data)
        callback.relative_update(len(data))

    def _open(self, path: str, mode: str = "rb", **_: Any) -> Any:
        assert mode == "rb", "an object is put as a whole"
        return super()._open(path, mode)

    def mkdir(self, path: str, create_parents: bool = True, **_: Any) -> None:
        raise AssertionError("an object store has no folders, and making one might make a bucket")


@contextmanager
def faulty_files() -> Iterator[None]:
    """The three kinds, empty and without a fault, for the time of a test."""
    from fsspec.registry import _registry  # noqa: PLC0415 - what can be registered cannot be taken back otherwise

    with pytest.MonkeyPatch.context() as patch:
        for kind in (FaultyFiles, MovingFiles, Objects):
            patch.setitem(_registry, kind.protocol, kind)
            patch.setattr(kind, "fault", staticmethod(kind.fault))  # so that what a test sets instead is taken back
            fresh: dict[str, Any] = {"store": {}, "pseudo_dirs": [""], "log": [], "keeps": None}
            for name, value in fresh.items():
                patch.setattr(kind, name, value)
        yield
