"""The folder that goes to the cluster with a job: this program's own source, and the user's files that a take is made from.

Rules
- The source that hands a job in is the source that runs it, so versions always match. It is some hundred files of text; models
  are fetched by the nodes themselves.
- Files of the user's keep their names, since a take's record names them, in a folder of their own beside the source.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from runtime.version import VERSION

PACKAGES = ("protocol", "configs", "agents", "renderer", "runtime", "cluster")
INPUTS = "inputs"
"""The folder of the user's files."""
_KINDS = frozenset({".py", ".yaml"})
_LEFT_OUT = frozenset({"deploy", "__pycache__"})
_PROGRAM = "textuportray"


@contextlib.contextmanager
def packed() -> Iterator[Package]:
    """A folder with the source in it, for as long as the context lasts."""
    with TemporaryDirectory(prefix="textuportray-job-") as folder:
        package = Package(Path(folder))
        package.add_source(Path(__file__).resolve().parents[1])
        yield package


class Package:
    """What goes to the cluster.

    Args:
        folder: empty.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())

    def add_source(self, root: Path) -> None:
        """Add the program.

        Args:
            root: the folder that its packages are in.
        """
        for name in PACKAGES:
            for path in sorted((root / name).rglob("*")):
                relative = path.relative_to(root)
                if path.suffix in _KINDS and path.is_file() and not _LEFT_OUT & set(relative.parts):
                    _copy(path, self.folder / relative)
        # Who asks for the versions of packages by their names is told that of this source, whatever is installed there.
        about = self.folder / f"{_PROGRAM}-{VERSION}.dist-info" / "METADATA"
        about.parent.mkdir()
        about.write_text(f"Metadata-Version: 2.1\nName: {_PROGRAM}\nVersion: {VERSION}\n", encoding="utf-8")

    def add(self, path: Path) -> str:
        """Add a file of the user's; its name in the job, from its working directory.

        Raises:
            OSError: it cannot be read.
        """
        number, place = 0, Path(INPUTS, path.name)
        while (self.folder / place).exists():
            number += 1
            place = Path(INPUTS, str(number), path.name)
        _copy(path, self.folder / place)
        return str(place)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def left_out(folder: Path, name: Path) -> bool:
    """Whether Ray leaves a file out when it sends a folder as it is: by a .gitignore or a .rayignore, or by a list of its own.

    Args:
        folder: that is sent.
        name: of the file, from there.
    """
    try:
        from ray._private.ray_constants import (  # noqa: PLC0415 - takes a second
            RAY_RUNTIME_ENV_IGNORE_GITIGNORE,
            get_runtime_env_default_excludes,
        )
        from ray._private.runtime_env.packaging import _get_excludes, get_excludes_from_ignore_files  # noqa: PLC0415

        git = os.environ.get(RAY_RUNTIME_ENV_IGNORE_GITIGNORE, "0") != "1"
        ignored = [_get_excludes(folder, get_runtime_env_default_excludes())]
        path = folder
        for part in name.parts:
            ignored += get_excludes_from_ignore_files(path, include_gitignore=git, logger=logging.getLogger(__name__))
            path /= part
            if any(matches(path) for matches in ignored):
                return True
    except (ImportError, TypeError):
        return False  # another Ray, in which this is called otherwise: the job says that the file is missing
    return False
