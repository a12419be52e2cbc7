"""The folder that goes to a cluster runs the program by itself, and holds nothing that is not needed for that."""

from __future__ import annotations

import shutil
import subprocess
import sys

from pathlib import Path

import pytest

from cluster.packing import PACKAGES, left_out, packed
from runtime.version import VERSION
from tests.architecture import MAY_IMPORT

ROOT = Path(__file__).resolve().parent.parent


def test_it_holds_the_packages_and_nothing_else():
    with packed() as package:
        names = {path.relative_to(package.folder).parts[0] for path in package.folder.rglob("*")}
        assert names == {*PACKAGES, f"textuportray-{VERSION}.dist-info"}
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
        assert version == VERSION


def test_the_program_knows_its_version_where_it_is_not_installed(tmp_path):
    """As from a clone, on nodes that have its dependencies alone: it cannot be asked for by its name."""
    for name in PACKAGES:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    code = """
import sys
from importlib import metadata

def version(name, real=metadata.version):
    if name == "textuportray":
        raise metadata.PackageNotFoundError(name)
    return real(name)

metadata.version = version
from runtime import cli
from runtime.commands import showing

print(cli.__file__)
print(showing._made({})["software"])
sys.exit(cli.main(["--version"]))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    place, *said = done.stdout.splitlines()
    assert Path(place).is_relative_to(tmp_path)
    assert said == [f"textuportray {VERSION}"] * 2


def test_files_of_the_users_keep_their_names_even_if_two_have_the_same(tmp_path):
    first, second = tmp_path / "a" / "me.png", tmp_path / "b" / "me.png"
    for path in (first, second):
        path.parent.mkdir()
        path.write_text(str(path), encoding="utf-8")
    with packed() as package:
        names = [package.add(first), package.add(second)]
        assert names == ["inputs/me.png", "inputs/1/me.png"]
        assert [(package.folder / name).read_text(encoding="utf-8") for name in names] == [str(first), str(second)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("me.png", False),
        ("out/me.png", True),
        ("inner/out/me.png", False),
        ("inner/raw/me.png", True),
        ("inner/deep/raw/me.png", True),
        ("kept/me.secret", True),
        (".venv/me.png", True),
    ],
)
def test_what_ray_leaves_out_of_a_folder_is_known(tmp_path, name, expected):
    """By what its own packing puts into the archive."""
    import zipfile  # noqa: PLC0415

    from ray._private.ray_constants import get_runtime_env_default_excludes  # noqa: PLC0415
    from ray._private.runtime_env.packaging import create_package  # noqa: PLC0415

    folder, archive = tmp_path / "folder", tmp_path / "sent.zip"
    (folder / name).parent.mkdir(parents=True)
    (folder / name).touch()
    (folder / "kept").mkdir(exist_ok=True)
    (folder / "inner").mkdir(exist_ok=True)
    (folder / ".gitignore").write_text("/out/\n*.secret\n", encoding="utf-8")
    (folder / "inner" / ".rayignore").write_text("raw\n", encoding="utf-8")
    assert left_out(folder, Path(name)) is expected
    create_package(str(folder), archive, include_gitignore=True, excludes=get_runtime_env_default_excludes())
    assert (name not in zipfile.ZipFile(archive).namelist()) is expected
