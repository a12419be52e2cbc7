"""How `submit` ends: with its job, before it, by one signal and by two. No cluster is needed for that."""

from __future__ import annotations

import json
import signal

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from PIL import Image

from cluster import following
from cluster.entry import BEGUN, END, RESULT
from cluster.jobs import JobServer
from runtime.cli import main
from tests.jobbing import Client, Look, fails
from tests.program import at_home, left

OUTPUT = "s3://b/a.mp4"
BEGINNING = f"{BEGUN} raysubmit_1 on h\nplanning\n"
ADVICE = "textuportray: stopped by SIGTERM. Go on with: textuportray resume s3://b/a.take\n"
SIGNALS = [signal.SIGINT, signal.SIGTERM]
AGAIN = "textuportray submit --resume s3://b/a.take --dashboard http://h:1 --worker-gpus=1"


@pytest.fixture(autouse=True)
def _at_home(tmp_path, monkeypatch) -> Iterator[None]:
    monkeypatch.setattr(following, "LOOK_SECONDS", 0.001)
    with at_home(tmp_path):
        Image.new("RGB", (8, 8)).save("me.png")
        yield


@pytest.fixture
def submitted(monkeypatch, capsys) -> Callable[..., tuple[int, str, str]]:
    """Hands a job in at a made-up cluster: the exit code, and what is printed."""

    def submit(client: Client, *words: str, output: str = OUTPUT) -> tuple[int, str, str]:
        monkeypatch.setattr(JobServer, "at", lambda address: JobServer("http://h:1", client))
        given = ["me.png", "She smiles.", "-o", output, "--dashboard", "http://h:1", "--worker-gpus", "1"]
        code = main(["submit", *given, *words])
        printed = capsys.readouterr()
        return code, printed.out, printed.err.splitlines()[-1]

    return submit


def name_of(client: Client) -> str:
    """That of the one job, however many times it was handed in."""
    (name,) = {given["submission_id"] for given in client.handed_in}
    assert isinstance(name, str)
    return name


def raising(*signals: signal.Signals) -> Callable[[], None]:
    """What sends signals, the first time that it is called."""
    left_over = list(signals)

    def happens() -> None:
        while left_over:
            signal.raise_signal(left_over.pop(0))

    return happens


def test_it_ends_as_its_job_does(submitted):
    client = Client([("RUNNING", BEGINNING), ("SUCCEEDED", f"{BEGINNING}{RESULT}\na.mp4: 2 s\n{END}\n")])
    assert submitted(client)[:2] == (0, "a.mp4: 2 s\n")
    assert client.stopped == []
    client = Client([("FAILED", f"{BEGINNING}textuportray: no face was found.\n")])
    assert submitted(client)[::2] == (1, "textuportray: no face was found.")


def test_a_job_that_fails_is_gone_on_with_where_it_was(submitted):
    looks: Sequence[Look] = [("FAILED", f"{BEGINNING}textuportray: lost. Go on with: textuportray resume s3://b/a.take\n")]
    assert submitted(Client(looks))[::2] == (1, f"textuportray: on the cluster, go on with: {AGAIN}")


# -------------------------------------------------------------------------------------------------------------- signals


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_the_job_is_handed_in_stops_the_job(submitted, number):
    client = Client([("RUNNING", BEGINNING)], [("RUNNING", BEGINNING), ("STOPPED", BEGINNING + ADVICE)])
    client.answers = [raising(number)]
    code, _, said = submitted(client)
    assert (code, said) == (1, f"textuportray: the job was stopped by {number.name}. Go on with: {AGAIN}")
    assert client.stopped == [name_of(client)]


def test_a_signal_while_no_node_takes_the_job_ends_before_there_is_one(submitted):
    client = Client([])
    happens, refuses = raising(signal.SIGINT), fails(RuntimeError("No available agent"))

    def answer() -> None:
        happens()
        refuses()

    client.answers = [answer] * 2
    code, _, said = submitted(client)
    assert code == 1
    assert said == "textuportray: stopped by SIGINT before the cluster had taken the job. Give the same command again."
    assert len(client.handed_in) == 1
    assert client.stopped == []


def test_a_second_signal_while_the_job_closes_its_files_says_what_becomes_of_it(submitted):
    client = Client([("RUNNING", BEGINNING)], [("RUNNING", BEGINNING)])
    first, second = raising(signal.SIGINT), raising(signal.SIGINT)
    client.looked = lambda: second() if client.stopped else first()
    code, _, said = submitted(client)
    job = name_of(client)
    assert code == 1
    assert said == (
        f"textuportray: stopped. The job {job} was told to stop and is closing its files (ray job logs --follow --address "
        f"http://h:1 {job} shows how it ends). When it has ended, and not before, go on with: {AGAIN}"
    )


def test_two_signals_while_the_job_is_handed_in_stop_it_as_far_as_can_be(submitted):
    client = Client([("RUNNING", BEGINNING)], [("STOPPED", BEGINNING)])
    client.answers = [raising(signal.SIGINT, signal.SIGINT)]
    code, _, said = submitted(client)
    assert code == 1
    assert f"The job {name_of(client)} was told to stop" in said
    assert client.stopped == [name_of(client)]


def test_a_job_that_could_not_be_told_to_stop_is_named(submitted):
    client = Client([], [RuntimeError("Job does not exist")])
    client.answers = [raising(signal.SIGINT, signal.SIGINT)]
    code, _, said = submitted(client)
    job = name_of(client)
    assert code == 1
    assert said == (
        f"textuportray: stopped. The job {job} may be running all the same (ray job stop --address http://h:1 {job} stops it). "
        f"When it has ended, and not before, go on with: {AGAIN}"
    )
    assert client.seconds < 5, "somebody waits"


def test_a_signal_before_that_stops_nothing(submitted, monkeypatch):
    """It is as with every command: nothing is there yet."""
    client = Client([])
    happens = raising(signal.SIGINT)
    monkeypatch.setattr("cluster.jobs.new_name", happens)
    code, _, said = submitted(client)
    assert (code, client.handed_in, client.stopped) == (1, [], [])
    assert said.endswith("give the same command again to start over.")


# ------------------------------------------------------------------------------------------------------------- leaving


def test_who_leaves_is_told_the_name(submitted, tmp_path):
    client = Client([("PENDING", ""), ("RUNNING", BEGINNING)])
    code, out, _ = submitted(client, "--no-wait", "--json", output="a.mp4")
    job = name_of(client)
    told = json.loads(out)
    assert (code, told["job"]) == (0, job)
    assert told["stop"] == f"ray job stop --address http://h:1 {job}"
    assert left(Path()) == ["me.png"]
    assert client.stopped == []


def test_a_job_that_refuses_to_begin_is_not_left(submitted):
    """It says why as it begins, and is over soon after."""
    log = f"{BEGUN} raysubmit_1 on h\ntextuportray: /shared is not the folder of that name where it was handed in.\n"
    code, out, said = submitted(Client([("RUNNING", log), ("RUNNING", log), ("FAILED", log)]), "--no-wait")
    assert (code, out) == (1, "")
    assert said.startswith("textuportray: /shared is not the folder")
