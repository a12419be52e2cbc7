"""The command line: its commands, what it says when something is wrong, its exit codes, and what signals do.

An error is one short paragraph on standard error that says what, why and what to do; no file is left half-written.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time

from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.journal import read_journal
from runtime import cli
from runtime.cli import COMMANDS, Interrupted, Stopper, main
from runtime.commands import replay as replay_command
from tests.program import at_home, command, left, planned, refused


@pytest.fixture(scope="module")
def take(tmp_path_factory) -> Path:
    """A folder with a planned take: motion.json and motion.take."""
    return planned(tmp_path_factory.mktemp("take"))


@pytest.fixture(autouse=True)
def _at_home(tmp_path) -> Iterator[None]:
    with at_home(tmp_path):
        yield


# --------------------------------------------------------------------------------------------------------------- help


def test_help_lists_every_command(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for name, about in COMMANDS.items():
        assert f"  {name} " in text
        assert about.line in text


def test_without_a_command_the_help_is_shown_as_bad_usage(capsys):
    assert main([]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "commands:" in printed.err


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_shows_an_example(capsys, name):
    assert main([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert "example" in text
    assert f"  textuportray {name}" in text


def test_the_version_is_that_of_the_package(capsys):
    assert main(["--version"]) == 0
    name, version = capsys.readouterr().out.split()
    assert name == "textuportray"
    assert version[0].isdigit()


@pytest.mark.parametrize(
    ("given", "meant"), [("paln", "plan"), ("repaly", "replay"), ("verfy", "verify"), ("docter", "doctor")]
)
def test_a_command_that_is_misspelled_gets_the_nearest(capsys, given, meant):
    assert refused(capsys, given) == f"there is no command '{given}'. Did you mean {meant}?"


def test_a_command_like_no_other_gets_them_all(capsys):
    assert refused(capsys, "xyzzy") == f"there is no command 'xyzzy'. Choose one of: {', '.join(COMMANDS)}."


HEAVY = (
    "ray",
    "torch",
    "numpy.random",
    "scipy",
    "mcap",
    "diffusers",
    "autogen",
    "autogen_agentchat",
    "pydantic",
    "yaml",
    "structlog",
)
"""What help has no use for. Replay needs some of it, but nothing that the take was made with."""


@pytest.mark.parametrize(
    ("words", "absent"),
    [
        (["--help"], HEAVY),
        (["plan", "--help"], HEAVY),
        (["animate", "--help"], HEAVY),
        (["render", "--help"], HEAVY),
        (["rig", "--help"], HEAVY),
        (["replay", "TAKE"], ("ray", "torch", "scipy", "agents", "diffusers")),
    ],
)
def test_commands_load_only_what_they_need(take, words, absent):
    words = [str(take / "motion.take") if word == "TAKE" else word for word in words]
    program = f"import sys; from runtime.cli import main; main({words!r}); print(*sys.modules, sep='\\n', file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path(cli.__file__).parents[1]
    )
    loaded = set(done.stderr.split())
    assert "runtime.cli" in loaded
    assert loaded.isdisjoint(absent), sorted(loaded.intersection(absent))


# ------------------------------------------------------------------------------------------------------------ bad usage


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["plan"], "the following arguments are required: DIRECTION, -o/--output. See: textuportray plan --help"),
        (["plan", "She smiles"], "the following arguments are required: -o/--output"),
        (["plan", "She smiles", "-o"], "argument -o/--output: expected one argument"),
        (["plan", "She smiles", "--seconds", "-inf", "-o", "m.json"], "argument --seconds: expected one argument"),
        (["plan", "She", "smiles", "-o", "m.json"], "unrecognized arguments: smiles"),
        (["plan", "She smiles", "--sec", "3", "-o", "m.json"], "unrecognized arguments: --sec 3"),
        (["replay"], "the following arguments are required: TAKE"),
        (["replay", "m.take", "--region", "nose"], "argument --region: invalid choice: 'nose'"),
        (["replay", "m.take", "--until", "0"], "--until '0' is not the place of a record"),
        (["verify", "m.take", "--fps", "24,0"], "--fps '0' is not a frame rate"),
    ],
)
def test_options_that_do_not_fit_are_named_in_one_line(capsys, tmp_path, words, said):
    assert said in refused(capsys, *words)
    assert left(tmp_path) == []


# ---------------------------------------------------------------------------------------------------- errors and debug


def test_an_error_that_should_not_happen_asks_for_a_report(capsys, monkeypatch):
    def broken(options, stopper):
        raise KeyError("a bug\nin two lines")

    monkeypatch.setattr(replay_command, "run", broken)
    text = refused(capsys, "replay", "m.take", code=1)
    assert text.startswith("an error that should not happen: KeyError: ")
    assert text.endswith("Run it again with --debug and report what it shows.")


def test_debugging_shows_where_an_error_comes_from(capsys):
    assert main(["plan", "", "-o", "motion.json", "--debug"]) == 2
    text = capsys.readouterr().err
    assert "Traceback" in text
    assert "in parse_direction" in text
    assert text.splitlines()[-1].startswith("textuportray: The direction is empty")


def test_debugging_logs_every_message_with_take_beat_and_region(capsys):
    assert main(["plan", "She smiles.", "--no-idle", "--debug", "-o", "motion.json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert all({"take", "beat", "region", "seq"} <= set(event) for event in events)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert len({event["take"] for event in events}) == 1
    assert {"brows", "eyes", "mouth", "head"} <= {event["region"] for event in events}


# -------------------------------------------------------------------------------------------------- pipes and terminals


def test_whoever_reads_the_output_may_stop_reading(take):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as nobody:
        done = subprocess.run(
            command("replay", str(take / "motion.take"), "--json"),
            check=False,
            stdout=nobody,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("words", [["replay", "TAKE"], ["--help"]])
def test_output_that_cannot_be_written_is_an_error(take, words):
    """Much of it fails on the way, little only when all is said."""
    given = [str(take / "motion.take") if word == "TAKE" else word for word in words]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command(*given), check=False, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr == "textuportray: the output could not be written (No space left on device).\n"


def test_a_terminal_that_lacks_a_letter_gets_its_number(take):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command("replay", str(take / "motion.take")), check=False, capture_output=True, env=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"headYaw -" in done.stdout
    assert b"\\xb0" in done.stdout  # degrees


# ------------------------------------------------------------------------------------------------------------- signals


def test_a_first_signal_during_long_work_is_a_question_and_a_second_ends_it(capfd):
    stopper = Stopper()
    stopper.install()
    try:
        with stopper:
            assert stopper() is None
            signal.raise_signal(signal.SIGTERM)
            assert stopper() == "SIGTERM"
            with pytest.raises(Interrupted):
                signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)  # tidying up is left in peace
    finally:
        stopper.remove()
    assert capfd.readouterr().err == "textuportray: stopping after the step at hand; a second signal stops it at once\n"


def test_a_signal_outside_of_long_work_ends_the_command(capsys, monkeypatch):
    monkeypatch.setattr(replay_command, "run", lambda options, stopper: signal.raise_signal(signal.SIGTERM))
    assert refused(capsys, "replay", "m.take", code=1).startswith("stopped. No file was left half-written")


LONG = "She smiles warmly, then glances left and raises an eyebrow, then nods twice, then frowns."


def _signalled(folder: Path, number: signal.Signals, when: str) -> tuple[int, str]:
    """Plan, and signal once something has been seen: a file in the folder of the take, or that the program has started."""
    words = command("plan", LONG, "--seconds", "6", "--fps", "240", "-o", str(folder / "motion.json"))
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            seen = folder / "motion.take" / when.replace("PID", str(process.pid))
            deadline = time.monotonic() + 60
            while process.poll() is None and time.monotonic() < deadline:
                if _takes_over_signals(process.pid) if when == "start" else seen.exists():
                    break
                time.sleep(0.001)
            process.send_signal(number)
            err = process.communicate(timeout=60)[1]
        finally:
            process.kill()
    assert "Traceback" not in err
    return process.returncode, err


def _takes_over_signals(pid: int) -> bool:
    """Whether a process has its own handler of SIGTERM (proc(5): SigCgt); until then Python itself answers signals."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize(
    ("number", "when"),
    [
        (signal.SIGINT, "start"),
        (signal.SIGTERM, "start"),
        (signal.SIGINT, "journal.live.mcap"),
        pytest.param(signal.SIGTERM, "timeline.json", marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, ".motion.json.PID.part", marks=pytest.mark.slow),
    ],
)
def test_a_signal_at_any_moment_leaves_outputs_that_are_whole_or_absent(tmp_path, number, when):
    code, err = _signalled(tmp_path, number, when)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if path.suffix == ".part"]
    for path in files:
        if path.suffix == ".mcap":
            with path.open("rb") as stream:
                assert read_journal(stream).records
        else:
            assert json.loads(path.read_bytes())
    if code == 0:
        # It came when nothing was left to be done.
        assert (tmp_path / "motion.json").is_file()
        return
    assert code == 1
    assert not (tmp_path / "motion.json").exists()
    last = err.splitlines()[-1]
    if when == "start":
        assert last == "textuportray: stopped. No file was left half-written; give the same command again to start over."
        assert left(tmp_path) == []
    else:
        assert last.startswith(f"textuportray: stopped by {number.name} ")
        assert f"Go on with: textuportray resume {tmp_path / 'motion.take'}, or see how far" in last
        assert (tmp_path / "motion.take" / "journal.mcap").is_file()


def test_output_of_a_command_in_process_is_not_cut_off(monkeypatch, take):
    """A stream that is no file is written to as it is."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["replay", str(take / "motion.take")]) == 0
    assert "take done" in stream.getvalue()
