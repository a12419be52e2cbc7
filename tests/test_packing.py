"""The folder that goes to a cluster runs the program by itself, and holds nothing that is not needed for that."""

from __future__ import annotations

import subprocess
import sys

from importlib import metadata
from pathlib import Path

from cluster.packing import PACKAGES, packed
from tests.architecture import MAY_IMPORT


def test_it_holds_the_packages_and_nothing_else():
    with packed() as package:
        names = {path.relative_to(package.folder).parts[0] for path in package.folder.rglob("*")}
        assert names == {*PACKAGES, f"textuportray-{metadata.version('textuportray')}.dist-info"}
        assert {path.suffix for path in package.folder.rglob("*") if path.is_file()} == {".py", ".yaml", ""}
        assert not (package.folder / "cluster" / "deploy").exists()
        assert not list(package.folder.rglob("__pycache__"))
        assert package.size < 10e6
    assert not package.folder.exists()


def test_no_package_is_forgotten():
    assert set(PACKAGES) == set(MAY_IMPORT)


def test_the_program_runs_from_it_under_its_own_version():
    with packed() as package:
        code = "from importlib.metadata import version; from runtime import cli; print(cli.__file__, version('textuportray'))"
        code = f"import sys; sys.path.insert(0, ''); {code}"
        done = subprocess.run(
            [sys.executable, "-P", "-c", code], cwd=package.folder, capture_output=True, text=True, check=True
        )
        place, version = done.stdout.split()
        assert Path(place).is_relative_to(package.folder)
        assert version == metadata.version("textuportray")


def test_files_of_the_users_keep_their_names_even_if_two_have_the_same(tmp_path):
    first, second = tmp_path / "a" / "me.png", tmp_path / "b" / "me.png"
    for path in (first, second):
        path.parent.mkdir()
        path.write_text(str(path), encoding="utf-8")
    with packed() as package:
        names = [package.add(first), package.add(second)]
        assert names == ["inputs/me.png", "inputs/1/me.png"]
        assert [(package.folder / name).read_text(encoding="utf-8") for name in names] == [str(first), str(second)]
