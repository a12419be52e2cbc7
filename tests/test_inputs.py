"""Files that a user names: opened when they are files that hold something, refused in one paragraph otherwise."""

from __future__ import annotations

import os

from pathlib import Path

import pytest

from renderer.errors import RendererError
from renderer.inputs import open_input


class Refused(RendererError):
    """Stands for the error of the module that opens a file."""


def _open(path: Path, most: int = 10) -> bytes:
    with open_input(path, "a portrait", most=most, refused=Refused) as stream:
        return stream.read()


def test_a_file_is_opened(tmp_path):
    (tmp_path / "a").write_bytes(b"0123456789")
    assert _open(tmp_path / "a") == b"0123456789"


def test_a_link_leads_to_its_file(tmp_path):
    (tmp_path / "a").write_bytes(b"there")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert _open(tmp_path / "b") == b"there"


def test_what_is_no_usable_file_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "empty").touch()
    (tmp_path / "large").write_bytes(bytes(11))
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    os.mkfifo(tmp_path / "pipe")
    for name, said in {
        "none": "does not exist, so there is no file to read as a portrait. Check the name",
        "empty": "is empty, so it is not a portrait.*get it again",
        "large": "has 11 bytes and the limit is 10 bytes.*smaller",
        "circle": r"cannot be read as a portrait \(Too many levels of symbolic links\)",
        "pipe": "is a device, a pipe or the like",
        ".": "is a folder, not a portrait",
        "large/below": "cannot be read.*Not a directory",
        "zero\0byte": "is not a name that a file can have",
        "n" * 300: "File name too long",
    }.items():
        with pytest.raises(Refused, match=said):
            _open(tmp_path / name)


def test_large_sizes_are_told_in_mebibytes(tmp_path):
    with (tmp_path / "large").open("wb") as stream:
        stream.truncate(300 * 2**20)  # takes no room on the disk
    with pytest.raises(Refused, match="has 300 MiB and the limit is 256 MiB"):
        _open(tmp_path / "large", 256 * 2**20)
