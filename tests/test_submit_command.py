"""`submit`: a take made, stopped and gone on with as a job of a real cluster that asks for a token."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys

from collections.abc import Iterator
from pathlib import Path

import pytest

from PIL import Image

from cluster.entry import BEGUN
from protocol.journal import read_journal
from renderer.video import probe
from runtime.cli import main
from tests.away import away_url
from tests.heads import Head, head
from tests.program import at_home, command, left

pytestmark = pytest.mark.ray

ROOT = Path(__file__).resolve().parent.parent
SMALL = ["--seconds", "2", "--fps", "12", "--size", "96"]
LONG = ["--seconds", "60", "--fps", "50", "--size", "512"]
DIRECTION = "She smiles, then nods."
RAY = str(Path(sys.executable).with_name("ray"))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Head]:
    with head(2) as started:
        yield started


@pytest.fixture(autouse=True)
def _at_home(tmp_path) -> Iterator[None]:
    with at_home(tmp_path):
        yield


@pytest.fixture
def portrait(sample) -> str:
    Image.fromarray(sample).save("me.png")
    return "me.png"


def submitted(cluster: Head, *words: str, **changed: str) -> subprocess.CompletedProcess[str]:
    """The command as its user gives it."""
    environment = {**cluster.environment, **changed}
    done = [*command("submit", *words), "--dashboard", cluster.dashboard]
    return subprocess.run(done, env=environment, capture_output=True, text=True, check=False)


def ray_job(cluster: Head, verb: str) -> list[str]:
    """Ray's own command."""
    return [RAY, "job", verb, "--address", cluster.dashboard]


def paragraph(done: subprocess.CompletedProcess[str]) -> str:
    """What a command that failed says at last."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1].removeprefix("textuportray: ")


# ----------------------------------------------------------------------------------------------------------------- jobs


def test_a_take_is_made_and_told_as_if_it_had_been_made_here(cluster, portrait):
    done = submitted(cluster, portrait, DIRECTION, *SMALL, "-o", "new/out.mp4", "--sheet", "out.png", "--json")
    assert done.returncode == 0, done.stderr
    assert probe(Path("new/out.mp4")).frames == 24
    told = json.loads(done.stdout)
    assert (told["output"], told["frames"]) == (str(Path("new/out.mp4").absolute()), 24)
    heard = done.stderr.splitlines()
    assert re.fullmatch(r"sending \d\.\d MB to http://.*", heard[0])
    assert re.fullmatch(rf"{BEGUN} raysubmit_\w+ on .*", heard[1])
    assert any(line.startswith("rendering: 24 frames in ") for line in heard)
    assert left(Path()) == [
        *("me.png", "new", "new/out.mp4", "new/out.take"),
        *(f"new/out.take/{name}" for name in ("journal.mcap", "motion.json", "portrait", "portrait/me.png")),
        *("new/out.take/take.json", "new/out.take/timeline.json", "out.png"),
    ]
    assert main(["verify", "new/out.mp4"]) == 0


def test_the_program_can_be_handed_in_with_rays_own_command(cluster, portrait, tmp_path):
    """From a clone, whose folder goes along."""
    out = tmp_path / "out.mp4"
    words = ["python", "-m", "runtime", "animate", str(tmp_path / portrait), DIRECTION, *SMALL, "-o", str(out)]
    job = [*ray_job(cluster, "submit"), "--working-dir", ".", "--", *words]
    done = subprocess.run(job, env=cluster.environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert f"{out}: 2.00 s, 24 frames" in done.stdout
    assert probe(out).frames == 24


def test_a_job_that_ray_stops_closes_its_journal_in_the_time_that_it_has(cluster, portrait, tmp_path):
    """Ray kills it 3 s after the signal if nothing else was said."""
    out = tmp_path / "out.mp4"
    words = ["python", "-m", "runtime", "animate", str(tmp_path / portrait), DIRECTION, *LONG, "-o", str(out)]
    job = [*ray_job(cluster, "submit"), "--submission-id", "stopped-by-ray", "--working-dir", ".", "--", *words]
    heard: list[str] = []
    with subprocess.Popen(job, env=cluster.environment, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            heard.append(line)
            if line.startswith("rendering"):
                break
        stop = [*ray_job(cluster, "stop"), "stopped-by-ray"]
        subprocess.run(stop, env=cluster.environment, capture_output=True, check=True)
        heard += process.stdout.read().splitlines()
    (said,) = [line for line in heard if "stopped by SIGTERM" in line]
    assert f"Go on with: textuportray resume {tmp_path / 'out.take'}" in said
    assert left(tmp_path) == ["me.png", "out.take", "out.take/journal.mcap", "out.take/take.json"]
    with (tmp_path / "out.take" / "journal.mcap").open("rb") as stream:
        assert read_journal(stream).closed


def test_a_take_that_is_stopped_goes_on_as_a_job_and_comes_to_the_same(cluster, portrait, tmp_path):
    """By a signal to who follows it, with URLs; what it says is carried out."""
    place = tmp_path / "away"
    words = ["--seconds", "8", "--emotion", "nervous"]
    assert main(["plan", DIRECTION, *words, "--fps", "25", "-o", "whole.json"]) == 0
    full = command(
        "submit",
        portrait,
        DIRECTION,
        *words,
        "--size",
        "512",
        "-o",
        away_url(place / "out.mp4"),
        "--dashboard",
        cluster.dashboard,
    )
    with subprocess.Popen(full, env=cluster.environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("planning"):
                process.send_signal(signal.SIGINT)
                break
        said = process.stderr.read().splitlines()
    assert process.returncode == 1
    assert "stopped by SIGTERM" in said[-2]
    assert not (place / "out.mp4").exists()
    assert {"journal.mcap", "portrait/me.png", "take.json"} <= set(left(place / "out.take"))
    told, _, rest = said[-1].partition("Go on with: ")
    assert told == "textuportray: the job was stopped by SIGINT. "
    program, name, *more = shlex.split(rest)
    assert (program, name) == ("textuportray", "submit")
    assert more[:2] == ["--resume", away_url(place / "out.take")]
    Path(portrait).unlink()
    assert submitted(cluster, *more).returncode == 0
    assert probe(place / "out.mp4").frames == 200
    assert (place / "out.take" / "motion.json").read_bytes() == Path("whole.json").read_bytes()
    assert main(["verify", str(place / "out.take")]) == 0


def test_a_job_that_fails_says_so_in_its_own_words(cluster):
    Image.new("RGB", (96, 96), (90, 90, 90)).save("nobody.png")
    said = paragraph(submitted(cluster, "nobody.png", DIRECTION, "-o", "out.mp4"))
    assert said.startswith("nobody.png: no face was found.")
    assert left(Path()) == ["nobody.png"]


def test_a_job_is_left_when_it_has_begun(cluster, portrait):
    done = submitted(cluster, portrait, DIRECTION, *LONG, "-o", "out.mp4", "--no-wait", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["job"] in done.stderr
    assert left(Path()) == ["me.png"]
    follow, stop = shlex.split(told["follow"]), shlex.split(told["stop"])
    stopped = subprocess.run([RAY, *stop[1:]], env=cluster.environment, capture_output=True, text=True, check=False)
    assert stopped.returncode == 0, stopped.stdout
    log = subprocess.run([RAY, *follow[1:]], env=cluster.environment, capture_output=True, text=True, check=False)
    assert BEGUN in log.stdout


# ------------------------------------------------------------------------------------------------------------ not so


@pytest.mark.parametrize("token", [{"RAY_AUTH_MODE": "disabled"}, {"RAY_AUTH_TOKEN": "00" * 32}])
def test_who_has_no_token_is_told_how_to_give_it(cluster, portrait, token):
    said = paragraph(submitted(cluster, portrait, DIRECTION, "-o", "out.mp4", **token))
    assert "asks for a token, and the one given is missing or wrong. Set RAY_AUTH_MODE=token" in said
    assert cluster.environment["RAY_AUTH_TOKEN"] not in said
