"""`submit`: a take made, stopped and gone on with as a job of a real cluster that asks for a token; what is refused before."""

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

from cluster.commands import submit
from cluster.entry import BEGUN
from cluster.jobs import JobServer
from protocol.journal import read_journal
from renderer.video import probe
from runtime.cli import main
from tests.heads import Head, head
from tests.program import at_home, command, left, planned, refused

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
        f"{place.as_uri()}/out.mp4",
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
    assert more[:2] == ["--resume", f"{place.as_uri()}/out.take"]
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


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "PORTRAIT is missing"),
        (["me.png"], "DIRECTION is missing"),
        (["me.png", DIRECTION], "-o FILE is missing"),
        (["me.png", DIRECTION, "-o", "out.avi"], "the ending .avi says no format"),
        (["me.png", DIRECTION, "-o", "s3://bucket/out.avi"], "the ending .avi says no format"),
        (["me.png", DIRECTION, "-o", "out.mp4", "--seconds", "0"], "--seconds '0' is not a length"),
        (["me.png", DIRECTION, "-o", "out.mp4", "--workers", "none"], "--workers"),
        (["me.png", DIRECTION, "-o", "out.mp4", "--address", "h:1"], "--address has no meaning for a job"),
        (["me.png", DIRECTION, "-o", "s3://key:secret@bucket/out.mp4"], "s3://bucket/out.mp4 was given with credentials"),
        (["me.png", DIRECTION, "-o", "out.mp4", "--constraints", "none.yaml"], "none.yaml: cannot be read"),
        (["me.png", DIRECTION, "-o", "out.mp4", "--working-dir", "none"], "--working-dir none is no folder"),
        (["me.png", DIRECTION, "-o", "out.mp4", "--working-dir", "inner"], "me.png lies outside of inner"),
        (["nobody.png", DIRECTION, "-o", "out.mp4"], "nobody.png does not exist"),
        (["me.png", "--resume", "out.take"], "Leave PORTRAIT, DIRECTION and -o out"),
        (["--resume", "out.take"], "out.take does not exist"),
        (["--resume", "s3://key:secret@bucket/out.take"], "was given with credentials"),
        (["me.png", DIRECTION, "-o", "out.mp4", "--dashboard", "ray://h:1"], "is not the address of a cluster's dashboard"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_before_anything_is_sent(capsys, words, said):
    Image.new("RGB", (8, 8)).save("me.png")
    Path("inner").mkdir()
    printed = refused(capsys, "submit", *words)
    assert said in printed
    assert "secret" not in printed


# -------------------------------------------------------------------------------------------------------- its command


@pytest.fixture
def words_of(monkeypatch):
    """The words that the command line gets in the job, and the folder's files of the user's."""

    class Sent(Exception):
        pass

    def sends(*words: str) -> tuple[list[str], list[str]]:
        def hold(address: str | None) -> None:
            raise Sent

        made: list[tuple[list[str], list[str]]] = []
        real = submit._command

        def spied(options, package):
            found = real(options, package)
            inputs = package.folder / "inputs"
            made.append((found[0], left(inputs) if inputs.exists() else []))
            return found

        monkeypatch.setattr(submit, "_command", spied)
        monkeypatch.setattr(JobServer, "at", hold)
        assert main(["submit", *words]) == 1
        return made[0]

    return sends


def test_every_option_of_animate_reaches_the_job(words_of, tmp_path):
    """Those with a value, given one that is not the usual; read by the parser of `animate` they come to the same."""
    import argparse  # noqa: PLC0415

    from runtime.commands import animate  # noqa: PLC0415

    Image.new("RGB", (8, 8)).save("-me.png")
    table = tmp_path / "mine.yaml"
    table.write_bytes((ROOT / "configs" / "gestures.yaml").read_bytes())
    given = ["--seconds=3", "--fps=12", "--seed=5", "--emotion=nervous", "--no-idle", "--no-negotiation", "--explain", "--json"]
    given += ["--gestures=mine.yaml", "--size=64", "--face=2", "--background=#102030", "--sheet=s3://b/a.png", "--device=cpu"]
    given += [
        "--profile=gpu",
        "--workers=3",
        "--worker-gpus=0.5",
        "--worker-cpus=2",
        "--worker-label=a=b",
        "--worker-label=c=d",
    ]
    given += ["--worker-resource=disk=1", "--output=s3://b/a.mp4", "--debug"]
    made, inputs = words_of(*given, "--", "-me.png", 'She\'s "sad"; $HOME')
    assert inputs == ["-me.png", "mine.yaml"]
    parser = argparse.ArgumentParser()
    animate.describe(parser)
    parser.add_argument("--debug", action="store_true")
    assert made[0] == "animate"
    sent, asked = parser.parse_args(made[1:]), parser.parse_args([*given, "--", "-me.png", 'She\'s "sad"; $HOME'])
    assert (sent.portrait, str(sent.gestures)) == ("inputs/-me.png", "inputs/mine.yaml")
    sent.portrait, sent.gestures = asked.portrait, asked.gestures
    assert sent == asked
    usual = vars(parser.parse_args(["p", "d", "-o", "o"]))
    same = {name for name, value in vars(asked).items() if usual[name] == value}
    assert same == {"constraints", "renderer", "runtime", "address"}, "an option that this test does not know"


def test_paths_are_made_full_and_urls_stay_as_they_are(words_of, tmp_path):
    Image.new("RGB", (8, 8)).save("me.png")
    made, _ = words_of("me.png", DIRECTION, "-o", "frames/", "--sheet", "s3://b/a.png")
    assert f"--output={tmp_path}/frames/" in made
    assert "--sheet=s3://b/a.png" in made
    made, inputs = words_of("s3://b/me.png", DIRECTION, "-o", "s3://b/a.mp4")
    assert made[-2:] == ["s3://b/me.png", DIRECTION]
    assert inputs == []


def test_a_folder_of_the_users_goes_as_it_is(words_of):
    Path("work").mkdir()
    Image.new("RGB", (8, 8)).save("work/me.png")
    made, inputs = words_of("work/me.png", DIRECTION, "-o", "s3://b/a.mp4", "--working-dir", "work")
    assert made[-2:] == ["me.png", DIRECTION]
    assert inputs == []
    assert left(Path()) == ["work", "work/me.png"]


def test_a_portrait_that_lies_here_goes_into_the_take_that_is_gone_on_with(words_of, tmp_path):
    planned(tmp_path)
    record = json.loads(Path("motion.take/take.json").read_bytes())
    Path("me.png").write_bytes(b"a picture")
    Path("motion.take/take.json").write_text(json.dumps({**record, "film": {"portrait": str(tmp_path / "me.png")}}))
    made, _ = words_of("--resume", "motion.json", "--explain")
    assert made == ["resume", "--explain", "--runtime=ray", "--", str(tmp_path / "motion.json")]
    assert Path("motion.take/portrait/me.png").read_bytes() == b"a picture"
